"""Warp: times of the instrumented pass, told in the clean pass's time; and what watching cost.

Both passes print the same lines, one of them later. Lines that occur once in both, in the same
order, are anchors; between two anchors time is stretched evenly.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bootwright.timelines.kernel.kernellog import KernelLog
from bootwright.timelines.span import Span

START = "start of the kernel's clock"
_INSTRUMENTS = ("calling ", "initcall ", "probe of ", "entering initcall level", "bootwright: ")
_STEP_NS = 1_000_000
"""Lines of several CPUs may stand in another order than their times, by less than this."""
_INITRAMFS_MARK = "bootwright: initramfs."
"""The initramfs's marks are in both passes, and no others are as good between init and PID 1."""
_COMMAND_LINE = re.compile(r"(Kernel command line|Command line): .*")
_ADDRESS = re.compile(r"\b(?:0x)?[0-9a-f]{6,32}\b")
_RUN = re.compile(r"Run /\S{0,4096} as init process")
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One moment in both passes: a line's text, and when each printed it, in nanoseconds."""

    text: str
    instrumented_ns: int
    clean_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What lies between two anchors, in both passes."""

    start: Anchor
    end: Anchor

    @property
    def instrumented_ns(self) -> int:
        return self.end.instrumented_ns - self.start.instrumented_ns

    @property
    def clean_ns(self) -> int:
        return self.end.clean_ns - self.start.clean_ns

    @property
    def overhead_ns(self) -> int:
        """By how much the instrumented pass was longer here; below zero: it was shorter."""
        return self.instrumented_ns - self.clean_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """By how much the instrumented pass was longer, from the first line in common to the exec of
    init."""

    instrumented_ns: int
    clean_ns: int
    stretches: tuple[Stretch, ...]
    """In order, without gaps; those after the exec of init are left out."""

    @property
    def overhead_ns(self) -> int:
        """Below zero: the instrumented pass was shorter."""
        return self.instrumented_ns - self.clean_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Warp:
    """Maps the instrumented pass's printk clock onto the clean one's; never turns time back."""

    anchors: tuple[Anchor, ...]
    """The first is the clocks' start; both times rise, the instrumented one strictly."""
    steady: Anchor
    """The first line in common from which on both clocks go on without a step.

    Where an early calibration of the TSC fails, in one pass only as may be, the kernel counts ticks
    at first; then its clock starts again, 200 ms later than the other pass's.
    """
    overhead: Overhead | None
    """None: one of the logs does not tell when init was executed."""
    warnings: tuple[str, ...] = ()

    def clean_ns(self, instrumented_ns: int) -> int:
        """Return when the clean pass was where the instrumented one was at *instrumented_ns*."""
        at = bisect_right(self.anchors, instrumented_ns, key=lambda a: a.instrumented_ns) - 1
        if at < 0:
            return instrumented_ns
        before = self.anchors[at]
        since = instrumented_ns - before.instrumented_ns
        if at + 1 == len(self.anchors):
            return before.clean_ns + since
        after = self.anchors[at + 1]
        length = after.instrumented_ns - before.instrumented_ns
        return before.clean_ns + since * (after.clean_ns - before.clean_ns) // length

    def seen_ns(self, instrumented_ns: int) -> int:
        """Return when the clean pass was where the other one was seen from outside.

        So what comes before `steady` is told by it, and may lie before the clock's start;
        `clean_ns` has the clocks' starts agree.
        """
        first = self.steady
        if instrumented_ns < first.instrumented_ns:
            return first.clean_ns - (first.instrumented_ns - instrumented_ns)
        return self.clean_ns(instrumented_ns)

    def spans(self, spans: Iterable[Span]) -> list[Span]:
        """Return *spans*, timed by the instrumented pass's clock, as they were in the clean one."""
        return [
            replace(span, start_ns=self.clean_ns(span.start_ns), end_ns=self.clean_ns(span.end_ns))
            for span in spans
        ]

    def stretches(self) -> tuple[Stretch, ...]:
        """Return what lies between the anchors, in order."""
        pairs = zip(self.anchors, self.anchors[1:], strict=False)
        return tuple(Stretch(start=start, end=end) for start, end in pairs)


