"""Two boots beside each other, as text of 60 to 80 columns and as values for JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bootwright.reports.text import BOLD, DIM, duration, styled
from bootwright.timelines.diff import LEAST_NS, Diff, SpanChange, SpanSide, What
from bootwright.timelines.span import Layer

ONE_EACH = "one boot each: differences may be chance"
"""What nobody may forget who reads a difference of two boots."""

_WIDTH, _NARROWEST = 79, 60
_FIGURES_WIDTH = 33
_LONGEST = 15
_SHARE = 0.01
"""A change that is smaller than this part of the longer boot is not a row of its own."""


def text(
    diff: Diff,
    *,
    names: tuple[str, str] = ("A", "B"),
    color: bool = False,
    columns: int | None = None,
) -> str:
    """Return the whole report.

    Args:
        names: What the two boots are called.
        color: Whether what is on the critical path is bold and what is small is dim.
        columns: How wide it may be.
    """
    width = max(_NARROWEST, min(columns or _WIDTH, _WIDTH))
    head = "".join(f"{_cut(name, 10):>11}" for name in (*names, "change"))
    lines = [f"{'part of the boot, ms':<{width - _FIGURES_WIDTH}}{head}"]
    lines += _tree(diff, width, diff.root, 0, diff.below(), color)
    lines += ["", *_largest(diff, width, color), ""]
    for line in _footnotes(diff, names):
        lines += textwrap.wrap(line, width, subsequent_indent="  ")
    return "\n".join(lines)


def _tree(
    diff: Diff,
    width: int,
    change: SpanChange,
    depth: int,
    below: Mapping[str, tuple[SpanChange, ...]],
    color: bool,
) -> Iterator[str]:
    star = "*" if change.critical and change is not diff.root else " "
    name = f"{star}{'  ' * depth}{change.name}"
    row = _row(name, width, change.before.part_ns, change.after.part_ns)
    yield styled(row, BOLD, color and change.critical)
    children = below.get(change.id, ())
    shown = [child for child in children if not depth or _is_large(diff, child.part_ns)]
    for child in shown:
        yield from _tree(diff, width, child, depth + 1, below, color)
    if not shown:
        return
    margin = " " + "  " * (depth + 1)
    rest = [child for child in children if child not in shown and child.part_ns]
    if rest:
        before = sum(child.before.part_ns for child in rest)
        after = sum(child.after.part_ns for child in rest)
        name = f"{margin}{len(rest)} smaller change{'s' * (len(rest) > 1)}, in total"
        yield styled(_row(name, width, before, after), DIM, color)
    if change.own_ns:
        row = _row(f"{margin}itself", width, change.before.own_ns, change.after.own_ns)
        yield styled(row, DIM, color)


def _is_large(diff: Diff, change_ns: int) -> bool:
    return abs(change_ns) >= max(1, _SHARE * max(diff.before_ns, diff.after_ns))


def _row(name: str, width: int, before_ns: int, after_ns: int) -> str:
    room = width - _FIGURES_WIDTH
    return (
        f"{_cut(name, room):<{room}}{_ms(before_ns)}{_ms(after_ns)}"
        f"{(after_ns - before_ns) / 1e6:>+11.1f}"
    )


def _ms(time_ns: int) -> str:
    return f"{time_ns / 1e6:>11.1f}" if time_ns else f"{'-':>11}"


def _largest(diff: Diff, width: int, color: bool) -> Iterator[str]:
    moved = [change for change in diff.changes if abs(change.own_ns) >= LEAST_NS]
    moved.sort(key=lambda c: -abs(c.own_ns))
    if not moved:
        yield "no span changed its part of the boot"
        return
    yield "largest changes, each moment counted once:"
    for change in moved[:_LONGEST]:
        star = "*" if change.critical else " "
        name = _cut(f"{change.layer}: {change.name}", width - 24)
        row = f"{change.own_ns / 1e6:>+11.1f} {star} {word(change):<8}  {name}"
        yield styled(row, BOLD, color and change.critical)
    listed = {change.id for change in moved[:_LONGEST]}
    if rest := [change for change in diff.changes if change.own_ns and change.id not in listed]:
        summed = sum(change.own_ns for change in rest)
        yield f"{summed / 1e6:>+11.1f}   {len(rest)} others, in total"


def _footnotes(diff: Diff, names: tuple[str, str]) -> Iterator[str]:
    yield (
        f"{_cut(names[0], 20)}: {duration(diff.before_ns)}; {_cut(names[1], 20)}: "
        f"{duration(diff.after_ns)}; change: {signed(diff.change_ns)}"
    )
    yield counts(diff)
    yield "a moment counts for the innermost span, preferably on the critical path"
    yield "* on the critical path of either boot"
    yield from (f"warning: {warning}" for warning in diff.warnings)
    yield from caution(diff)


def caution(diff: Diff) -> tuple[str, ...]:
    """Return what not to forget of two boots; nothing on the virtual clock, which has no chance."""
    return () if diff.clock == "virtual" else (ONE_EACH,)


def word(change: SpanChange) -> str:
    """Return what happened to a span's own part of the boot, which its length need not follow."""
    if change.what in ("appeared", "vanished"):
        return change.what
    if abs(change.own_ns) < LEAST_NS:
        return "same"
    return "more" if change.own_ns > 0 else "less"


def counts(diff: Diff) -> str:
    """Return how many spans appeared, vanished, and so on."""
    kinds: tuple[What, ...] = ("appeared", "vanished", "grew", "shrank")
    changes = ", ".join(f"{diff.count(kind)} {kind}" for kind in kinds)
    return f"spans, by {LEAST_NS / 1e6:.1f} ms or more: {changes}"


def signed(change_ns: int) -> str:
    """Return a difference of two durations: ``-1.250 s``, ``+8.2 ms``, ``0 µs``."""
    sign = "+" if change_ns > 0 else "-" if change_ns < 0 else ""
    return sign + duration(abs(change_ns))


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffChange:
    """One span in both boots, or in one of them, as ``--json`` prints it."""

    id: str
    parent: str
    layer: Layer
    name: str
    what: What
    length_change_ns: int
    part_change_ns: int
    own_change_ns: int
    before: SpanSide
    after: SpanSide


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffValues:
    """What ``--json`` prints; docs/json.md says what the fields mean."""

    version: int = 1
    clock: Literal["wall", "virtual", "guest"]
    boots_each: int = 1
    before_ns: int
    after_ns: int
    change_ns: int
    warnings: tuple[str, ...]
    same: int
    changes: tuple[DiffChange, ...]


def values(diff: Diff) -> DiffValues:
    """Return a difference without the spans that are the same in both boots."""
    return DiffValues(
        clock=diff.clock,
        before_ns=diff.before_ns,
        after_ns=diff.after_ns,
        change_ns=diff.change_ns,
        warnings=diff.warnings,
        same=diff.count("same"),
        changes=tuple(_value(c) for c in diff.changes if c.what != "same" or c.part_ns or c.own_ns),
    )


def _value(change: SpanChange) -> DiffChange:
    return DiffChange(
        id=change.id,
        parent=change.parent,
        layer=change.layer,
        name=change.name,
        what=change.what,
        length_change_ns=change.length_ns,
        part_change_ns=change.part_ns,
        own_change_ns=change.own_ns,
        before=change.before,
        after=change.after,
    )
