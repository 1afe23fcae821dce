"""Two boots beside each other: which spans appeared, vanished, grew and shrank.

Spans that run beside each other may all grow while the boot takes as long as before, so lengths do
not add up. What does is each span's *part* in its boot: every moment is given to one span, the
innermost that it lies in; where siblings overlap, to one on the critical path, else to the one that
started last. Parts sum to the whole, so changes of parts sum to the change of the whole, each
counted once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal

from bootwright.errors import InputError
from bootwright.timelines.span import Layer, Span, Timeline

What = Literal["appeared", "vanished", "grew", "shrank", "same"]

LEAST_NS = 100_000
"""Differences of less are noise, or of no interest: they are not called a change."""

_NUMBER = re.compile(r"#[0-9]+(?=\.|$)")
"""What tells apart spans of one boot that do the same; it says nothing about another boot's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanSide:
    """One boot's side of a change; lengths in nanoseconds."""

    length_ns: int
    """How long it took; summed, where several spans count as one."""
    part_ns: int
    """How much of the boot is its part, with what lies below it."""
    own_ns: int
    """How much of the boot is its part, without what lies below it."""
    critical: bool


NOTHING = SpanSide(length_ns=0, part_ns=0, own_ns=0, critical=False)
"""The side of a boot in which the span is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanChange:
    """One span in both boots, or in one of them."""

    id: str
    """The span's, without the numbers that only tell apart spans of one boot."""
    parent: str
    """As in the second boot, if it is there."""
    layer: Layer
    name: str
    what: What
    """Said of its length; ``same``: it differs by less than LEAST_NS."""
    before: SpanSide
    after: SpanSide

    @property
    def length_ns(self) -> int:
        return self.after.length_ns - self.before.length_ns

    @property
    def part_ns(self) -> int:
        return self.after.part_ns - self.before.part_ns

    @property
    def own_ns(self) -> int:
        return self.after.own_ns - self.before.own_ns

    @property
    def critical(self) -> bool:
        """Whether it is on the critical path on either side."""
        return self.before.critical or self.after.critical


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """How the second boot differs from the first; one boot each, so that it may be chance."""

    clock: Literal["wall", "virtual", "guest"]
    before_ns: int
    """The whole of the first boot."""
    after_ns: int
    """The whole of the second."""
    changes: tuple[SpanChange, ...]
    """All spans, those that are the same too. The root is the first; the others by the size of
    their own change, then of their length's."""
    warnings: tuple[str, ...] = ()

    @property
    def change_ns(self) -> int:
        return self.after_ns - self.before_ns

    @property
    def root(self) -> SpanChange:
        return self.changes[0]

    def below(self) -> dict[str, tuple[SpanChange, ...]]:
        """Return the changes below each, by its id, by the size of the change of their parts."""
        found: dict[str, list[SpanChange]] = {}
        for change in self.changes[1:]:
            found.setdefault(change.parent, []).append(change)
        return {
            parent: tuple(sorted(changes, key=lambda c: -abs(c.part_ns)))
            for parent, changes in found.items()
        }

    def count(self, what: What) -> int:
        """Return how many spans did so; those that were or are shorter than LEAST_NS do not count
        as having appeared or vanished."""
        return sum(
            change.what == what and (what == "same" or abs(change.length_ns) >= LEAST_NS)
            for change in self.changes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Where a boot ran, as far as it is known; an empty text: not known."""

    host: str = ""
    accelerator: str = ""


_NOT_KNOWN = Ran()


def diff(a: Timeline, b: Timeline, *, ran_a: Ran = _NOT_KNOWN, ran_b: Ran = _NOT_KNOWN) -> Diff:
    """Set two boots side by side.

    Raises:
        InputError: they are on different clocks.
    """
    if a.clock != b.clock:
        raise InputError(
            f"the first boot is on the {a.clock} clock and the second on the {b.clock} clock, "
            "whose times do not compare",
            hint="boot both with the same --clock",
        )
    before, after = _groups(a), _groups(b)
    changes = [
        _change(span_id, before.get(span_id), after.get(span_id))
        for span_id in dict.fromkeys([*after, *before])
    ]
    root, *others = changes
    others.sort(key=lambda c: (-abs(c.own_ns), -abs(c.length_ns)))
    return Diff(
        clock=a.clock,
        before_ns=a.total_ns,
        after_ns=b.total_ns,
        changes=(root, *others),
        warnings=tuple(_warnings(a, ran_a, ran_b)),
    )


@dataclass(slots=True)
class _Group:
    """Spans of one boot that count as one."""

    parent: str
    layer: Layer
    name: str
    length_ns: int = 0
    part_ns: int = 0
    own_ns: int = 0
    critical: bool = False


def _groups(timeline: Timeline) -> dict[str, _Group]:
    own = parts(timeline)
    whole = dict(own)
    for span in reversed(timeline.spans[1:]):  # a parent comes before its children
        whole[span.parent] += whole[span.id]
    found: dict[str, _Group] = {}
    for span in timeline.spans:
        key, parent = _NUMBER.sub("", span.id), _NUMBER.sub("", span.parent)
        group = found.get(key)
        if group is None:
            group = found[key] = _Group(parent, span.layer, span.name)
        if parent != key:  # else the outer one counts it already
            group.length_ns += span.duration_ns
            group.part_ns += whole[span.id]
        group.own_ns += own[span.id]
        group.critical = group.critical or span.critical
    return found


def parts(timeline: Timeline) -> dict[str, int]:
    """Return how much of the boot is each span's own part, by its id, in nanoseconds.

    They sum to the boot's length.
    """
    children = timeline.children()
    found = dict.fromkeys((span.id for span in timeline.spans), 0)
    root = timeline.root
    todo: list[tuple[Span, list[tuple[int, int]]]] = [(root, [(root.start_ns, root.end_ns)])]
    while todo:
        span, stretches = todo.pop()
        given: dict[str, list[tuple[int, int]]] = {}
        below = children.get(span.id, ())
        for start_ns, end_ns, owner in _shared_out(below, stretches):
            if owner is None:
                found[span.id] += end_ns - start_ns
            else:
                given.setdefault(owner.id, []).append((start_ns, end_ns))
        todo += [(child, given[child.id]) for child in below if child.id in given]
    return found


def _shared_out(
    spans: Sequence[Span], stretches: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int, Span | None]]:
    """Yield *stretches*, which are in order, cut up by which of *spans* owns each piece."""
    waiting = sorted(spans, key=lambda s: s.start_ns, reverse=True)
    open_: list[tuple[tuple[bool, int, int], int, Span]] = []
    cuts = sorted({time for span in spans for time in (span.start_ns, span.end_ns)}, reverse=True)
    number = 0
    for begin_ns, end_ns in stretches:
        at = begin_ns
        while at < end_ns:
            while cuts and cuts[-1] <= at:
                cuts.pop()
            until = min(cuts[-1], end_ns) if cuts else end_ns
            while waiting and waiting[-1].start_ns <= at:
                span = waiting.pop()
                number += 1  # so that spans are never compared
                heappush(open_, ((not span.critical, -span.start_ns, span.end_ns), number, span))
            while open_ and open_[0][2].end_ns <= at:
                heappop(open_)
            yield at, until, open_[0][2] if open_ else None
            at = until


def _change(span_id: str, before: _Group | None, after: _Group | None) -> SpanChange:
    shown = after or before
    assert shown is not None, "it is in one of the two"
    return SpanChange(
        id=span_id,
        parent=shown.parent,
        layer=shown.layer,
        name=shown.name,
        what=_what(before, after),
        before=_side(before),
        after=_side(after),
    )


def _what(before: _Group | None, after: _Group | None) -> What:
    if before is None:
        return "appeared"
    if after is None:
        return "vanished"
    if abs(after.length_ns - before.length_ns) < LEAST_NS:
        return "same"
    return "grew" if after.length_ns > before.length_ns else "shrank"


def _side(group: _Group | None) -> SpanSide:
    if group is None:
        return NOTHING
    return SpanSide(
        length_ns=group.length_ns,
        part_ns=group.part_ns,
        own_ns=group.own_ns,
        critical=group.critical,
    )


def _warnings(a: Timeline, ran_a: Ran, ran_b: Ran) -> Iterator[str]:
    if ran_a.accelerator and ran_b.accelerator and ran_a.accelerator != ran_b.accelerator:
        yield (
            f"the first boot ran with {ran_a.accelerator} and the second with "
            f"{ran_b.accelerator}; that alone changes every length"
        )
    # An instruction takes a nanosecond wherever it is executed.
    if a.clock != "virtual" and ran_a.host and ran_b.host and ran_a.host != ran_b.host:
        yield (
            f"the first boot ran on host {ran_a.host} and the second on {ran_b.host}; "
            "that alone changes every length"
        )
