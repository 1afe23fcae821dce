"""The host's spans: what bootwright and the VMM did before the guest's first instruction."""

from __future__ import annotations

from collections.abc import Mapping

from bootwright.timelines.span import Layer, Span

# What lies between two marks that follow each other, and what did it.
_STEPS: tuple[tuple[str, str, str, str], ...] = (
    ("host.python", "command.entered", "command.begun", "Python start-up and imports"),
    ("host.recipe", "command.begun", "monitor.exec", "recipe, image, kernel and checks"),
    ("host.monitor", "monitor.exec", "monitor.begun", "start of the monitor process"),
    ("host.folder", "monitor.begun", "machine.claimed", "machine's folder and lock"),
    ("host.disk", "machine.claimed", "disk.made", "identity, keys and disk"),
    ("host.initrd", "disk.made", "initrd.made", "modules and initramfs"),
    ("host.sockets", "initrd.made", "vmm.exec", "sockets of the VMM"),
    ("vmm.load", "vmm.exec", "vmm.ready", "VMM process: devices, kernel, initrd"),
    ("vmm.resume", "vmm.ready", "vmm.running", "ports, then resume"),
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
        ("host", "host preparation", "command.entered", "vmm.exec"),
        ("vmm", "VMM start", "vmm.exec", "vmm.running"),
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
