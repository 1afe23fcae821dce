"""What a dead monitor left is given back; what lives, and what is nobody's, is left alone."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from bootwright.errors import FormatError, HostError
from bootwright.home import Home
from bootwright.host import processes
from bootwright.journal import JournalEntry
from bootwright.machines import folder as folders
from bootwright.machines import recovery
from bootwright.machines.folder import MachineFolder
from bootwright.machines.recovery import reclaim
from tests.machines.fakes import WAITS, finish, held_elsewhere, shell, together
from tests.machines.samples import at_rest, entries, made

GIVEN_BACK = "its monitor was dead; its resources were released, its disk is kept"
REMOVED = "removed: its monitor was dead, and it was not a kept machine"


def crashed(folder: MachineFolder, **tokens: str) -> MachineFolder:
    """Let a machine look as if its monitor had just died: it owned two files and some processes."""
    for path in (folder.control, folder.initrd):
        folder.journal.write(JournalEntry(event="take", kind="file", name=path.name))
        path.touch()
    for role, token in tokens.items():
        folder.journal.write(JournalEntry(event="take", kind="process", name=role, token=token))
    return folder


def test_reclaim_without_machines_creates_nothing(home: Home) -> None:
    assert reclaim(home) == []
    assert not home.machines.exists()


def test_reclaim_removes_only_what_nobody_needs(home: Home) -> None:
    crashed(made(home, "never-logged-in", kept=True))
    crashed(made(home, "not-kept", logged_in=True))
    made(home, "plain")
    kept = crashed(at_rest(home, "kept"))
    alive = crashed(made(home, "alive"))
    with held_elsewhere(alive.lock):
        assert reclaim(home) == [
            f"kept: {GIVEN_BACK}",
            f"never-logged-in: {REMOVED}",
            f"not-kept: {REMOVED}",
            f"plain: {REMOVED}",
        ]
        assert entries(home) == ["alive", "kept"]
        assert alive.control.exists()
        assert len(alive.journal.owned()) == 2
    assert (kept.path / "disk.qcow2").read_text() == "a disk"
    for path in (kept.control, kept.initrd, kept.journal.path):
        assert not path.exists()


def test_reclaim_twice_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    crashed(at_rest(home))
    assert len(reclaim(home)) == 1
    monkeypatch.setattr(MachineFolder, "locked", lambda folder: pytest.fail("a lock was taken"))
    assert reclaim(home) == []


def test_reclaim_removes_unnamed_folders_of_a_crash(home: Home) -> None:
    at_rest(home)
    token = processes.new_token()
    for name in (".new-1234", ".gone-5678"):
        folder = MachineFolder(home.machines / name)
        folder.path.mkdir()
        crashed(folder, vmm=token)
    with shell(WAITS, processes.environment_with_token(token, {})) as vmm:
        done = reclaim(home)
        assert vmm.wait() == -9
    assert sorted(done) == [
        f"removed {home.machines / name}: a crash left it half made or half removed"
        for name in (".gone-5678", ".new-1234")
    ]
    assert entries(home) == ["web"]


def test_reclaim_never_touches_foreign_files(home: Home, tmp_path: Path) -> None:
    elsewhere = crashed(made(home, "moved")).path.rename(tmp_path / "elsewhere")
    (home.machines / "link").symlink_to(elsewhere)
    (home.machines / "photos").mkdir()
    (home.machines / "photos" / "precious").touch()
    before = sorted(path.name for path in elsewhere.iterdir())
    assert reclaim(home) == []
    assert entries(home) == ["link", "photos"]
    assert (home.machines / "photos" / "precious").exists()
    assert sorted(path.name for path in elsewhere.iterdir()) == before


@pytest.mark.parametrize("kept", [True, False])
def test_reclaim_ends_processes_by_token(kept: bool, home: Home) -> None:
    folder = made(home, kept=kept, logged_in=True)
    tokens = {role: processes.new_token() for role in ("monitor", "vmm", "bystander")}
    with ExitStack() as stack:
        started = {
            role: stack.enter_context(shell(WAITS, processes.environment_with_token(token, {})))
            for role, token in tokens.items()
        }
        crashed(folder, monitor=tokens["monitor"], vmm=tokens["vmm"])
        assert reclaim(home) == [f"web: {GIVEN_BACK if kept else REMOVED}"]
        assert started["monitor"].wait() == -9
        assert started["vmm"].wait() == -9
        assert started["bystander"].poll() is None


def test_reclaim_spares_a_process_with_a_reused_pid(home: Home) -> None:
    # A row of an older bootwright names a pid; whose it is by now, nobody knows.
    folder = at_rest(home)
    with shell(WAITS, {}) as other:
        with folder.journal.path.open("w") as journal:
            journal.write(
                f'{{"event":"take","kind":"process","name":"vmm","pid":{other.pid},'
                '"start_ticks":1,"token":"00000000000000000000000000000001"}\n'
            )
        assert reclaim(home) == [f"web: {GIVEN_BACK}"]
        assert other.poll() is None


def test_reclaim_names_a_process_that_does_not_end_and_keeps_its_row(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = crashed(at_rest(home), vmm="feedface")

    def hang(token: str) -> None:
        raise HostError(f"{token} does not end")

    with monkeypatch.context() as patch:
        patch.setattr(processes, "end", hang)
        with pytest.raises(HostError, match=r"^feedface does not end$"):
            reclaim(home)
    assert [row.name for row in folder.journal.owned()] == ["control", "initrd", "vmm"]
    assert not folder.is_alive()
    assert reclaim(home) == [f"web: {GIVEN_BACK}"]


@pytest.mark.parametrize(
    "damage",
    ["cut short", "rubbish", "bytes", "empty", "another field", "a refused value", "missing"],
)
@pytest.mark.parametrize("has_crashed", [True, False])
def test_reclaim_keeps_a_damaged_machine(damage: str, has_crashed: bool, home: Home) -> None:
    crashed(made(home, "gone"))
    damaged = at_rest(home, "damaged")
    if has_crashed:
        crashed(damaged)
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
    done = reclaim(home)
    assert done[-1] == f"gone: {REMOVED}"
    assert len(done) == (2 if has_crashed else 1)
    if has_crashed:
        assert done[0].startswith(
            "damaged: its monitor was dead; its resources were released; "
            f"damaged: cannot read {description}: "
        )
    assert reclaim(home) == []
    assert entries(home) == ["damaged"]
    assert (damaged.path / "disk.qcow2").exists()
    assert not damaged.journal.path.exists()
    with pytest.raises(FormatError) as bad:
        damaged.spec()
    assert str(bad.value).startswith(f"cannot read {description}: ")
    assert bad.value.hint == "bootwright rm --force damaged"


def test_reclaim_releases_despite_a_damaged_journal(home: Home) -> None:
    token = processes.new_token()
    folder = at_rest(home)
    folder.journal.path.write_bytes(b'\xff\x00{"event": "take"\n[1]\n')
    crashed(folder, vmm=token)
    with folder.journal.path.open("ab") as journal:
        journal.write(b'{"event":"take","kind":"file","na')
    with shell(WAITS, processes.environment_with_token(token, {})) as vmm:
        assert reclaim(home) == [f"web: {GIVEN_BACK}"]
        assert vmm.wait() == -9
    assert sorted(p.name for p in folder.path.iterdir()) == [
        *("disk.qcow2", "identity.json", "lock", "logged-in", "machine.json")
    ]


def test_reclaim_leaves_a_machine_started_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = crashed(at_rest(home))
    real = recovery.is_reclaimed
    with ExitStack() as stack:

        def slow(looked_at: MachineFolder) -> bool:
            answer = real(looked_at)
            stack.enter_context(held_elsewhere(folder.lock))
            return answer

        monkeypatch.setattr(recovery, "is_reclaimed", slow)
        assert reclaim(home) == []
        assert folder.control.exists()
        assert len(folder.journal.owned()) == 2


_SETTLE = """
from bootwright.home import locate_home
from bootwright.machines.recovery import reclaim
begin()
reclaim(locate_home())
"""


@pytest.mark.parametrize("times", range(3))
def test_reclaim_by_several_processes_at_once(times: int, home: Home) -> None:
    token = processes.new_token()
    for number in range(8):
        crashed(made(home, f"gone-{number}"), vmm=token)
        crashed(at_rest(home, f"kept-{number}"), vmm=token)
    with shell(WAITS, processes.environment_with_token(token, {})) as vmm:
        finish(together(_SETTLE, count=4))
        assert vmm.wait() == -9
    assert entries(home) == [f"kept-{number}" for number in range(8)]
    assert all((folder.path / "disk.qcow2").exists() for folder in folders.all_machines(home))
    assert not any(folder.journal.path.exists() for folder in folders.all_machines(home))
    assert reclaim(home) == []


_LOOK = """
from bootwright.home import locate_home
from bootwright.machines.recovery import reclaim
begin()
while not (locate_home().machines / "stop").exists():
    reclaim(locate_home())
"""


def test_reclaim_never_blocks_a_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_GLANCE_S", 30)
    folder = at_rest(home)
    looking = together(_LOOK, count=2)
    for _ in range(100):
        crashed(folder)  # there is something to do for whoever looks
        reclaim(home)  # as a monitor does first
        with folder.locked():
            folder.journal.write(JournalEntry(event="take", kind="file", name="control"))
            folder.control.touch()
            reclaim(home)
            assert folder.control.exists()
    (home.machines / "stop").touch()
    finish(looking)


def test_reclaim_leaves_no_lock(home: Home) -> None:
    crashed(at_rest(home, "kept"))
    crashed(made(home, "gone"))
    before = len(os.listdir("/proc/self/fd"))
    reclaim(home)
    assert len(os.listdir("/proc/self/fd")) == before
