"""The host's clock, when this process began on it, and which boot of the host this is."""

from __future__ import annotations

import os
import time
from pathlib import Path


def now_ns() -> int:
    """Return the host's monotonic clock, in nanoseconds; the same for all processes."""
    return time.monotonic_ns()


def process_start_ns() -> int:
    """Return when this process was forked, on the monotonic clock, in nanoseconds.

    The kernel tells it in clock ticks of 10 ms since boot. Inside that tick we take the latest
    time that leaves room for the time which the process has run or waited to run since, so the
    error is one tick at most and, for a process that has hardly slept, much less.

    Source: proc(5), field 22 of /proc/PID/stat; Documentation/scheduler/sched-stats.rst for
    /proc/PID/schedstat (second field: nanoseconds spent waiting on a run queue).
    """
    now = time.monotonic_ns()
    boot_minus_monotonic = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    stat = Path("/proc/self/stat").read_text()
    earliest = int(stat.rpartition(")")[2].split()[19]) * tick_ns - boot_minus_monotonic
    try:
        waited_ns = int(Path("/proc/self/schedstat").read_text().split()[1])
    except (FileNotFoundError, IndexError):
        waited_ns = 0  # a kernel without CONFIG_SCHED_INFO
    latest = min(earliest + tick_ns, now - time.process_time_ns() - waited_ns)
    return max(earliest, latest)


def boot_id(proc: Path = Path("/proc")) -> str:
    """Return what is different after every boot of this host. Source: random(4)."""
    return (proc / "sys/kernel/random/boot_id").read_text().strip()
