"""How long it takes to read a large kernel log: python -m benchmarks.kernellog [MEGABYTES]"""

from __future__ import annotations

import os
import platform
import sys
import time

from bootwright.timelines.kernel.kernellog import parse_kernel_log
from bootwright.timelines.kernel.spans import kernel_spans
from bootwright.timelines.kernel.warp import warp

WANTED_S = 5


def made_up_log(size_bytes: int) -> str:
    """Return a log of that size, made of initcalls and what they print."""
    lines = ["[    0.000000] Linux version 6.1.0-benchmark\n"]
    size = len(lines[0])
    us = 1_000
    while size < size_bytes:
        number = len(lines)
        stamps = [f"[{at // 1_000_000:5}.{at % 1_000_000:06}]" for at in (us, us + 40, us + 90)]
        lines += [
            f"{stamps[0]} calling  driver_{number}_init+0x0/0x4c4 @ 1\n",
            f"{stamps[1]} device-{number}: registered, 16 queues of 256 entries\n",
            f"{stamps[2]} initcall driver_{number}_init+0x0/0x4c4 returned 0 after 88 usecs\n",
        ]
        size += sum(map(len, lines[-3:]))
        us += 100
    return "".join(lines)


def main() -> None:
    """Measure and print."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    print(f"host: {platform.node()}, Python {platform.python_version()}, ", end="")
    print(f"load {os.getloadavg()[0]:.2f}")
    for share in (0.25, 0.5, 1):
        log = made_up_log(round(megabytes * 1_000_000 * share))
        start = time.process_time()
        parsed = parse_kernel_log(log)
        read_s = time.process_time() - start
        kernel_spans(parsed, parent="boot")
        warp(parsed, parsed)
        whole_s = time.process_time() - start
        print(
            f"{len(log) / 1e6:6.1f} MB: parse {read_s:.2f} s CPU, with spans and warp {whole_s:.2f}"
        )
    print(f"wanted: under {WANTED_S} s for 8 MB, twice as long for twice as much")


if __name__ == "__main__":
    main()
