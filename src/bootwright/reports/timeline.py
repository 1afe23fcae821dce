"""A timeline as text of 60 to 80 columns: a tree with bars, and the critical path's longest."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootwright.reports.text import BOLD, DIM, duration, printable, styled
from bootwright.timelines.evidence import DeviceAccess
from bootwright.timelines.looks import further_looks
from bootwright.timelines.span import ROOT, Silence, Span, Timeline, covered_ns, merged

JSON_VERSION = 1

_WIDTH = 80
_NARROWEST = 60
_BAR_WIDTH = 10
_FIGURES_WIDTH = 29
"""Of start, length and what is unaccounted for, with the spaces before them."""
_LONGEST = 10
_SHARE_WIDTH = 20
_DEVICES = 12
"""How many devices have a row of their own."""
_COUNTS_WIDTH = 40
_LEAST_HEAD = 8
"""How much of a unit's name must stay where what is said of it is kept."""
_LEAST_NS = 50_000
"""Less than this would read 0.0 ms."""
_SHARE = 0.01
"""A span that is shorter than this part of the whole is not a row of its own, but at the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineValues:
    """What ``timeline --json`` prints; docs/json.md says what the fields mean."""

    version: int = JSON_VERSION
    clock: str
    total_ns: int
    unaccounted_ns: int
    clock_error_ns: int
    overhead_ns: int | None
    warnings: tuple[str, ...]
    hints: tuple[str, ...]
    silences: tuple[Silence, ...]
    accesses: tuple[DeviceAccess, ...]
    spans: tuple[Span, ...]


def values(timeline: Timeline) -> TimelineValues:
    """Return a timeline with its figures, for JSON."""
    return TimelineValues(
        clock=timeline.clock,
        total_ns=timeline.total_ns,
        unaccounted_ns=timeline.unaccounted_ns()[ROOT],
        clock_error_ns=timeline.clock_error_ns,
        overhead_ns=timeline.overhead_ns,
        warnings=timeline.warnings,
        hints=further_looks(timeline),
        silences=timeline.silences,
        accesses=timeline.accesses,
        spans=timeline.spans,
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """How wide the report is."""

    width: int

    @property
    def name(self) -> int:
        """The width of names in the tree; a bar stands beside them only where there is room."""
        bar = _BAR_WIDTH + 1 if self.width == _WIDTH else 0
        return self.width - _FIGURES_WIDTH - bar


def text(timeline: Timeline, *, color: bool = False, columns: int | None = None) -> str:
    """Return the whole report.

    Args:
        color: Whether the critical path is bold and what is unaccounted is dim.
        columns: How wide it may be; less than 80 leaves the bars out.
    """
    page = _Page(max(_NARROWEST, min(columns or _WIDTH, _WIDTH)))
    unaccounted = timeline.unaccounted_ns()
    lines = [f"{'':<{page.name}} {'start':>8} {'length':>9} {'unacc.':>9}"]
    lines += _tree(timeline, page, timeline.root, 0, timeline.children(), unaccounted, color)
    if longest := list(_longest(timeline, page.width)):
        lines += ["", "longest on the critical path:", *longest]
    if timeline.silences:
        lines += ["", *_silences(timeline, page.width)]
    if timeline.accesses:
        lines += ["", *_accesses(timeline.accesses, page.width)]
    lines += ["", *_footnotes(timeline, unaccounted, page.width)]
    return "\n".join(lines)


def _tree(
    timeline: Timeline,
    page: _Page,
    span: Span,
    depth: int,
    children: Mapping[str, tuple[Span, ...]],
    unaccounted: Mapping[str, int],
    color: bool,
    above: str = "",
) -> Iterator[str]:
    least_ns = timeline.total_ns * _SHARE
    star = "*" if span.critical and span.id != ROOT else " "
    # What is said of a unit below its own row need not name it again.
    name = span.name.removeprefix(f"{above}: ") if above else span.name
    open_ns = unaccounted[span.id]
    row = _row(timeline, page, star + "  " * depth, name, span.start_ns, span.duration_ns, open_ns)
    is_open = bool(open_ns) and open_ns == span.duration_ns and span.id != ROOT
    yield styled(row, BOLD if span.critical else DIM, color and (span.critical or is_open))
    below = children.get(span.id, ())
    shown = [c for c in below if c.duration_ns >= least_ns or span.id == ROOT]
    for child in shown:
        yield from _tree(timeline, page, child, depth + 1, children, unaccounted, color, span.name)
    margin = " " + "  " * (depth + 1)
    if shown and len(shown) < len(below):
        rest = [child for child in below if child not in shown]
        summed = sum(child.duration_ns for child in rest)
        text = f"{len(rest)} shorter ones, in total" if len(rest) > 1 else "1 shorter one"
        open_ns = sum(unaccounted[child.id] for child in rest)
        yield _row(timeline, page, margin, text, None, summed, open_ns)


def _row(
    timeline: Timeline,
    page: _Page,
    margin: str,
    name: str,
    start_ns: int | None,
    length_ns: int,
    open_ns: int,
) -> str:
    margin = margin[: page.name // 2]
    start = "" if start_ns is None else f"{start_ns / 1e6:.1f}"
    bar = "" if start_ns is None else _bar(timeline.total_ns, start_ns, length_ns)
    left = margin + _fitted(name, page.name - len(margin))
    unexplained = f"{open_ns / 1e6:.1f}" if open_ns >= _LEAST_NS else "-"
    row = f"{left:<{page.name}} {start:>8} {length_ns / 1e6:>9.1f} {unexplained:>9}"
    if page.width < _WIDTH:
        return row
    return f"{row} {bar}"[:_WIDTH].rstrip()  # what took hours has longer figures, and a shorter bar


def _fitted(name: str, width: int) -> str:
    """Cut a name to *width*: of ``UNIT: WHAT`` the unit's, so that it still says what."""
    if len(name) <= width:
        return name
    head, colon, what = name.partition(": ")
    room = width - len(colon) - len(what) - 1
    if colon and room >= _LEAST_HEAD:
        return f"{head[:room]}…{colon}{what}"
    return name[: width - 1] + "…"


