"""The host's monotonic clock, this process's start, and the host's boot ID."""

from __future__ import annotations

import os
import time


def now_ns() -> int:
    """Return the host's monotonic clock, in nanoseconds; the same for all processes."""
    return time.monotonic_ns()


def process_start_ns() -> int:
    """Return when this command was entered: its process forked, by the monotonic clock, in ns.

    The kernel tells it in clock ticks of 10 ms since boot. Inside that tick we take the latest
    time that leaves room for the time which the process has run or waited to run since, so the
    error is one tick at most and, for a process that has hardly slept, much less.

    A process that has waited for children before its first line was a shell when it was forked: a
    shell executes the last command of ``(make; bootwright run)`` in its own place, and no clock
    tells when. Of such a process only that latest time is known; the error is the time that the
    process slept since it executed Python.

    Source: proc(5), fields 11 (page faults of children waited for) and 22 of /proc/PID/stat;
    Documentation/scheduler/sched-stats.rst for /proc/PID/schedstat (second field: nanoseconds
    spent waiting on a run queue).
    """
    now = time.monotonic_ns()
    boot_minus_monotonic = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()  # from the third on
    earliest = int(fields[22 - 3]) * tick_ns - boot_minus_monotonic
    try:
        with open("/proc/self/schedstat") as file:
            waited_ns = int(file.read().split()[1])
    except (FileNotFoundError, IndexError):
        waited_ns = 0  # a kernel without CONFIG_SCHED_INFO
    latest = now - time.process_time_ns() - waited_ns
    was_shell = int(fields[11 - 3]) > 0
    return max(earliest, latest if was_shell else min(earliest + tick_ns, latest))


def boot_id(proc: str | os.PathLike[str] = "/proc") -> str:
    """Return the ID of the host's current boot. Source: random(4)."""
    with open(os.path.join(proc, "sys/kernel/random/boot_id")) as file:
        return file.read().strip()
