"""Machines' folders: who holds the lock, what is found, what is swept. The locks are real ones."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bootwright.digest import Digest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.guest import identity as identities
from bootwright.home import Home
from bootwright.host.clock import boot_id
from bootwright.journal import Journal, Row, start_ticks
from bootwright.machine import folder as folders
from bootwright.machine.folder import MachineFolder, claimed
from bootwright.machine.spec import MachineSpec, Running
from tests.machine.samples import RECIPE

SPEC = MachineSpec(name="web", recipe=RECIPE)
RUNNING = Running(monitor_pid=1, vmm_pid=2, started_s=3, ports={22: 40001})


def made(home: Home, name: str, *, kept: bool = False, let_in: bool = False) -> MachineFolder:
    """Make a machine whose monitor is gone."""
    with claimed(home, replace(SPEC, name=name, kept=kept)) as folder:
        folder.write(RUNNING)
        if let_in:
            folder.note_let_in()
        for path in (folder.disk, folder.initrd, folder.journal, folder.control):
            path.touch()
    return folder


_HOLD = """
import pathlib, sys
from bootwright.machine.folder import MachineFolder
with MachineFolder(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_elsewhere(folder: MachineFolder) -> Iterator[None]:
    """Let another process hold the machine's lock for the length of the block."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, folder.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield


def test_a_claimed_machine_is_there_and_alive(home: Home) -> None:
    with claimed(home, SPEC) as folder:
        assert folder.path == home.machines / "web"
        assert folder.spec() == SPEC
        assert folder.is_alive()
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder.path / "machine.json").stat().st_mode) == 0o600
    assert not folder.is_alive()


@pytest.mark.parametrize("first_is_alive", [True, False])
def test_one_name_is_given_once(first_is_alive: bool, home: Home) -> None:
    with claimed(home, SPEC) as first:
        if first_is_alive:
            with pytest.raises(InputError) as bad, claimed(home, replace(SPEC, kept=True)):
                pytest.fail("the name was given twice")
    if not first_is_alive:
        with pytest.raises(InputError) as bad, claimed(home, replace(SPEC, kept=True)):
            pytest.fail("the name was given twice")
    assert str(bad.value) == "a machine is called 'web' already"
    assert bad.value.hint == "choose another --name, or: bootwright rm --force web"
    assert [path.name for path in home.machines.iterdir()] == ["web"]
    assert first.spec() == SPEC


def test_a_claim_that_fails_inside_leaves_nothing_half_made(home: Home) -> None:
    with pytest.raises(RuntimeError, match="inside"), claimed(home, SPEC):
        raise RuntimeError("inside")
    assert [path.name for path in home.machines.iterdir()] == ["web"]
    assert not MachineFolder(home.machines / "web").is_alive()


def test_a_lock_in_another_process_is_life(home: Home) -> None:
    folder = made(home, "web")
    assert not folder.is_alive()
    with held_elsewhere(folder):
        assert folder.is_alive()
        with pytest.raises(InputError) as bad, folder.locked():
            pytest.fail("the lock was taken twice")
        assert str(bad.value) == "machine 'web' is running already"
        assert bad.value.hint == "bootwright ssh web"
    assert not folder.is_alive()
    with folder.locked():
        assert folder.is_alive()


def test_what_is_known_of_a_running_machine(home: Home) -> None:
    folder = made(home, "web")
    with pytest.raises(InputError) as bad:
        folder.running()
    assert str(bad.value) == "machine 'web' is not running"
    assert bad.value.hint == "bootwright start web"
    with held_elsewhere(folder):
        assert folder.running() == RUNNING
        folder.forget_running()
        with pytest.raises(InputError, match=r"^machine 'web' is not running$"):
            folder.running()


def test_an_identity_is_kept_for_its_owner_only(home: Home) -> None:
    folder = made(home, "web")
    identity = identities.make("web")
    folder.write(identity)
    assert folder.identity() == identity
    assert stat.S_IMODE((folder.path / "identity.json").stat().st_mode) == 0o600
    assert not list(folder.path.glob(".*"))


def test_a_sweep_removes_only_what_nobody_needs(home: Home) -> None:
    made(home, "gone")
    made(home, "never-let-in", kept=True)
    made(home, "not-kept", let_in=True)
    kept = made(home, "kept", kept=True, let_in=True)
    alive = made(home, "alive")
    with held_elsewhere(alive):
        folders.sweep(home)
        assert [folder.name for folder in folders.every(home)] == ["alive", "kept"]
        assert (alive.path / "running.json").exists()
    assert kept.disk.exists()
    for path in (kept.path / "running.json", kept.control, kept.initrd, kept.journal):
        assert not path.exists()
    folders.sweep(home)
    assert [folder.name for folder in folders.every(home)] == ["kept"]


@pytest.mark.parametrize(
    "damage",
    ["cut short", "rubbish", "bytes", "empty", "another field", "a refused value", "missing"],
)
def test_a_sweep_survives_a_damaged_machine(damage: str, home: Home) -> None:
    made(home, "gone")
    damaged = made(home, "damaged", kept=True, let_in=True)
    description = damaged.path / "machine.json"
    whole = description.read_text()
    match damage:
        case "cut short":
            description.write_text(whole[: len(whole) // 2])
        case "rubbish":
            description.write_text("}{ \x01 rubbish")
        case "bytes":
            description.write_bytes(b"\xff\xfe")
        case "empty":
            description.write_text("")
        case "a refused value":
            description.write_text(whole.replace('"damaged"', '"No Host Name"', 1))
        case "another field":
            description.write_text(whole.replace('"recipe"', '"receipt"'))
        case "missing":
            description.unlink()
    folders.sweep(home)
    assert [folder.name for folder in folders.every(home)] == ["damaged"]
    assert damaged.disk.exists()
    with pytest.raises(FormatError) as bad:
        damaged.spec()
    assert str(bad.value).startswith(f"{description} cannot be read: ")
    assert bad.value.hint == "bootwright rm --force damaged"


@pytest.mark.parametrize(
    ("told", "ended"), [({}, True), ({"start_ticks": 1}, False), ({"boot_id": "another"}, False)]
)
def test_a_sweep_ends_a_vmm_that_outlived_its_monitor_and_no_other_process(
    told: dict[str, str | int], ended: bool, home: Home
) -> None:
    folder = made(home, "web")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        ticks = start_ticks(process.pid)
        assert ticks is not None
        row = Row(event="take", kind="process", name="vmm", pid=process.pid, start_ticks=ticks)
        Journal(folder.journal).write(replace(row, **{"boot_id": boot_id(), **told}))  # type: ignore[arg-type]
        folders.sweep(home)
        if not ended:
            assert process.poll() is None
    assert process.returncode == (-9 if ended else 0)
    assert folders.every(home) == []


def test_a_sweep_of_nothing(home: Home) -> None:
    folders.sweep(home)
    assert folders.every(home) == []


def test_a_machine_in_the_making_is_not_listed(home: Home) -> None:
    (home.machines / ".new-1234").mkdir(parents=True)
    assert folders.every(home) == []


def test_a_name_that_no_machine_has(home: Home) -> None:
    with pytest.raises(NotFoundError) as bad:
        folders.find(home, "web")
    assert str(bad.value) == "no machine is called 'web'"
    assert bad.value.hint == "there is no machine; bootwright run makes one"
    made(home, "db")
    made(home, "api")
    with pytest.raises(NotFoundError) as bad:
        folders.find(home, "../machines/db")
    assert bad.value.hint == "there are: api, db"
    assert folders.find(home, "db").path == home.machines / "db"


def test_who_uses_an_image_or_a_kernel(home: Home) -> None:
    made(home, "web")
    other = Digest("sha256-" + "3" * 64)
    with claimed(home, replace(SPEC, name="db", recipe=replace(SPEC.recipe, kernel=other))):
        pass
    assert SPEC.recipe.image is not None
    assert folders.users(home, SPEC.recipe.image) == ["db", "web"]
    assert folders.users(home, SPEC.recipe.kernel) == ["web"]
    assert folders.users(home, other) == ["db"]
    assert folders.users(home, Digest("sha256-" + "4" * 64)) == []
