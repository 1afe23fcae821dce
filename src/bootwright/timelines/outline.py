"""The timeline of a boot whose guest was not asked: its marks, and nothing between them. Pure."""

from __future__ import annotations

from dataclasses import replace

from bootwright.errors import FormatError
from bootwright.recipes.clock import CLOCKS
from bootwright.timelines import host, placing
from bootwright.timelines.assemble import assemble
from bootwright.timelines.evidence import Evidence
from bootwright.timelines.phases import Phase, phases, start_up_of, total_ns
from bootwright.timelines.recorder import Mark
from bootwright.timelines.span import ROOT, Layer, Span, Timeline

_NOTE = (
    "this boot has only marks, as all boots of bootwright run and start; "
    "bootwright timeline IMAGE shows what happens inside one"
)
_VIRTUAL_NOTE = "these are the host's times: times on the guest's virtual clock are unknown"

# How a phase's span is called where a whole timeline has one like it.
_SPANS: dict[str, tuple[str, Layer]] = {
    "host preparation": ("host", "host"),
    "VMM start": ("vmm", "host"),
    "firmware and kernel": ("kernel", "kernel"),
    "initramfs": ("initramfs", "initramfs"),
    "PID 1 to sshd": ("pid1", "userspace"),
    "PID 1 to command": ("pid1", "userspace"),
    "SSH log-in": ("ssh", "ssh"),
}


def timeline_of(evidence: Evidence) -> Timeline:
    """Return the timeline of a boot of ours, as far as anything is known of it.

    Raises:
        FormatError: the evidence lacks what no boot of ours is without.
    """
    return assemble(evidence) if evidence.clean.kernel_log else outline(evidence)


def start_up(evidence: Evidence) -> tuple[Phase, ...]:
    """Return the phases of a start-up by its marks; none where one is missing."""
    marks = [Mark(name=mark.name, time_ns=mark.time_ns) for mark in evidence.clean.marks]
    specs = start_up_of(str(evidence.recipe.get("init", "")))
    cut = phases(marks, specs)
    return cut if len(cut) == len(specs) else ()


def outline(evidence: Evidence) -> Timeline:
    """Return a timeline of frames, one for each phase of the start-up; it explains nothing of them.

    Raises:
        FormatError: the marks do not tell when the start-up began and ended.
    """
    cut = start_up(evidence)
    if not cut:
        raise FormatError("the evidence has no start or no end of the boot")
    spans = [_span(ROOT, "", "host", "boot", 0, total_ns(cut), f"mark {cut[0].start_mark}")]
    times = evidence.clean.first_times()
    spans += host.spans(times, -times[cut[0].start_mark])
    there = {span.id for span in spans}
    for phase in cut:
        span_id, layer = _SPANS[phase.name]
        if span_id not in there:
            end_ns = phase.start_ns + phase.duration_ns
            source = f"marks {phase.start_mark}, {phase.end_mark}"
            spans.append(_span(span_id, ROOT, layer, phase.name, phase.start_ns, end_ns, source))
    timed_by_guest = CLOCKS[evidence.clock].timed_by_guest
    return Timeline(
        spans=placing.tree([replace(span, critical=True, slack_ns=0) for span in spans]),
        clock="wall",
        clock_error_ns=0,
        warnings=(_NOTE, _VIRTUAL_NOTE) if timed_by_guest else (_NOTE,),
    )


def _span(
    span_id: str, parent: str, layer: Layer, name: str, start_ns: int, end_ns: int, source: str
) -> Span:
    return Span(
        id=span_id,
        parent=parent,
        layer=layer,
        name=name,
        kind="frame",
        start_ns=start_ns,
        end_ns=end_ns,
        source=source,
    )
