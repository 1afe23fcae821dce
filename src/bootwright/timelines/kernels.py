"""Two kernels beside each other: which initcalls and waits only one has, which differ, by how much.

Each moment of a boot is given to one span (see `diff`), so that what is told here adds up to the
gap. A step between two well-known lines of the log counts as named, as it says in which part of the
kernel the difference lies; what no initcall, wait or step covers stays unnamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bootwright.timelines.diff import Diff, SpanChange
from bootwright.timelines.diff import diff as set_beside
from bootwright.timelines.kernel.steps import ONLY_WITHOUT_KVM, STEPS
from bootwright.timelines.span import Timeline

_RESERVED = re.compile(r"Memory: .*?(\d+)K reserved")
"""Source: mem_init() in mm/page_alloc.c; what is "available" there leaves out pages that a kernel
with CONFIG_DEFERRED_STRUCT_PAGE_INIT counts later."""
_FREED = re.compile(r"\] Freeing [^:\n]*memory: (\d+)K")
"""Source: free_reserved_area()."""
_INITCALL = ".initcall."
_STEPS = {step.name for step in STEPS} - {"rest of start_kernel", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that takes time in one kernel or in both; nanoseconds, 0 where it is not."""

    name: str
    a_ns: int
    b_ns: int
    only_without_kvm: bool = False
    """Guests of KVM do not take that time."""

    @property
    def change_ns(self) -> int:
        return self.b_ns - self.a_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why one kernel reaches userspace later than the other; one watched boot each."""

    gap_ns: int
    """By how much B takes longer in these boots; below zero: less."""
    explained_share: float
    """Of the gap, 0 to 1: what has a name. Where nothing differs, 1."""
    only_a: tuple[Part, ...]
    """Initcalls, the longest first."""
    only_b: tuple[Part, ...]
    differ: tuple[Part, ...]
    """Initcalls of both, by how much they differ."""
    waits: tuple[Part, ...]
    steps: tuple[Part, ...]
    """Other parts of the kernel's way that its log names."""
    unnamed: tuple[Part, ...]
    """Stretches in which nothing says what was done."""


def reasons(a: Timeline, b: Timeline) -> Reasons:
    """Set the kernels of two timelines side by side.

    Raises:
        InputError: they are on different clocks.
    """
    a, b = _without_silences(a), _without_silences(b)
    found = set_beside(a, b)
    kinds = {span.id: span.kind for boot in (a, b) for span in boot.spans}
    initcalls: list[SpanChange] = []
    waits: list[Part] = []
    steps: list[Part] = []
    unnamed: list[Part] = []
    gap_ns = 0
    for change in _of_kernel(found):
        gap_ns += change.own_ns
        kind = kinds.get(change.id, "work")
        if _INITCALL in change.id:
            initcalls.append(change)
        elif kind == "frame" and change.name not in _STEPS:
            unnamed.append(_part(change))
        elif kind == "wait":
            waits.append(_part(change))
        else:
            steps.append(_part(change))
    # What two stretches differ by in opposite ways is no explanation either.
    astray_ns = sum(abs(part.change_ns) for part in unnamed)
    return Reasons(
        gap_ns=gap_ns,
        explained_share=max(0.0, 1 - astray_ns / abs(gap_ns)) if gap_ns else float(not astray_ns),
        only_a=_longest(_part(c) for c in initcalls if c.what == "vanished"),
        only_b=_longest(_part(c) for c in initcalls if c.what == "appeared"),
        differ=_longest(_part(c) for c in initcalls if c.what not in ("vanished", "appeared")),
        waits=_longest(waits),
        steps=_longest(steps),
        unnamed=_longest(unnamed),
    )


def _without_silences(timeline: Timeline) -> Timeline:
    """Return a boot without the frames that only say where its log is silent."""
    kept = tuple(span for span in timeline.spans if ".silent." not in span.id)
    return replace(timeline, spans=kept)


def _of_kernel(found: Diff) -> Iterator[SpanChange]:
    return (c for c in found.changes if c.id == "kernel" or c.id.startswith("kernel."))


def _part(change: SpanChange) -> Part:
    return Part(
        name=change.name,
        a_ns=change.before.own_ns,
        b_ns=change.after.own_ns,
        only_without_kvm=change.name in ONLY_WITHOUT_KVM,
    )


def _longest(parts: Iterator[Part] | list[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: -abs(part.change_ns)))


def memory_taken_bytes(kernel_log: str) -> int | None:
    """Return what a kernel keeps of its memory for itself once it is up; None: it does not say.

    That is what it reserved before its allocators ran, less what it gave back; with MemTotal of
    /proc/meminfo it makes all there is.
    """
    reserved = _RESERVED.search(kernel_log)
    if reserved is None:
        return None
    return (int(reserved[1]) - sum(map(int, _FREED.findall(kernel_log)))) * 1024
