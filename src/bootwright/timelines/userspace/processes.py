"""Processes: when each that is still there was started, as /proc tells after the boot.

For an init that keeps no times of its own this is the evidence. A start is known to the clock tick
of 10 ms, and rounded down; an end is not known, and a process that has gone has left nothing.

Source: proc_pid_stat(5), fields 1, 2, 4 and 22; USER_HZ in include/asm-generic/param.h is 100.
Field 22 counts from the boot by CLOCK_BOOTTIME, which a guest that never slept shares with
CLOCK_MONOTONIC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from bootwright.timelines.span import Span

TICK_NS = 10_000_000
"""By how much a start may be later than is said."""

# The name may hold anything, blanks and parentheses too: the last ") " ends it. Between the parent
# and the start are fields 5 to 21.
_STAT = re.compile(
    r"(?P<pid>\d{1,9}) \((?P<name>.*)\) (?P<state>\S) (?P<parent>\d{1,9})"
    r"(?: -?\d+){17} (?P<start>\d{1,19})(?: .*)?",
    re.DOTALL,
)
# A name may hold a newline, so a new line begins a process only where it looks like one.
_NEXT = re.compile(r"\n(?=\d{1,9} \()")
_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process."""

    pid: int
    name: str
    """The first 15 bytes of its program's name."""
    parent: int
    start_ns: int
    """On the guest's clock, to TICK_NS."""

    @property
    def of_kernel(self) -> bool:
        """Whether it is one of the kernel's threads."""
        return _THREADS in (self.pid, self.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """All processes that were there when somebody looked."""

    processes: tuple[Process, ...] = ()
    """In the order of their starts."""
    warnings: tuple[str, ...] = ()


def parse(text: str) -> Processes:
    """Read the lines of ``/proc/*/stat``; a line that is none is left out, with a warning."""
    found: dict[int, Process] = {}
    warnings: list[str] = []
    for line in _NEXT.split(text):
        line = line.strip("\n")
        if not line:
            continue
        fields = _STAT.fullmatch(line)
        if fields is None:
            warnings.append(f"not a line of /proc/PID/stat: {line[:60]!r}")
            continue
        process = Process(
            pid=int(fields["pid"]),
            name=fields["name"],
            parent=int(fields["parent"]),
            start_ns=int(fields["start"]) * TICK_NS,
        )
        found.setdefault(process.pid, process)
    ordered = sorted(found.values(), key=lambda process: (process.start_ns, process.pid))
    return Processes(processes=tuple(ordered), warnings=tuple(warnings))


def lineage(processes: Processes, goal: str) -> tuple[Process, ...]:
    """Return the first process called *goal* with all it descends from, PID 1 first.

    Empty where there is none.
    """
    by_pid = {process.pid: process for process in processes.processes}
    own = [process for process in processes.processes if not process.of_kernel]
    at = next((process for process in own if process.name == goal), None)
    line: list[Process] = []
    while at is not None and at not in line:
        line.append(at)
        at = by_pid.get(at.parent)
    return tuple(reversed(line))


def spans(
    processes: Processes, *, parent: str, start_ns: int, end_ns: int, goal: str = "sshd"
) -> list[Span]:
    """Return what the processes say of PID 1's stretch, below the span *parent*.

    Along the line of descent of *goal*, each process was at work, with children that have gone,
    until it started the next one; *goal* itself until the stretch ended, when it was ready. The
    others are marks at their starts. PID 1 counts from *start_ns*: /proc has the time at which the
    kernel made its thread, not that of its exec.

    Args:
        parent: The id of the span of PID 1's stretch.
        start_ns: When PID 1 was executed, on the guest's clock.
        end_ns: When *goal* was ready.
        goal: The name of the process that the boot is for.
    """
    line = lineage(processes, goal)
    starts = {
        process.pid: start_ns if process.pid == 1 else max(start_ns, process.start_ns)
        for process in processes.processes
    }
    ends = {before.pid: starts[after.pid] for before, after in pairwise(line)}
    if line:
        ends[line[-1].pid] = end_ns
    found: list[Span] = []
    taken: set[str] = set()
    for process in processes.processes:
        if process.of_kernel or starts[process.pid] > end_ns:
            continue
        # The same in every boot, as a pid is not: the n-th of its name.
        id_, nth = f"process.{process.name}", 1
        while id_ in taken:
            nth += 1
            id_ = f"process.{process.name}.{nth}"
        taken.add(id_)
        start = starts[process.pid]
        end = min(max(start, ends.get(process.pid, start)), end_ns)
        found.append(
            Span(
                id=id_,
                parent=parent,
                layer="userspace",
                name=f"{process.name} (pid {process.pid})",
                kind="work" if process.pid in ends and end > start else "frame",
                start_ns=start,
                end_ns=end,
                source=f"/proc/{process.pid}/stat, field 22, to 10 ms",
                critical=process.pid in ends,
            )
        )
    return found
