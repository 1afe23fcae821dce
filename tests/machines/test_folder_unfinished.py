"""Folders that a crash left without a name: half made, or half removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bootwright.home import Home
from bootwright.host import locks, trees
from bootwright.machines import folder as folders
from bootwright.machines.folder import MachineFolder, claimed_folder
from tests.machines.samples import SPEC, entries, made

_CRASH = """
import os, signal, sys
from bootwright.home import locate_home
from bootwright.machines import folder as folders
from tests.machines.samples import SPEC

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

take = folders.locks.take
match sys.argv[1]:
    case "lock":
        folders.locks.take = lambda p, **more: die() if p.name == "lock" else take(p, **more)
    case "spec":
        folders.MachineFolder.write = die
    case "name":
        folders.Path.rename = die
    case "removal":
        folders.remove_tree = die
with folders.claimed_folder(locate_home(), SPEC) as folder:
    folders.remove_machine(folder)
"""


@pytest.mark.parametrize(
    ("before", "left"), [("lock", "new"), ("spec", "new"), ("name", "new"), ("removal", "gone")]
)
def test_unfinished_finds_folders_of_a_crash(before: str, left: str, home: Home) -> None:
    argv = [sys.executable, "-c", _CRASH, before]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    [name] = entries(home)
    assert name.startswith(f".{left}-")
    assert MachineFolder(home.machines / name).lock.exists() is (before != "lock")
    assert folders.all_machines(home) == []
    assert folders.foreign_entries(home) == []
    [found] = folders.unfinished_folders(home)
    assert found.path == home.machines / name
    folders.remove_machine(found)
    assert entries(home) == []
    assert folders.unfinished_folders(home) == []


def test_unfinished_omits_a_machine_being_made(home: Home) -> None:
    with claimed_folder(home, SPEC) as folder:
        staged = folder.path.rename(home.machines / ".new-1234")
        assert folders.unfinished_folders(home) == []
        staged.rename(folder.path)
    folder.path.rename(staged)
    assert [found.path for found in folders.unfinished_folders(home)] == [staged]


_LOOK = """
import time
from bootwright.home import locate_home
from bootwright.machines import folder as folders

real = time.sleep
def told(seconds):
    print("waits", flush=True)
    real(seconds)
time.sleep = told
print("found", len(folders.unfinished_folders(locate_home())))
"""


def test_unfinished_waits_for_a_folder_without_its_lock_yet(home: Home) -> None:
    home.machines.mkdir(parents=True)
    new = MachineFolder(home.machines / ".new-1234")
    beginning = locks.take(home.state / "beginning.lock")
    new.path.mkdir()
    with subprocess.Popen([sys.executable, "-c", _LOOK], stdout=subprocess.PIPE) as looker:
        assert looker.stdout is not None
        assert looker.stdout.readline() == b"waits\n"
        held = locks.take(new.lock)
        os.close(beginning)
        assert looker.stdout.read().splitlines()[-1] == b"found 0"
    os.close(held)
    assert [found.path for found in folders.unfinished_folders(home)] == [new.path]


def test_folders_remove_drops_the_name_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(home)
    seen: list[list[str]] = []

    def watched(path: Path) -> None:
        seen.append(entries(home))
        trees.remove_tree(path)

    monkeypatch.setattr(folders, "remove_tree", watched)
    folders.remove_machine(folder)
    [[name]] = seen
    assert name.startswith(".gone-")
    assert entries(home) == []
    folders.remove_machine(folder)  # taken away under us
    assert entries(home) == []


def test_folders_remove_completes_a_half_done_removal(home: Home) -> None:
    gone = MachineFolder(home.machines / ".gone-1234")
    gone.path.mkdir(parents=True)
    gone.lock.touch()
    assert [found.path for found in folders.unfinished_folders(home)] == [gone.path]
    folders.remove_machine(gone)
    assert entries(home) == []
