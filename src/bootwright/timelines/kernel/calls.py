"""Initcalls and probes on a common clock: when each began and ended, and which lies in which."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bootwright.timelines.kernel.kernellog import DeviceProbe, Initcall, KernelLog
from bootwright.timelines.kernel.levels import LEVELS

_TICK_NS = 10_000_000
"""By how much a probe's told length may be too long: the first clocks tick as slowly as this.

Source: CONFIG_HZ_100; kernel/time/jiffies.c.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An initcall that has a time; nanoseconds on the printk clock."""

    initcall: Initcall
    start_ns: int
    end_ns: int
    task: int | None
    open: bool
    """Nothing tells when it ended."""
    source: str

    @property
    def in_sequence(self) -> bool:
        """Whether it is one of those that PID 1 calls, one after the other."""
        return self.task == 1 and self.initcall.cookie is None

    @property
    def name(self) -> str:
        call = self.initcall
        name = call.function if call.cookie is None else f"{call.cookie}_{call.function}"
        return f"{name} [{call.module}]" if call.module else name

    @property
    def id(self) -> str:
        call = self.initcall
        if call.module:
            return f"kernel.module.{call.module}.{call.function}"
        return f"kernel.{'initcall' if call.cookie is None else 'async'}.{call.function}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSpan:
    """A probe and what it lies in; nanoseconds on the printk clock."""

    device: str
    start_ns: int
    end_ns: int
    line: int
    source: str
    task: int | None = None
    call: int | None = None
    """The initcall in which it ran, by the number of its first line."""
    outer: int | None = None
    """The probe in which it ran, by the number of its line."""


def calls_of(log: KernelLog, end_ns: int) -> list[Call]:
    """Return all initcalls that have a time, in the order of the log.

    Both stamps are used where they are. Without the first the kernel's own figure tells the start.
    Without the second a call ends when its task calls the next; if there is none either, it is
    *open* until *end_ns*.
    """
    calls: list[Call] = []
    next_start: dict[int | None, int] = {}
    for initcall in reversed(log.initcalls):
        task = initcall.task
        if task is None and not initcall.module and initcall.cookie is None:
            task = 1
        call = _timed(initcall, task, next_start.get(task), end_ns)
        if call is not None:
            calls.append(call)
            if initcall.start_ns is not None and initcall.cookie is None:
                next_start[task] = call.start_ns
    calls.reverse()
    return calls


def _timed(
    initcall: Initcall, task: int | None, next_start_ns: int | None, end_ns: int
) -> Call | None:
    start, end, is_open = initcall.start_ns, initcall.end_ns, False
    lines = "-".join(str(n) for n in (initcall.called_line, initcall.returned_line) if n)
    if start is not None and end is not None:
        source = f"lines {lines}: calling, returned {initcall.result}"
    elif start is not None and initcall.told_ns is not None:
        end = start + initcall.told_ns
        source = f"lines {lines}: calling; the length is the one that the kernel reports"
    elif start is not None and next_start_ns is not None and next_start_ns >= start:
        end = next_start_ns
        source = f"line {lines}: calling; the end is the same task's next call"
    elif start is not None:
        end, is_open = max(start, end_ns), True
        source = f"line {lines}: calling; the log has no end of it"
    elif end is not None and initcall.told_ns is not None:
        start = max(0, end - initcall.told_ns)
        source = f"line {lines}: returned; the length is the one that the kernel reports"
    else:
        return None
    return Call(
        initcall=initcall,
        start_ns=start,
        end_ns=max(start, end),
        task=task,
        open=is_open,
        source=source,
    )


def level_of_each(
    log: KernelLog,
    calls: Sequence[Call],
    levels: Mapping[str, str] | None,
    known: Mapping[str, str],
) -> tuple[list[str], str]:
    """Return the level of each of PID 1's initcalls, empty if unknown, and what says so.

    The log itself tells in newer kernels, else *levels*, else *known*, functions that come first in
    theirs. Levels only rise, so a function without a level is in that of the one before it.
    """
    if log.levels:
        starts = [entry.line for entry in log.levels]
        at = [bisect_right(starts, call.initcall.first_line) - 1 for call in calls]
        return [log.levels[i].level if i >= 0 else "" for i in at], "entering initcall level"
    table, source = (levels, "System.map") if levels else (known, "initcalls first in their level")
    found: list[str] = []
    current = ""
    for call in calls:
        level = table.get(call.initcall.function, current)
        if level in LEVELS and (not current or LEVELS.index(level) > LEVELS.index(current)):
            current = level
        found.append(current)
    return found, source


def place_probes(
    log: KernelLog, calls: Sequence[Call], *, before_ns: int, after_ns: int = 0
) -> list[ProbeSpan]:
    """Return the probes that began from *after_ns* and before *before_ns*, outer ones first.

    Where the log tells the caller, a probe lies in that task's initcall. Else in the one that was
    running when the probe's line was printed, unless the probe began before it: then something
    else, asynchronous, ran the probe.
    """
    finder = _Running(calls)
    found: list[tuple[DeviceProbe, int, int, Call | None]] = []
    for probe in log.probes:
        start, end = probe.start_ns, probe.end_ns
        if start is not None and end is not None and start < before_ns and end >= after_ns:
            call = finder.call_of(probe, start)
            if call is not None or start >= after_ns:
                found.append((probe, start, end, call))
    found.sort(key=lambda item: (item[1], -item[2], -item[0].line))
    spans: list[ProbeSpan] = []
    holders: dict[int, list[ProbeSpan]] = {}
    for probe, start, end, call in found:
        key = call.initcall.first_line if call else 0
        stack = holders.setdefault(key, [])
        while stack and stack[-1].end_ns < start:
            stack.pop()
        # Few probes nest deeper than eight; and of two tasks neither probe lies in the other.
        outer = next((h for h in reversed(stack[-8:]) if _holds(h, probe, end)), None)
        told = "its own figure for the length"
        span = ProbeSpan(
            device=probe.device,
            start_ns=start,
            end_ns=end,
            line=probe.line,
            source=f"line {probe.line}: probe returned {probe.result}; {told}",
            task=probe.task,
            call=key or None,
            outer=outer.line if outer else None,
        )
        stack.append(span)
        spans.append(span)
    return spans


class _Running:
    """Tells which initcall was running at a line of the log."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._by_task: dict[int | None, list[Call]] = {}
        for call in calls:
            if call.initcall.called_line is not None:
                self._by_task.setdefault(call.task, []).append(call)
        self._lines = {
            task: [call.initcall.called_line or 0 for call in mine]
            for task, mine in self._by_task.items()
        }
        self._loads = [call for call in calls if call.task not in (0, 1, None)]
        self._load_lines = [call.initcall.first_line for call in self._loads]

    def call_of(self, probe: DeviceProbe, start_ns: int) -> Call | None:
        if probe.task is not None:
            return self._at(probe.task, probe.line)
        call = self._at(1, probe.line) or self._load_at(probe.line)
        if call is not None and start_ns + _TICK_NS < call.start_ns:
            return None
        return call

    def _at(self, task: int, line: int) -> Call | None:
        mine = self._by_task.get(task)
        if not mine:
            return None
        index = bisect_right(self._lines[task], line) - 1
        return mine[index] if index >= 0 and _over(mine[index], line) else None

    def _load_at(self, line: int) -> Call | None:
        """Return the module's initcall that began last and was running; few run at a time."""
        index = bisect_right(self._load_lines, line)
        recent = self._loads[max(0, index - 16) : index]
        return next((call for call in reversed(recent) if _over(call, line)), None)


def _holds(outer: ProbeSpan, probe: DeviceProbe, end_ns: int) -> bool:
    return outer.end_ns >= end_ns and outer.line > probe.line and outer.task == probe.task


def _over(call: Call, line: int) -> bool:
    return call.open or (call.initcall.returned_line or line) >= line
