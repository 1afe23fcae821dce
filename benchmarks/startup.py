"""How long bootwright itself takes: to start, and from `run` to the exec of QEMU.

Run by hand or by `make bench`; never a test. All variants run interleaved, one after the other in
each round, and the first round is thrown away. Times are wall time of whole processes on this host.

    python -m benchmarks.startup [ROUNDS]
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bootwright import home as homes
from bootwright.machine.folder import claimed
from bootwright.machine.recovery import settle
from bootwright.machine.spec import MachineSpec
from tests.machine.samples import RECIPE

BOOTWRIGHT = str(Path(sys.executable).with_name("bootwright"))
WANTED_MS = 300


def wall_ms(argv: list[str]) -> float:
    """Return how long *argv* takes from fork to exit."""
    start = time.perf_counter_ns()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter_ns() - start) / 1e6


def host_preparation_ms() -> float:
    """Return the first phase of a boot of a tiny guest: command entered to exec of QEMU."""
    argv = [BOOTWRIGHT, "run", "--tiny", "--json", "--", "true"]
    said = subprocess.run(argv, capture_output=True, check=True)
    phase = json.loads(said.stdout)["phases"][0]
    assert phase["end_mark"] == "vmm.exec", phase
    return float(phase["duration_ns"]) / 1e6


def settle_ms(count: int) -> float:
    """Return how long it takes to look for what dead monitors left among *count* machines."""
    with tempfile.TemporaryDirectory() as folder:
        home = homes.locate({"BOOTWRIGHT_HOME": folder})
        for number in range(count):
            with claimed(home, MachineSpec(name=f"m{number}", recipe=RECIPE, kept=True)) as machine:
                machine.note_let_in()
        start = time.perf_counter_ns()
        assert settle(home) == []
        return (time.perf_counter_ns() - start) / 1e6


def row(name: str, samples: list[float]) -> str:
    """Return one line of the table."""
    return f"{name:<48}{min(samples):>9.1f}{statistics.median(samples):>9.1f}{max(samples):>9.1f}"


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    python = sys.executable
    variants = {
        "python3 -c pass": [python, "-c", "pass"],
        "bootwright --version": [BOOTWRIGHT, "--version"],
        "  of it: import click": [python, "-c", "import click"],
        "import of what run needs before it starts": [python, "-c", "import bootwright.cli.run"],
        "import of what the monitor needs": [python, "-c", "import bootwright.machine.monitor"],
        "ssh-keygen, one key": [
            "sh",
            "-c",
            'd=$(mktemp -d); ssh-keygen -q -t ed25519 -N "" -f "$d/k"; rm -r "$d"',
        ],
    }
    samples: dict[str, list[float]] = {name: [] for name in variants}
    preparation: list[float] = []
    settling: list[float] = []
    for number in range(rounds + 1):
        for name, argv in variants.items():
            taken = wall_ms(argv)
            if number:
                samples[name].append(taken)
        taken = host_preparation_ms()
        settled = settle_ms(100)
        if number:
            preparation.append(taken)
            settling.append(settled)
    print(f"host: {platform.node()}, {os.cpu_count()} CPUs, Linux {platform.release()}, ", end="")
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f}; n = {rounds}")
    print(f"{'milliseconds, fork to exit':<48}{'min':>9}{'median':>9}{'max':>9}")
    for name, taken_all in samples.items():
        print(row(name, taken_all))
    print(row("looking after 100 machines at rest, in process", settling))
    print(row("run --tiny: command entered to exec of QEMU", preparation))
    print(f"wanted for the last: under {WANTED_MS} ms")


if __name__ == "__main__":
    main()
