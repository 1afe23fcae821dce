"""Loop devices: how long one takes to come and go, alone and among many, ours and the naive way.

Run by hand or by `make bench`, as root; never a test. Times are wall time within a process, of
attach plus detach, until the kernel has let go. The naive way asks for a free number and takes it.

    python -m benchmarks.loops [TIMES]
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bootwright.disks import loop, loop_ioctl
from bootwright.errors import DeviceError

PROCESSES = (1, 4, 16)
FOLDER = Path("/var/tmp")


def ours(backing: int) -> bool:
    """Attach and detach as bootwright does; say whether it went well."""
    try:
        with loop.attach(backing, tag="bootwright:bench:cow") as device:
            device.detach(timeout_s=20)
    except DeviceError:
        return False
    return True


def naive(backing: int) -> bool:
    """Take the number that the kernel calls free, once."""
    try:
        with open("/dev/loop-control", "rb") as control:
            number = loop_ioctl.get_free(control.fileno())
        file = os.open(f"/dev/loop{number}", os.O_RDWR)
    except OSError:
        return False
    try:
        loop_ioctl.configure(file, backing, flags=loop_ioctl.DIRECT_IO, tag="bench")
        loop_ioctl.clear(file)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def one(attempt: Callable[[int], bool], times: int) -> list[tuple[float, bool]]:
    """Return the milliseconds of each attempt on a file of its own, and whether it went well."""
    backing = os.open(FOLDER, os.O_TMPFILE | os.O_RDWR)
    os.ftruncate(backing, 1 << 20)
    taken = []
    for _ in range(times):
        start = time.perf_counter_ns()
        well = attempt(backing)
        taken.append(((time.perf_counter_ns() - start) / 1e6, well))
    os.close(backing)
    return taken


def programs(times: int) -> list[tuple[float, bool]]:
    """Do the same with losetup, two processes each time."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=FOLDER) as file:
        file.truncate(1 << 20)
        for _ in range(times):
            start = time.perf_counter_ns()
            argv = ["losetup", "--find", "--show", file.name]
            node = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
            subprocess.run(["losetup", "--detach", node], check=True)
            taken.append(((time.perf_counter_ns() - start) / 1e6, True))
    return taken


def row(name: str, taken: list[tuple[float, bool]]) -> str:
    """Return one line of the table."""
    ms = sorted(one for one, _ in taken)
    p99 = ms[min(len(ms) - 1, len(ms) * 99 // 100)]
    failed = sum(not well for _, well in taken) / len(taken)
    figures = "".join(f"{one:>9.2f}" for one in (ms[0], statistics.median(ms), p99, ms[-1]))
    return f"{name:<36}{len(ms):>7}{figures}{failed:>9.1%}"


def main() -> None:
    """Measure and print."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"host: {platform.node()}, {os.cpu_count()} CPUs, Linux {platform.release()}, ", end="")
    print(f"load {os.getloadavg()[0]:.2f}; files in {FOLDER}")
    heads = "".join(f"{head:>9}" for head in ("min", "median", "p99", "max", "failed"))
    print(f"{'milliseconds, attach and detach':<36}{'n':>7}{heads}")
    for count in PROCESSES:
        with multiprocessing.Pool(count) as pool:
            for name, attempt in (("bootwright", ours), ("naive", naive)):
                parts = pool.starmap(one, [(attempt, times)] * count, chunksize=1)
                taken = [sample for part in parts for sample in part]
                print(row(f"{name}, {count} at once", taken))
    print(row("losetup, 1 at once", programs(max(5, times // 10))))
    print("wanted: median under 2 ms alone; p99 under 40 ms and no failure for 16 at once")


if __name__ == "__main__":
    main()
