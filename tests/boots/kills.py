"""The fault harness: kills processes of ours and holds what is left against what was before."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.boots.harness import Bootwright, commands

KILLER = Path(__file__).with_name("killer")
AT_ONCE = 2
"""How many boots run at once: a vCPU each on the machines that test this."""
_SETTLED_S = 60

MONITOR, COMMAND = "bootwright.monitor.launch", "/bin/bootwright"
"""Words of the command lines of the processes that are killed."""


@dataclass(frozen=True)
class Left:
    """What there is of ours on the host."""

    processes: tuple[str, ...]
    files: frozenset[str]
    loops: frozenset[str]


def place(folder: Path) -> Bootwright:
    """Return bootwright with state and temporary files in *folder*, used and tidied once.

    That first use makes what is there for good, such as an empty log.
    """
    own = commands(folder / "state")
    (folder / "tmp").mkdir(parents=True)
    own = replace(own, environment={**own.environment, "TMPDIR": str(folder / "tmp")})
    own.logs.mkdir(parents=True)
    (own.logs / "monitors.log").touch()
    own.machines.mkdir()
    (own.machines.parent / "beginning.lock").touch()
    return own


def left(own: Bootwright) -> Left:
    """Look at processes, files and loop devices.

    Consoles of failed runs and the history are kept on purpose; its -wal and -shm are part of it.
    """
    roots = [own.machines.parent, Path(own.environment["TMPDIR"]), _keys(own)]
    files = {
        str(path)
        for root in roots
        for path in root.rglob("*")
        if path.suffix != ".console" and not path.name.startswith("history.sqlite3")
    }
    backing = {path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")}
    # Other tests, which run beside this one, have loops of their own.
    loops = {name for name in backing if any(name.startswith(str(root)) for root in roots)}
    return Left(tuple(own.processes()), frozenset(files), frozenset(loops))


def _keys(own: Bootwright) -> Path:
    return Path(own.environment["XDG_DATA_HOME"]) / "bootwright" / "keys"


def settle(own: Bootwright) -> None:
    """Wait for processes that are on their way out, then let a command look after the rest."""
    end = time.monotonic() + 5
    while own.processes() and time.monotonic() < end:
        time.sleep(0.02)
    done = own("ps", "--json")
    assert done.returncode == 0, done.stderr
    end = time.monotonic() + _SETTLED_S
    while own.processes():
        assert time.monotonic() < end, own.processes()
        time.sleep(0.02)


def steps(own: Bootwright, role: str, words: Sequence[str | Path], log: Path) -> list[str]:
    """Run a command to its end; return the steps of its process that has *role* in its argv."""
    done = armed(own, role, 0, log)(*words)
    assert done.returncode == 0, done.stderr
    return log.read_text().splitlines()


def kill_at(
    own: Bootwright, role: str, step: int, words: Sequence[str | Path], log: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command and kill the process whose command line has *role* just before a step."""
    done = armed(own, role, step, log)(*words)
    taken = log.read_text().splitlines()
    assert len(taken) == step, f"there was no step {step}: {taken[-3:]}"
    return done


def armed(own: Bootwright, role: str, step: int, log: Path) -> Bootwright:
    """Return bootwright whose process with *role* in its argv dies before a step; 0: never."""
    settings = {
        "PYTHONPATH": str(KILLER),
        "BOOTWRIGHT_TEST_KILL_ROLE": role,
        "BOOTWRIGHT_TEST_KILL_STEP": str(step),
        "BOOTWRIGHT_TEST_KILL_LOG": str(log),
    }
    return replace(own, environment={**own.environment, **settings})


def in_parallel(cases: Iterable[int], work: Callable[[int], str]) -> list[str]:
    """Do *work* for each case, some at once; return what was wrong, a line each."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [wrong for wrong in pool.map(work, cases) if wrong]


def differences(before: Left, after: Left) -> str:
    """Say in which way *after* is not *before*; nothing where it is the same."""
    wrong = [f"process {line}" for line in after.processes]
    wrong += [f"file {path}" for path in sorted(after.files - before.files)]
    wrong += [f"missing {path}" for path in sorted(before.files - after.files)]
    wrong += [f"loop on {name}" for name in sorted(after.loops - before.loops)]
    return "; ".join(wrong)


@dataclass(frozen=True)
class Blow:
    """What happens to a run at some moment."""

    delay_s: float
    victims: tuple[str, ...]
    signals: tuple[signal.Signals, ...]
    pause_s: float

    def strike(self, own: Bootwright) -> None:
        """Send the signals."""
        time.sleep(self.delay_s)  # this is the case itself: some moment of a boot
        for number in self.signals:
            for word in self.victims:
                for pid in pids(own, word):
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
            time.sleep(self.pause_s)


def random_blow(chance: random.Random) -> Blow:
    """Return a blow such as life deals them."""
    kill, interrupt = signal.SIGKILL, signal.SIGINT
    victims, signals = chance.choice(
        [
            ((COMMAND,), (kill,)),
            ((MONITOR,), (kill,)),
            (("qemu-system",), (kill,)),
            ((COMMAND, MONITOR, "qemu-system"), (kill,)),
            ((MONITOR, COMMAND), (kill,)),
            ((COMMAND,), (interrupt,)),
            ((COMMAND,), (interrupt, interrupt)),
            ((COMMAND,), (interrupt, interrupt, kill)),
            ((COMMAND,), (signal.SIGTERM,)),
            ((MONITOR,), (signal.SIGTERM,)),
        ]
    )
    return Blow(chance.uniform(0.0, 3.0), victims, signals, chance.uniform(0.0, 0.1))


def pids(own: Bootwright, word: str) -> list[int]:
    """Return the processes of ours whose command line has *word*."""
    found = []
    state = f"XDG_STATE_HOME={own.environment['XDG_STATE_HOME']}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes()
                settings = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if word.encode() in line and state in settings:
                found.append(int(folder.name))
    return found