def warp(instrumented: KernelLog, clean: KernelLog) -> Warp:
    """Find the lines that two passes of one boot have in common, and map one clock by them."""
    common = _rising(_common(_moments(instrumented), _moments(clean)))
    anchors = [Anchor(text=START, instrumented_ns=0, clean_ns=0)]
    for anchor in common:
        # Several lines at one time are one moment: the first says when it began. But the exec of
        # init has to keep its time, as it is where the kernel ends.
        if anchor.instrumented_ns > anchors[-1].instrumented_ns:
            anchors.append(anchor)
        elif len(anchors) > 1 and _RUN.match(anchor.text):
            anchors[-1] = anchor
    warnings = []
    if not common:
        warnings.append("the two logs have no line in common: lengths are the second boot's")
    steady = _common(_steady(_moments(instrumented)), _steady(_moments(clean)))
    steady = [a for a in steady if a.instrumented_ns > 0] or anchors
    first = min(steady, key=lambda anchor: anchor.instrumented_ns)
    found = Warp(anchors=tuple(anchors), steady=first, overhead=None)
    overhead = _overhead(instrumented, clean, found)
    if overhead is None:
        warnings.append("a log has no start of init: the overhead is unknown")
    return replace(found, overhead=overhead, warnings=tuple(warnings))


def _overhead(instrumented: KernelLog, clean: KernelLog, found: Warp) -> Overhead | None:
    ends = [log.init.time_ns if log.init else None for log in (instrumented, clean)]
    if ends[0] is None or ends[1] is None:
        return None
    # Not from the clocks' starts, which may be 200 ms apart in one boot and not in the other.
    first = found.steady
    return Overhead(
        instrumented_ns=ends[0] - first.instrumented_ns,
        clean_ns=ends[1] - first.clean_ns,
        stretches=tuple(
            s
            for s in found.stretches()
            if first.instrumented_ns <= s.start.instrumented_ns and s.end.instrumented_ns <= ends[0]
        ),
    )


_Moment = tuple[str, int]


def _moments(log: KernelLog) -> list[_Moment]:
    """Return the lines that both passes may have: text without what instruments alone print."""
    return [
        (_COMMAND_LINE.sub(r"\1", line.text), line.time_ns)
        for line in log.lines
        if line.time_ns is not None and line.text and not _is_instruments(line.text)
    ]


def _steady(moments: list[_Moment]) -> list[_Moment]:
    """Return what comes after the last step back of a clock."""
    steps = [
        number
        for number, (before, after) in enumerate(pairwise(moments), start=1)
        if after[1] < before[1] - _STEP_NS
    ]
    return moments[steps[-1] if steps else 0 :]


def _is_instruments(text: str) -> bool:
    return text.startswith(_INSTRUMENTS) and not text.startswith(_INITRAMFS_MARK)


def _common(one: list[_Moment], other: list[_Moment]) -> list[Anchor]:
    """Pair the lines that occur once in both: first as they are, then with numbers put aside."""
    pairs: dict[int, int] = {}
    for normal in (_as_it_is, _normal):
        left = _once(one, normal, set(pairs))
        right = _once(other, normal, set(pairs.values()))
        pairs.update({left[key]: right[key] for key in left.keys() & right.keys()})
    return [
        Anchor(text=one[i][0], instrumented_ns=one[i][1], clean_ns=other[pairs[i]][1])
        for i in sorted(pairs, key=lambda i: (one[i][1], i))
    ]


def _once(moments: list[_Moment], normal: Callable[[str], str], taken: set[int]) -> dict[str, int]:
    """Return the index of each text that occurs once among those not yet *taken*."""
    seen: dict[str, int] = {}
    for index, (text, _) in enumerate(moments):
        if index not in taken:
            key = normal(text)
            seen[key] = -1 if key in seen else index
    return {key: index for key, index in seen.items() if index >= 0}


def _as_it_is(text: str) -> str:
    return text


def _normal(text: str) -> str:
    """Put aside what differs from boot to boot: addresses, sizes, numbers of processes."""
    return _NUMBER.sub("#", _ADDRESS.sub("#", text))


def _rising(anchors: Sequence[Anchor]) -> list[Anchor]:
    """Return the longest part of *anchors* in which the clean times never fall.

    A longest non-decreasing subsequence, by patience sorting.
    """
    tails: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for index, anchor in enumerate(anchors):
        at = bisect_right(tails, anchor.clean_ns)
        before.append(tops[at - 1] if at else -1)
        if at == len(tails):
            tails.append(anchor.clean_ns)
            tops.append(index)
        else:
            tails[at] = anchor.clean_ns
            tops[at] = index
    chain: list[Anchor] = []
    index = tops[-1] if tops else -1
    while index >= 0:
        chain.append(anchors[index])
        index = before[index]
    return chain[::-1]
