"""A timeline as text that fits 80 columns: a tree with bars, and the critical path's longest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bootwright.report.text import duration
from bootwright.timeline.evidence import Access
from bootwright.timeline.span import ROOT, Span, Timeline

_NAME_WIDTH = 40
_BAR_WIDTH = 20
_LONGEST = 10
_DEVICES = 12
"""How many devices have a row of their own."""
_SHARE = 0.01
"""A span that is shorter than this part of the whole is not a row of its own."""
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def text(timeline: Timeline, *, color: bool = False) -> str:
    """Return the whole report.

    Args:
        color: Whether the critical path is bold and what is unaccounted is dim.
    """
    unaccounted = timeline.unaccounted_ns()
    lines = [f"{'':<{_NAME_WIDTH}} {'start':>8} {'length':>9}"]
    lines += _tree(timeline, timeline.root, 0, timeline.children(), unaccounted, color)
    lines += ["", *_longest(timeline), ""]
    if timeline.accesses:
        lines += [*_accesses(timeline.accesses), ""]
    lines += [*_footnotes(timeline, unaccounted)]
    return "\n".join(lines)


def _tree(
    timeline: Timeline,
    span: Span,
    depth: int,
    children: Mapping[str, tuple[Span, ...]],
    unaccounted: Mapping[str, int],
    color: bool,
) -> Iterator[str]:
    least_ns = timeline.total_ns * _SHARE
    star = "*" if span.critical and span.id != ROOT else " "
    row = _row(timeline, star + "  " * depth + span.name, span.start_ns, span.duration_ns)
    yield _styled(row, _BOLD, color and span.critical)
    below = children.get(span.id, ())
    shown = [child for child in below if child.duration_ns >= least_ns]
    for child in shown:
        yield from _tree(timeline, child, depth + 1, children, unaccounted, color)
    margin = " " + "  " * (depth + 1)
    if shown and len(shown) < len(below):
        rest = [child for child in below if child not in shown]
        summed = sum(child.duration_ns for child in rest)
        yield _row(timeline, f"{margin}{len(rest)} shorter ones, in sum", None, summed)
    if below and unaccounted[span.id] >= least_ns:
        row = _row(timeline, f"{margin}unaccounted", None, unaccounted[span.id])
        yield _styled(row, _DIM, color)


def _row(timeline: Timeline, name: str, start_ns: int | None, length_ns: int) -> str:
    start = "" if start_ns is None else f"{start_ns / 1e6:.1f}"
    bar = "" if start_ns is None else _bar(timeline.total_ns, start_ns, length_ns)
    cut = name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"
    return f"{cut:<{_NAME_WIDTH}} {start:>8} {length_ns / 1e6:>9.1f} {bar}".rstrip()


def _styled(row: str, style: str, wanted: bool) -> str:
    return f"{style}{row}{_PLAIN}" if wanted else row


def _bar(total_ns: int, start_ns: int, length_ns: int) -> str:
    if total_ns <= 0:
        return ""
    first = min(int(_BAR_WIDTH * start_ns / total_ns), _BAR_WIDTH - 1)
    width = max(1, round(_BAR_WIDTH * length_ns / total_ns))
    return " " * first + "━" * min(width, _BAR_WIDTH - first)


def _longest(timeline: Timeline) -> Iterator[str]:
    parents = {span.parent for span in timeline.spans}
    leaves = [s for s in timeline.spans if s.critical and s.id not in parents and s.duration_ns]
    leaves.sort(key=lambda span: -span.duration_ns)
    yield "longest on the critical path:"
    for span in leaves[:_LONGEST]:
        share = 100 * span.duration_ns / timeline.total_ns
        name = f"{span.layer}: {span.name}"
        cut = name if len(name) <= 58 else name[:57] + "…"
        yield f"  {cut:<58} {span.duration_ns / 1e6:>9.1f} {share:>5.1f} %"


def _accesses(accesses: Sequence[Access]) -> Iterator[str]:
    yield "what costs a VM exit on real hardware: accesses by device"
    yield f"  {'':<{_NAME_WIDTH}} {'reads':>11} {'writes':>11} {'bytes':>12}"
    rest = accesses[_DEVICES:]
    for access in accesses[:_DEVICES]:
        yield _access(access.device, [access])
    if rest:
        yield _access(f"{len(rest)} others, in sum", rest)
    yield "  loops that poll a clock (HPET, PM timer, PIT) get round more often here"


def _access(name: str, accesses: Sequence[Access]) -> str:
    cut = name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"
    reads, writes, transferred = (
        sum(counts)
        for counts in zip(*((a.reads, a.writes, a.bytes) for a in accesses), strict=True)
    )
    return f"  {cut:<{_NAME_WIDTH}} {reads:>11} {writes:>11} {transferred:>12}"


def _footnotes(timeline: Timeline, unaccounted: Mapping[str, int]) -> Iterator[str]:
    total = timeline.total_ns
    open_ns = unaccounted[ROOT]
    share = 100 * open_ns / total if total else 0.0
    yield f"whole {duration(total)}, unaccounted {duration(open_ns)} ({share:.1f} %)"
    if timeline.clock == "wall":
        yield (
            f"the guest's times may be off by {duration(timeline.clock_error_ns)} "
            "against the host's"
        )
    if timeline.overhead_ns is not None:
        yield (
            "initcalls are from a second boot, fitted into this one; watching cost "
            f"{timeline.overhead_ns / 1e6:.1f} ms"
        )
    yield "times in ms; * on the critical path"
    yield from (f"warning: {warning}" for warning in timeline.warnings)
