"""A timeline as text that fits 80 columns: a tree with bars, and the critical path's longest."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootwright.report.text import BOLD, DIM, duration, styled
from bootwright.timeline.evidence import Access
from bootwright.timeline.span import ROOT, Span, Timeline, covered_ns, merged

JSON_VERSION = 1

_WIDTH = 80
_NAME_WIDTH = 42
_BAR_WIDTH = 18
_LONGEST = 10
_DEVICE_WIDTH = 40
_DEVICES = 12
"""How many devices have a row of their own."""
_LONGEST_WIDTH = 60
_LEAST_HEAD = 8
"""How much of a unit's name must stay where what is said of it is kept."""
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
    accesses: tuple[Access, ...]
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
        accesses=timeline.accesses,
        spans=timeline.spans,
    )


def text(timeline: Timeline, *, color: bool = False) -> str:
    """Return the whole report.

    Args:
        color: Whether the critical path is bold and what is unaccounted is dim.
    """
    unaccounted = timeline.unaccounted_ns()
    lines = [f"{'':<{_NAME_WIDTH}} {'start':>8} {'length':>9}"]
    lines += _tree(timeline, timeline.root, 0, timeline.children(), unaccounted, color)
    if longest := list(_longest(timeline)):
        lines += ["", "longest on the critical path:", *longest]
    if timeline.accesses:
        lines += ["", *_accesses(timeline.accesses)]
    lines += ["", *_footnotes(timeline, unaccounted)]
    return "\n".join(lines)


def _tree(
    timeline: Timeline,
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
    row = _row(timeline, star + "  " * depth, name, span.start_ns, span.duration_ns)
    yield styled(row, BOLD, color and span.critical)
    below = children.get(span.id, ())
    shown = [c for c in below if c.duration_ns >= least_ns or span.id == ROOT]
    for child in shown:
        yield from _tree(timeline, child, depth + 1, children, unaccounted, color, span.name)
    margin = " " + "  " * (depth + 1)
    if shown and len(shown) < len(below):
        rest = [child for child in below if child not in shown]
        summed = sum(child.duration_ns for child in rest)
        text = f"{len(rest)} shorter ones, in sum" if len(rest) > 1 else "1 shorter one"
        yield _row(timeline, margin, text, None, summed)
    if below and unaccounted[span.id] >= least_ns:
        row = _row(timeline, margin, "unaccounted", None, unaccounted[span.id])
        yield styled(row, DIM, color)


def _row(timeline: Timeline, margin: str, name: str, start_ns: int | None, length_ns: int) -> str:
    margin = margin[: _NAME_WIDTH // 2]
    start = "" if start_ns is None else f"{start_ns / 1e6:.1f}"
    bar = "" if start_ns is None else _bar(timeline.total_ns, start_ns, length_ns)
    left = margin + _fitted(name, _NAME_WIDTH - len(margin))
    row = f"{left:<{_NAME_WIDTH}} {start:>8} {length_ns / 1e6:>9.1f} {bar}"
    return row[:_WIDTH].rstrip()  # what took hours has longer figures, and a shorter bar


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


def _longest(timeline: Timeline) -> Iterator[str]:
    """Yield the spans that took most, each without what is told of below it."""
    children = timeline.children()
    own = []
    for span in timeline.spans:
        below = children.get(span.id, ())
        # What a frame holds beside its children is unaccounted, and said so.
        if span.critical and not (below and span.kind == "frame"):
            inner = merged((child.start_ns, child.end_ns) for child in below)
            own.append((span.duration_ns - covered_ns(inner, span.start_ns, span.end_ns), span))
    own.sort(key=lambda pair: -pair[0])
    for own_ns, span in own[:_LONGEST]:
        if own_ns:
            share = 100 * own_ns / timeline.total_ns
            layer = f"  {span.layer}: "
            name = layer + _fitted(span.name, _LONGEST_WIDTH - len(layer))
            yield f"{name:<{_LONGEST_WIDTH}} {own_ns / 1e6:>9.1f} {share:>5.1f} %"


def _accesses(accesses: Sequence[Access]) -> Iterator[str]:
    yield "what costs a VM exit on real hardware: accesses by device"
    yield f"  {'':<{_DEVICE_WIDTH}} {'reads':>11} {'writes':>11} {'bytes':>12}"
    rest = accesses[_DEVICES:]
    for access in accesses[:_DEVICES]:
        yield _access(access.device, [access])
    if rest:
        yield _access(f"{len(rest)} others, in sum", rest)
    yield "  loops that poll a clock (HPET, PM timer, PIT) get round more often here"


def _access(name: str, accesses: Sequence[Access]) -> str:
    cut = name if len(name) <= _DEVICE_WIDTH else name[: _DEVICE_WIDTH - 1] + "…"
    reads, writes, transferred = (
        sum(counts)
        for counts in zip(*((a.reads, a.writes, a.bytes) for a in accesses), strict=True)
    )
    return f"  {cut:<{_DEVICE_WIDTH}} {reads:>11} {writes:>11} {transferred:>12}"


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
        by = duration(abs(timeline.overhead_ns))
        yield (
            "initcalls are a second boot's, fitted in; its watched kernel took "
            f"{by} {'more' if timeline.overhead_ns >= 0 else 'less'}"
        )
    yield "times in ms; * on the critical path"
    for warning in timeline.warnings:
        yield from textwrap.wrap(f"warning: {warning}", _WIDTH, subsequent_indent="  ")
