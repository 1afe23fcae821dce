"""Snapshot disks: our ioctls against losetup and dmsetup processes, in the same kernel.

Run by hand or by `make bench`; never a test. It runs in user-mode Linux, a kernel in which a system
call costs some hundred times what it costs elsewhere: compare its figures with each other only.

    python -m benchmarks.snapshots [TIMES]
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import user_mode_linux
from bootwright.disks import snapshot

WORK = Path("/run/work")
SECTORS = 64 << 11


def ours(base: Path) -> float:
    """Return the milliseconds until a snapshot's node is there."""
    start = time.perf_counter_ns()
    disk = snapshot.transient(base, WORK, machine="bench")
    taken = (time.perf_counter_ns() - start) / 1e6
    disk.remove()
    return taken


def programs(base: Path) -> float:
    """Do the same with losetup and dmsetup, and no udev to wait for."""

    def said(*argv: str) -> str:
        return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    store = WORK / "store"
    start = time.perf_counter_ns()
    with store.open("wb") as file:
        file.truncate(SECTORS * 512)
    origin = said("losetup", "--find", "--show", "--read-only", str(base))
    cow = said("losetup", "--find", "--show", str(store))
    line = f"0 {SECTORS} snapshot {origin} {cow} N 32"
    said("dmsetup", "create", "--noudevsync", "--noudevrules", "bench", "--table", line)
    taken = (time.perf_counter_ns() - start) / 1e6
    said("dmsetup", "remove", "--noudevsync", "--noudevrules", "bench")
    for node in (origin, cow):
        said("losetup", "--detach", node)
    store.unlink()
    return taken


def inside(times: int) -> None:
    """Measure and print, in a kernel with device mapper."""
    base = WORK / "image"
    with base.open("wb") as file:
        file.truncate(SECTORS * 512)
    samples: dict[str, list[float]] = {"bootwright": [], "losetup, dmsetup": []}
    for number in range(times + 1):
        for name, way in (("bootwright", ours), ("losetup, dmsetup", programs)):
            taken = way(base)
            if number:
                samples[name].append(taken)
    print(f"user-mode Linux {platform.release()}, n = {times}, ways in turn")
    print(f"{'milliseconds to make a snapshot':<40}{'min':>9}{'median':>9}{'max':>9}")
    for name, ms in samples.items():
        print(f"{name:<40}{min(ms):>9.2f}{statistics.median(ms):>9.2f}{max(ms):>9.2f}")
    fast, slow = map(statistics.median, samples.values())
    print(f"{slow / fast:.1f} times as fast; wanted: 5 times or more")


def main() -> None:
    """Start that kernel and have it measure."""
    times = sys.argv[1] if len(sys.argv) > 1 else "30"
    print(f"host: {platform.node()}, {os.cpu_count()} CPUs, Linux {platform.release()}, ", end="")
    print(f"load {os.getloadavg()[0]:.2f}")
    code = f"from benchmarks.snapshots import inside; inside({int(times)})"
    with tempfile.TemporaryDirectory() as folder:
        print(user_mode_linux.run(Path(folder), "-c", code), end="")


if __name__ == "__main__":
    main()
