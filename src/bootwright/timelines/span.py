"""Span and Timeline: what a boot was made of, frozen; on one clock, in integer nanoseconds.

A span that has evidence of its own (an initcall's two lines, a unit's states, a process) explains
the time that it lies over. A *frame* is known by its two ends only and explains nothing: its inside
is unaccounted until spans below it fill it.

"Unaccounted" means one thing everywhere: the part of a span over which no span of evidence lies,
be it below the span itself or not. So a frame whose children are frames is unaccounted too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bootwright.errors import FormatError
from bootwright.timelines.evidence import DeviceAccess, ResolvedSample

Layer = Literal["host", "firmware", "kernel", "initramfs", "userspace", "ssh"]
Kind = Literal["frame", "work", "wait"]
"""``frame``: known by its ends only. ``work``: something ran. ``wait``: nothing did."""
ROOT = "boot"
"""The id of the span that holds all others."""
AFTER_INIT = "after-init"
"""The id of the span of what came after init was executed, where only the log tells of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of a boot.

    Raises:
        FormatError: it ends before it starts.
    """

    id: str
    """Unique in its timeline, and the same in every boot, such as
    ``kernel.initcall.acpi_init``."""
    parent: str
    """The id of the span that it is part of; empty for the root."""
    layer: Layer
    name: str
    """What people read."""
    kind: Kind
    start_ns: int
    """After the root's start."""
    end_ns: int
    source: str
    """What says so: the log line, the property, the marks."""
    critical: bool = False
    """Whether the boot would have been shorter with it."""
    slack_ns: int | None = None
    """By how much it could be longer without any effect on the boot; None: not known."""

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise FormatError(
                f"span {self.id} ends {self.start_ns - self.end_ns} ns before it starts"
            )

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A stretch in which a log has no line; nanoseconds on the guest's printk clock."""

    start_ns: int
    end_ns: int
    before: str
    """The line at its start."""
    after: str
    """The line at its end."""
    before_line: int
    after_line: int
    known: str = ""
    """What such lines are known to mean; empty: nothing is known. It proves nothing."""
    source: str = ""
    """Of that."""
    parts: int = 1
    """So many stretches that follow each other and mean the same are one here."""

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All spans of one boot; the first is the root, and a parent comes before its children."""

    spans: tuple[Span, ...]
    clock: Literal["wall", "virtual", "guest"]
    """``wall``: the host's monotonic clock. ``virtual``: an instruction is a nanosecond. ``guest``:
    the guest's own, as logs alone tell it."""
    clock_error_ns: int
    """By how much the guest's spans may be shifted against the host's."""
    overhead_ns: int | None = None
    """By how much the kernel took longer in the pass that was watched, whose initcalls were fitted
    into the clean one; None: there was none."""
    accesses: tuple[DeviceAccess, ...] = ()
    """What costs a VM exit on real hardware and nothing on the virtual clock, in the pass that was
    watched; the UARTs first, then the device with the most. Empty on other clocks."""
    warnings: tuple[str, ...] = ()
    samples: tuple[ResolvedSample, ...] = ()
    """Where the vCPU was seen, at nanoseconds after the root's start."""
    silences: tuple[Silence, ...] = ()
    """Where a log has no line for long and nothing else explains the time, the longest first; of
    logs that bootwright did not take."""

    @property
    def root(self) -> Span:
        return self.spans[0]

    @property
    def total_ns(self) -> int:
        return self.root.duration_ns

    def children(self) -> dict[str, tuple[Span, ...]]:
        """Return the spans below each span, by its id, in the order of their starts."""
        below: dict[str, list[Span]] = {}
        for span in self.spans[1:]:
            below.setdefault(span.parent, []).append(span)
        return {
            parent: tuple(sorted(spans, key=lambda s: (s.start_ns, -s.end_ns)))
            for parent, spans in below.items()
        }

    def unaccounted_ns(self) -> dict[str, int]:
        """Return how much of each span is unaccounted, by its id, in nanoseconds.

        Of a span whose children do not overlap it is the sum of theirs and of what lies between
        them.
        """
        explained = merged(
            (span.start_ns, span.end_ns) for span in self.spans if span.kind != "frame"
        )
        return {
            span.id: span.duration_ns - covered_ns(explained, span.start_ns, span.end_ns)
            for span in self.spans
        }


Interval = tuple[int, int]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the union of *intervals* as intervals that do not touch, in order."""
    union: list[Interval] = []
    for start, end in sorted(intervals):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        elif end > start:
            union.append((start, end))
    return union


def covered_ns(union: list[Interval], start_ns: int, end_ns: int) -> int:
    """Return how much of a stretch a union of intervals covers."""
    return sum(max(0, min(end, end_ns) - max(start, start_ns)) for start, end in union)


def gaps(union: list[Interval], start_ns: int, end_ns: int) -> list[Interval]:
    """Return the parts of a stretch that a union of intervals leaves open."""
    found: list[Interval] = []
    at = start_ns
    for start, end in union:
        if end <= at:
            continue
        if start >= end_ns:
            break
        if start > at:
            found.append((at, start))
        at = end
    if at < end_ns:
        found.append((at, end_ns))
    return found


def critical_span(
    span_id: str,
    parent: str,
    layer: Layer,
    name: str,
    start_ns: int,
    end_ns: int,
    source: str,
    kind: Kind = "frame",
) -> Span:
    """Return a span that what follows it had to wait for."""
    return Span(
        id=span_id,
        parent=parent,
        layer=layer,
        name=name,
        kind=kind,
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),
        source=source,
        critical=True,
        slack_ns=0,
    )
