"""How long bootwright itself takes from a command to its VMM, and what that is made of.

Run by hand or by `make bench`; never a test. All that is measured takes turns, and the first round
is thrown away. Times are wall times on this host. The first boot fetches the kernel `debian`.

    python -m benchmarks.startup [--rounds N] [--against TREE]

With --against, another working copy (with its own .venv) takes turns with this one.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import msgspec

from bootwright.history.history import History
from bootwright.home import locate_home
from bootwright.machines.folder import claimed_folder
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.evidence import Evidence

HERE = Path(__file__).parent.parent
WANTED_RATIO = 8
"""Of the time from the command to its VMM's exec, to that of ``python3 -c pass``."""
WANTED_IMPORT_MS = 30
"""What ``import bootwright`` may take beside Python itself."""

_KEYGEN = 'd=$(mktemp -d); ssh-keygen -q -t ed25519 -N "" -f "$d/k"; rm -r "$d"'
# The marks of a boot up to its VMM, and what lies before each but the first.
_STEPS = {
    "command.entered": "",
    "monitor.exec": "until a monitor is started",
    "monitor.begun": "until it knows what to start: imports, recipe",
    "machine.claimed": "the machine's folder, lock and socket",
    "disk.made": "keys and disk",
    "initrd.made": "initrd",
    "vmm.exec": "the VMM's sockets",
}

Samples = dict[str, list[float]]


def wall_ms(argv: list[str]) -> float:
    """Return how long *argv* takes from fork to exit."""
    start = time.perf_counter_ns()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter_ns() - start) / 1e6


def boot(tree: Path, state: Path) -> Evidence:
    """Boot a tiny guest by the command of *tree*; return what it has stored of that boot."""
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    argv = [str(tree / ".venv/bin/bootwright"), "run", "--tiny", "--", "true"]
    subprocess.run(argv, env=environment, stderr=subprocess.DEVNULL, check=True)
    history = History(locate_home(environment).history)
    return history.load(max(row.id for row in history.find())).evidence


def to_vmm_ms(evidence: Evidence) -> float:
    """Return how long it took from the command being entered to the exec of the VMM."""
    times = evidence.clean.first_times()
    return (times["vmm.exec"] - times["command.entered"]) / 1e6


def steps_ms(evidence: Evidence) -> dict[str, float]:
    """Return what that was made of: the time between each two marks."""
    times = evidence.clean.first_times()
    return {_STEPS[b]: (times[b] - times[a]) / 1e6 for a, b in pairwise(_STEPS)}


def settle_ms(recipe: Recipe, count: int) -> float:
    """Return how long it takes to look for what dead monitors left among *count* machines."""
    with tempfile.TemporaryDirectory() as folder:
        home = locate_home({"BOOTWRIGHT_HOME": folder})
        for number in range(count):
            with claimed_folder(
                home, MachineSpec(name=f"m{number}", recipe=recipe, kept=True)
            ) as machine:
                machine.note_login()
        start = time.perf_counter_ns()
        assert reclaim(home) == []
        return (time.perf_counter_ns() - start) / 1e6


def processes(tree: Path, label: str) -> dict[str, list[str]]:
    """Return the processes of *tree* that are timed from fork to exit."""
    python = str(tree / ".venv/bin/python")
    variants = {"bootwright --version": [str(tree / ".venv/bin/bootwright"), "--version"]}
    modules = {
        "import bootwright": "bootwright",
        "import what run needs before it asks": "bootwright.cli.main, bootwright.cli.run",
    }
    if tree == HERE:
        modules["import what a monitor needs until its VMM"] = "bootwright.monitor.launch"
        modules["  and from then on"] = "bootwright.monitor.monitor, bootwright.vmms.qemu_running"
    else:
        modules["import what a monitor needs"] = "bootwright.monitor.monitor"
    variants |= {name: [python, "-c", f"import {module}"] for name, module in modules.items()}
    return {f"{name}{label}": argv for name, argv in variants.items()}


def measured(
    rounds: int, trees: dict[str, Path], state: Path
) -> tuple[Samples, dict[str, Samples]]:
    """Return times of processes in ms, and by tree, what its starts were made of."""
    variants = {"python3 -c pass": [sys.executable, "-c", "pass"]}
    for label, tree in trees.items():
        variants |= processes(tree, label)
    variants["ssh-keygen, one key (guests that let in)"] = ["sh", "-c", _KEYGEN]
    samples: Samples = defaultdict(list)
    made_of: dict[str, Samples] = {label: defaultdict(list) for label in trees}
    for number in range(rounds + 1):
        taken = {name: wall_ms(argv) for name, argv in variants.items()}
        for place, (label, tree) in enumerate(trees.items()):
            evidence = boot(tree, state / str(place))
            taken[f"run --tiny, command to exec of QEMU{label}"] = to_vmm_ms(evidence)
            for step, step_ms in steps_ms(evidence).items() if number else ():
                made_of[label][step].append(step_ms)
        recipe = msgspec.convert(evidence.recipe, Recipe)
        taken["looking after 100 machines at rest"] = settle_ms(recipe, 100)
        for name, value in taken.items() if number else ():
            samples[name].append(value)
    return samples, made_of


def table(title: str, samples: Samples, unit_ms: float) -> None:
    """Print least, median and greatest of each, and the median in units of *unit_ms*."""
    print(f"{title:<60}{'min':>8}{'median':>8}{'max':>8}{'ratio':>8}")
    for name, all_ms in samples.items():
        middle = statistics.median(all_ms)
        row = "".join(f"{value:>8.1f}" for value in (min(all_ms), middle, max(all_ms)))
        print(f"{name:<60}{row}{middle / unit_ms:>8.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--against", type=Path, metavar="TREE")
    options = parser.parse_args()
    trees = {"": HERE}
    if options.against:
        trees |= {f" ({options.against.name})": options.against.absolute()}
    for tree in trees.values():
        # Where Python is told to write no byte code, a changed module would be compiled each time.
        subprocess.run([tree / ".venv/bin/python", "-m", "compileall", "-q", tree / "src"])
    with tempfile.TemporaryDirectory() as state:
        samples, made_of = measured(options.rounds, trees, Path(state))
    print(f"host: {platform.node()}, {os.cpu_count()} CPUs, Linux {platform.release()}, ", end="")
    print(f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f}; ", end="")
    print(f"n = {options.rounds}, in turns")
    python_ms = statistics.median(samples["python3 -c pass"])
    table("milliseconds", samples, python_ms)
    for label, steps in made_of.items():
        table(f"run --tiny is made of{label}", steps, python_ms)
    ratio = statistics.median(samples["run --tiny, command to exec of QEMU"]) / python_ms
    print(f"command to exec of QEMU: {ratio:.1f} times python3 -c pass, wanted: {WANTED_RATIO}")
    import_ms = statistics.median(samples["import bootwright"]) - python_ms
    print(f"import bootwright: {import_ms:.1f} ms beside Python's, wanted: {WANTED_IMPORT_MS}")


if __name__ == "__main__":
    main()