def _bar(total_ns: int, start_ns: int, length_ns: int) -> str:
    if total_ns <= 0:
        return ""
    first = min(int(_BAR_WIDTH * start_ns / total_ns), _BAR_WIDTH - 1)
    width = max(1, round(_BAR_WIDTH * length_ns / total_ns))
    return " " * first + "━" * min(width, _BAR_WIDTH - first)


def _longest(timeline: Timeline, width: int) -> Iterator[str]:
    """Yield the spans that took most, each without what is told of below it."""
    children = timeline.children()
    own = []
    for span in timeline.spans:
        below = children.get(span.id, ())
        # What a frame holds beside its children is unaccounted, and said so. Of a log alone no
        # frame is known to be a thing that took time.
        is_frame = span.kind == "frame" and (below or timeline.clock == "guest")
        if span.critical and not is_frame:
            inner = merged((child.start_ns, child.end_ns) for child in below)
            own.append((span.duration_ns - covered_ns(inner, span.start_ns, span.end_ns), span))
    own.sort(key=lambda pair: -pair[0])
    for own_ns, span in own[:_LONGEST]:
        if own_ns:
            share = 100 * own_ns / timeline.total_ns
            layer = f"  {span.layer}: "
            room = width - _SHARE_WIDTH
            name = layer + _fitted(span.name, room - len(layer))
            yield f"{name:<{room}} {own_ns / 1e6:>9.1f} {share:>5.1f} %"


def _silences(timeline: Timeline, width: int) -> Iterator[str]:
    yield "gaps that nothing explains, between these lines, longest first:"
    for silence in timeline.silences:
        share = 100 * silence.duration_ns / timeline.total_ns
        figures = f"{silence.duration_ns / 1e6:>10.1f} {share:>5.1f} %"
        yield f"{figures} {_quoted(silence.before, width)}"
        yield f"{'':<18} {_quoted(silence.after, width)}"
        if silence.known:
            yield from textwrap.wrap(
                f"known to mean: {silence.known}",
                width,
                initial_indent=" " * 19,
                subsequent_indent=" " * 21,
            )


def _quoted(line: str, width: int) -> str:
    plain = printable(line)
    room = width - 19
    return plain if len(plain) <= room else plain[: room - 1] + "…"


def _accesses(accesses: Sequence[DeviceAccess], width: int) -> Iterator[str]:
    yield "accesses by device; on real hardware each is a VM exit"
    yield f"  {'':<{width - _COUNTS_WIDTH}} {'reads':>11} {'writes':>11} {'bytes':>12}"
    rest = accesses[_DEVICES:]
    for access in accesses[:_DEVICES]:
        yield _access(access.device, [access], width)
    if rest:
        yield _access(f"{len(rest)} others, in total", rest, width)
    yield from textwrap.wrap(
        "loops that poll a clock (HPET, PM timer, PIT) run more often here",
        width,
        initial_indent="  ",
        subsequent_indent="  ",
    )


def _access(name: str, accesses: Sequence[DeviceAccess], width: int) -> str:
    room = width - _COUNTS_WIDTH
    cut = name if len(name) <= room else name[: room - 1] + "…"
    reads, writes, transferred = (
        sum(counts)
        for counts in zip(*((a.reads, a.writes, a.bytes) for a in accesses), strict=True)
    )
    return f"  {cut:<{room}} {reads:>11} {writes:>11} {transferred:>12}"


def _footnotes(timeline: Timeline, unaccounted: Mapping[str, int], width: int) -> Iterator[str]:
    for line in _notes(timeline, unaccounted):
        yield from textwrap.wrap(line, width, subsequent_indent="  ")


def _notes(timeline: Timeline, unaccounted: Mapping[str, int]) -> Iterator[str]:
    total = timeline.total_ns
    open_ns = unaccounted[ROOT]
    share = 100 * open_ns / total if total else 0.0
    yield f"whole {duration(total)}, unaccounted {duration(open_ns)} ({share:.1f} %)"
    if open_ns >= _LEAST_NS:
        yield "unaccounted: no initcall, probe, unit, process or vCPU sample explains it"
    if timeline.clock == "wall":
        yield (
            f"the guest's times may be off by {duration(timeline.clock_error_ns)} "
            "against the host's"
        )
    if timeline.overhead_ns is not None:
        by = duration(abs(timeline.overhead_ns))
        yield (
            "initcalls come from a second, instrumented boot; its kernel took "
            f"{by} {'more' if timeline.overhead_ns >= 0 else 'less'}"
        )
    yield "times in ms; * on the critical path"
    for word, texts in (("warning", timeline.warnings), ("hint", further_looks(timeline))):
        for text in texts:
            yield f"{word}: {text}"
