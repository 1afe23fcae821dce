"""Machines' folders: who holds the lock, what is found, what is ours. The locks are real."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.digest import Digest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.guest.identity import new_identity
from bootwright.home import Home
from bootwright.host import processes
from bootwright.journal import JournalEntry
from bootwright.machines import folder as folders
from bootwright.machines.folder import MachineFolder, claimed_folder
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import LastEnd
from tests.machines.fakes import WAITS, held_elsewhere, shell
from tests.machines.samples import SPEC, at_rest, entries, made

STOPPED = LastEnd(reason="stopped", text="shut down as requested", ended_s=1_700_000_000)


def test_claimed_machine_exists_and_is_alive(home: Home) -> None:
    with claimed_folder(home, SPEC) as folder:
        assert folder.path == home.machines / "web"
        assert folder.spec() == SPEC
        assert folder.is_alive()
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder.path / "machine.json").stat().st_mode) == 0o600
    assert not folder.is_alive()


@pytest.mark.parametrize("first_is_alive", [True, False])
def test_claimed_gives_a_name_once(first_is_alive: bool, home: Home) -> None:
    with claimed_folder(home, SPEC) as first:
        if first_is_alive:
            with pytest.raises(InputError) as bad, claimed_folder(home, replace(SPEC, kept=True)):
                pytest.fail("the name was given twice")
    if not first_is_alive:
        with pytest.raises(InputError) as bad, claimed_folder(home, replace(SPEC, kept=True)):
            pytest.fail("the name was given twice")
    assert str(bad.value) == "a machine named 'web' already exists"
    assert bad.value.hint == "choose another --name, or: bootwright rm --force web"
    assert entries(home) == ["web"]
    assert first.spec() == SPEC


def test_claimed_that_raises_leaves_nothing(home: Home) -> None:
    with pytest.raises(RuntimeError, match="inside"), claimed_folder(home, SPEC):
        raise RuntimeError("inside")
    assert entries(home) == ["web"]
    assert not MachineFolder(home.machines / "web").is_alive()


def test_claimed_that_cannot_write_leaves_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: MachineFolder, value: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MachineFolder, "write", full)
    with pytest.raises(OSError, match="No space left"), claimed_folder(home, SPEC):
        pytest.fail("there was no room")
    assert entries(home) == []


def test_claimed_is_never_seen_without_its_lock(home: Home) -> None:
    home.machines.mkdir(parents=True)
    script = (
        "import sys; from bootwright.home import locate_home;"
        "from bootwright.machines import folder as folders;"
        "print('ready', flush=True);"
        "seen = set();\n"
        "while 'end' not in seen:\n"
        "    for folder in folders.all_machines(locate_home()):\n"
        "        assert folder.is_alive() or not folder.path.exists(), folder.name\n"
        "        seen.add(folder.name)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == b"ready\n"
        for number in range(200):
            with claimed_folder(home, replace(SPEC, name=f"m{number}")) as folder:
                folders.remove_machine(folder)
        with claimed_folder(home, replace(SPEC, name="end")):
            assert watcher.wait(60) == 0


def test_folder_is_alive_when_another_process_holds_the_lock(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_RECLAIM_S", 0.1)
    folder = made(home)
    assert not folder.is_alive()
    with held_elsewhere(folder.lock):
        assert folder.is_alive()
        with pytest.raises(InputError) as bad, folder.locked():
            pytest.fail("the lock was taken twice")
        assert str(bad.value) == "machine 'web' is already running"
        assert bad.value.hint == "bootwright ssh web"
    assert not folder.is_alive()
    with folder.locked():
        assert folder.is_alive()


def test_folder_lock_of_a_removed_machine(home: Home) -> None:
    folder = MachineFolder(home.machines / "web")
    with pytest.raises(NotFoundError) as bad, folder.locked():
        pytest.fail("there is no lock")
    assert str(bad.value) == "machine 'web' was just removed"
    assert bad.value.hint == "bootwright ps"


def test_folder_is_alive_does_not_block_a_start(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_GLANCE_S", 30)
    folder = made(home)
    with held_elsewhere(folder.lock) as looker:
        assert looker.stdin is not None
        looker.stdin.close()  # it is about to go
        with folder.locked():
            assert folder.is_alive()


def test_folder_identity_is_private(home: Home) -> None:
    folder = made(home)
    identity = new_identity("web", folder.path)
    folder.write(identity)
    assert folder.identity() == identity
    assert stat.S_IMODE((folder.path / "identity.json").stat().st_mode) == 0o600
    assert not list(folder.path.glob(".*"))


def test_folder_last_end(home: Home) -> None:
    folder = made(home)
    assert folder.last_end() is None
    folder.write(STOPPED)
    assert folder.last_end() == STOPPED


@pytest.mark.parametrize("damage", ["", "{", '{"reason": "bored"}', '{"reason": "stopped"}'])
def test_folder_last_end_that_is_unreadable_is_lost(damage: str, home: Home) -> None:
    folder = made(home)
    path = folder.path / "end.json"
    path.write_text(damage)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert folder.last_end() == LastEnd(
        reason="lost", text="how it ended is unknown", ended_s=1_700_000_000
    )


@pytest.mark.parametrize("file_name", ["machine.json", "identity.json"])
@pytest.mark.parametrize("damage", ["", "{", '{"name": "web"}', None])
def test_folder_names_a_file_that_cannot_be_read(
    damage: str | None, file_name: str, home: Home
) -> None:
    folder = made(home)
    path = folder.path / file_name
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    with pytest.raises(FormatError) as bad:
        folder.spec() if file_name == "machine.json" else folder.identity()
    assert str(bad.value).startswith(f"cannot read {path}: ")
    assert bad.value.hint == "bootwright rm --force web"


def test_folder_give_back_releases_what_a_run_took(home: Home) -> None:
    folder = made(home)
    ours, theirs = processes.new_token(), processes.new_token()
    for token in (ours, theirs):
        folder.journal.write(JournalEntry(event="take", kind="process", name="x", token=token))
    folder.journal.write(JournalEntry(event="take", kind="file", name="control"))
    for name in (".machine.json", ".end.json", "control"):
        (folder.path / name).write_text("half")
    whole = (folder.path / "machine.json").read_text()
    with (
        folder.locked(),
        shell(WAITS, processes.environment_with_token(ours, {})) as spared,
        shell(WAITS, processes.environment_with_token(theirs, {})) as child,
    ):
        folder.give_back(except_token=ours)
        assert child.wait() == -9
        assert spared.poll() is None
    assert sorted(path.name for path in folder.path.iterdir()) == [
        *("disk.qcow2", "identity.json", "lock", "machine.json")
    ]
    assert (folder.path / "machine.json").read_text() == whole


@pytest.mark.parametrize(
    ("kept", "logged_in", "worth"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_folder_is_worth_keeping_after_a_login_only(
    kept: bool, logged_in: bool, worth: bool, home: Home
) -> None:
    assert made(home, kept=kept, logged_in=logged_in).is_worth_keeping() is worth


def test_folder_visited_keeps_a_machine_for_the_visit(home: Home) -> None:
    folder = made(home, kept=True, logged_in=True)
    with folder.visited():
        assert folder.is_worth_keeping()
    assert not folder.is_worth_keeping()
    # Who looks next takes it away.
    reclaim(home)
    assert not folder.path.exists()


def test_folder_begin_logs_sets_the_last_logs_aside(home: Home) -> None:
    folder = made(home)
    folder.begin_logs()  # there are none yet
    for run in ("first", "second", "third"):
        folder.console_log.write_text(run)
        folder.vmm_log.write_text(run)
        folder.begin_logs()
        assert folder.previous_console_log.read_text() == run
        assert not folder.console_log.exists()
        assert not folder.vmm_log.exists()
    folder.begin_logs()  # a run that came to nothing printed nothing
    assert folder.previous_console_log.read_text() == "third"


def test_folders_foreign_are_told_apart(home: Home, tmp_path: Path) -> None:
    made(home, "ours")
    elsewhere = made(home, "moved").path.rename(tmp_path / "elsewhere")
    (home.machines / "link").symlink_to(elsewhere)
    (home.machines / "no-lock").mkdir()
    (home.machines / "lock-is-a-folder" / "lock").mkdir(parents=True)
    (home.machines / "a-file").touch()
    assert [folder.name for folder in folders.all_machines(home)] == ["ours"]
    assert [path.name for path in folders.foreign_entries(home)] == [
        *("a-file", "link", "lock-is-a-folder", "no-lock")
    ]


def test_folders_without_machines_are_empty(home: Home) -> None:
    assert folders.all_machines(home) == []
    assert folders.foreign_entries(home) == []
    assert folders.unfinished_folders(home) == []
    assert not home.machines.exists()


def test_folders_find_names_an_unknown_machine(home: Home) -> None:
    with pytest.raises(NotFoundError) as bad:
        folders.find_machine(home, "web")
    assert str(bad.value) == "no machine is called 'web'"
    assert bad.value.hint == "there are no machines; bootwright run makes one"
    made(home, "db")
    made(home, "api")
    (home.machines / "web").mkdir()
    for name in ("web", "../machines/db", ".", ""):
        with pytest.raises(NotFoundError) as bad:
            folders.find_machine(home, name)
        assert bad.value.hint == "there are: api, db"
    assert folders.find_machine(home, "db").path == home.machines / "db"


def test_folders_users_of_an_image_or_kernel(home: Home) -> None:
    made(home, "web")
    other = Digest("sha256-" + "3" * 64)
    with claimed_folder(home, replace(SPEC, name="db", recipe=replace(SPEC.recipe, kernel=other))):
        pass
    assert SPEC.recipe.image is not None
    assert folders.machines_using(home, SPEC.recipe.image) == ["db", "web"]
    assert folders.machines_using(home, SPEC.recipe.kernel) == ["web"]
    assert folders.machines_using(home, other) == ["db"]
    assert folders.machines_using(home, Digest("sha256-" + "4" * 64)) == []


@pytest.mark.parametrize("content", [None, "a file of somebody"])
def test_claimed_refuses_a_foreign_folder(content: str | None, home: Home) -> None:
    foreign = home.machines / "web"
    foreign.mkdir(parents=True)
    if content is not None:
        (foreign / "file").write_text(content)
    with pytest.raises(InputError) as bad, claimed_folder(home, SPEC):
        pytest.fail("the name was given")
    assert str(bad.value) == f"{foreign} exists and is not a bootwright machine"
    assert bad.value.hint == "choose another --name, or move it away"
    assert sorted(path.name for path in foreign.iterdir()) == ([] if content is None else ["file"])


def test_claimed_waits_for_a_folder_being_reclaimed(home: Home) -> None:
    """A lock without a monitor behind it is held by who gives back; that may take its time."""
    folder = at_rest(home)
    assert not folder.listens()
    with held_elsewhere(folder.lock) as holder:
        timer = threading.Timer(1.0, holder.kill)  # longer than a glance takes
        timer.start()
        with folder.locked():
            assert folder.is_alive()
    timer.join()
