"""The host's spans: what bootwright and the VMM did before the guest's first instruction."""

from __future__ import annotations

from collections.abc import Mapping

from bootwright.timelines.marks import MarkName
from bootwright.timelines.span import Layer, Span

# What lies between two marks that follow each other, and what did it.
_STEPS: tuple[tuple[str, str, str, str], ...] = (
    (
        "host.python",
        MarkName.COMMAND_ENTERED,
        MarkName.COMMAND_BEGUN,
        "Python start-up and imports",
    ),
    (
        "host.recipe",
        MarkName.COMMAND_BEGUN,
        MarkName.MONITOR_EXEC,
        "recipe, image, kernel and checks",
    ),
    ("host.monitor", MarkName.MONITOR_EXEC, MarkName.MONITOR_BEGUN, "start of the monitor process"),
    ("host.folder", MarkName.MONITOR_BEGUN, MarkName.MACHINE_CLAIMED, "machine's folder and lock"),
    ("host.disk", MarkName.MACHINE_CLAIMED, MarkName.DISK_MADE, "identity, keys and disk"),
    ("host.initrd", MarkName.DISK_MADE, MarkName.INITRD_MADE, "modules and initramfs"),
    ("host.sockets", MarkName.INITRD_MADE, MarkName.VMM_EXEC, "sockets of the VMM"),
    ("vmm.load", MarkName.VMM_EXEC, MarkName.VMM_READY, "VMM process: devices, kernel, initrd"),
    ("vmm.resume", MarkName.VMM_READY, MarkName.VMM_RUNNING, "ports, then resume"),
)
MARKS = tuple(dict.fromkeys(mark for _, start, end, _ in _STEPS for mark in (start, end)))


def spans(marks: Mapping[str, int], shift_ns: int) -> list[Span]:
    """Return two frames, host preparation and VMM start, and below them what was done.

    Args:
        marks: When each mark was taken, on the host's monotonic clock.
        shift_ns: What is added to it.

    A step of which a mark is missing is left out, and its time is not explained.
    """
    found = []
    frames: tuple[tuple[str, str, str, str], ...] = (
        ("host", "host preparation", MarkName.COMMAND_ENTERED, MarkName.VMM_EXEC),
        ("vmm", "VMM start", MarkName.VMM_EXEC, MarkName.VMM_RUNNING),
    )
    for span_id, name, start, end in frames:
        if start in marks and marks.get(end, -1) >= marks[start]:
            found.append(_span(span_id, "boot", name, start, end, marks, shift_ns, frame=True))
    there = {span.id for span in found}
    for span_id, start, end, name in _STEPS:
        parent = span_id.partition(".")[0]
        if parent in there and start in marks and marks.get(end, -1) >= marks[start]:
            found.append(_span(span_id, parent, name, start, end, marks, shift_ns))
    return found


def _span(
    span_id: str,
    parent: str,
    name: str,
    start: str,
    end: str,
    marks: Mapping[str, int],
    shift_ns: int,
    *,
    frame: bool = False,
) -> Span:
    layer: Layer = "host"
    return Span(
        id=span_id,
        parent=parent,
        layer=layer,
        name=name,
        kind="frame" if frame else "work",
        start_ns=marks[start] + shift_ns,
        end_ns=marks[end] + shift_ns,
        source=f"marks {start}, {end}",
        critical=True,
        slack_ns=0,
    )
