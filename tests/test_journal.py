"""The journal: whatever may exist after a crash is named in it, and can be given back."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from bootwright.host import processes
from bootwright.journal import Journal, JournalEntry, remove_file
from tests.machines.fakes import WAITS, finish, shell, state_of, together, until

REMOVED: list[str] = []
"""The devices that any journal of these tests has removed."""
_DISK = JournalEntry(event="take", kind="device", name="bootwright-web-feedface")
_PIPE = JournalEntry(event="take", kind="file", name="knock")
_VMM = JournalEntry(event="take", kind="process", name="vmm", token="feedface")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    folder = tmp_path / "machine"
    folder.mkdir()
    return Journal(folder / "journal", REMOVED.append)


def test_journal_without_a_file_owns_nothing(journal: Journal) -> None:
    assert journal.owned() == []
    assert not journal.path.exists()


def test_journal_rows_come_back_oldest_first(journal: Journal) -> None:
    journal.write(_PIPE)
    journal.write(_VMM)
    assert Journal(journal.path, REMOVED.append).owned() == [_PIPE, _VMM]


def test_journal_release_ends_ownership(journal: Journal) -> None:
    journal.write(_PIPE)
    journal.write(_VMM)
    journal.write(JournalEntry(event="release", kind="file", name=_PIPE.name))
    assert journal.owned() == [_VMM]


def test_journal_release_of_an_unknown_row_is_ignored(journal: Journal) -> None:
    journal.write(JournalEntry(event="release", kind="process", name="never"))
    assert journal.owned() == []


def test_journal_release_tells_processes_of_one_role_apart(journal: Journal) -> None:
    journal.write(_VMM)
    journal.write(JournalEntry(event="release", kind="process", name="vmm", token="another"))
    journal.write(JournalEntry(event="release", kind="file", name="vmm", token="feedface"))
    assert journal.owned() == [_VMM]


def test_journal_take_after_release_owns_again(journal: Journal) -> None:
    journal.write(_PIPE)
    journal.write(JournalEntry(event="release", kind="file", name=_PIPE.name))
    journal.write(_PIPE)
    assert journal.owned() == [_PIPE]


def test_journal_names_may_hold_any_character(journal: Journal) -> None:
    row = JournalEntry(event="take", kind="file", name='a "b"\n\t\\ü')
    journal.write(row)
    assert journal.owned() == [row]


def test_journal_file_is_private(journal: Journal) -> None:
    journal.write(_PIPE)
    assert journal.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kept", [1, 2, 20, 60])
def test_journal_ignores_a_torn_last_line(journal: Journal, kept: int) -> None:
    journal.write(_PIPE)
    whole = journal.path.stat().st_size
    journal.write(_VMM)
    os.truncate(journal.path, whole + kept)
    assert journal.owned() == [_PIPE]


def test_journal_reads_the_row_after_a_torn_one(journal: Journal) -> None:
    journal.write(_PIPE)
    os.truncate(journal.path, 20)
    journal.write(_VMM)
    assert journal.owned() == [_VMM]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"event": "take"}',
        b'{"event": "give", "kind": "file", "name": "knock"}',
        b'{"event": "take", "kind": "mount", "name": "knock"}',
        b'{"event": "take", "kind": "file", "name": 7}',
        b"\0" * 4096,
    ],
)
def test_journal_ignores_lines_that_are_no_rows(rubbish: bytes, journal: Journal) -> None:
    journal.path.write_bytes(rubbish + b"\n")
    journal.write(_VMM)
    with journal.path.open("ab") as file:
        file.write(rubbish)
    assert journal.owned() == [_VMM]


_WRITER = """
import os, sys; from pathlib import Path
from bootwright.journal import Journal, JournalEntry
journal = Journal(Path(sys.argv[1]), print)
begin()
for number in range(300):
    journal.write(JournalEntry(event="take", kind="file", name=f"{os.getpid()}-{number}"))
"""


def test_journal_concurrent_writers_lose_no_row(journal: Journal) -> None:
    writers = together(_WRITER, journal.path)
    finish(writers)
    names = [row.name for row in journal.owned()]
    assert len(names) == 600
    for writer in writers:
        own = [name for name in names if name.startswith(f"{writer.pid}-")]
        assert own == [f"{writer.pid}-{number}" for number in range(300)]


def test_journal_row_survives_a_killed_writer(journal: Journal) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from bootwright.journal import Journal, JournalEntry;"
        "Journal(Path(sys.argv[1]), print).write("
        "JournalEntry(event='take', kind='file', name='x'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, journal.path]).returncode == -9
    assert journal.owned() == [JournalEntry(event="take", kind="file", name="x")]


def test_journal_taking_writes_the_row_before_the_file_exists(journal: Journal) -> None:
    path = journal.path.parent / "knock"
    with journal.taking("file", path.name) as row:
        assert row == _PIPE
        assert journal.owned() == [_PIPE]
        assert not path.exists()  # to make it is for the block
        path.touch()
    assert not path.exists()
    assert journal.owned() == []


def test_journal_taking_releases_when_its_block_raises(journal: Journal) -> None:
    path = journal.path.parent / "knock"
    path.touch()
    with pytest.raises(RuntimeError, match="inside"), journal.taking("file", path.name):
        raise RuntimeError("inside")
    assert not path.exists()
    assert journal.owned() == []


def test_journal_taking_ends_its_process_with_the_block(journal: Journal) -> None:
    with (
        shell(WAITS, processes.environment_with_token("another", {})) as other,
        ExitStack() as stack,
    ):
        with journal.taking("process", "vmm") as row:
            assert len(row.token) == 32
            assert journal.owned() == [row]
            child = stack.enter_context(
                shell(WAITS, processes.environment_with_token(row.token, {}))
            )
        assert child.wait() == -9
        assert other.poll() is None
    assert journal.owned() == []


def test_journal_taking_allows_its_folder_to_vanish(journal: Journal) -> None:
    with journal.taking("file", "knock"):
        journal.path.unlink()
        journal.path.parent.rmdir()
    assert not journal.path.parent.exists()


def test_journal_undo_all_releases_last_first(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["control", "initrd", "knock"]
    for name in names:
        journal.write(JournalEntry(event="take", kind="file", name=name))
    undone: list[str] = []
    monkeypatch.setattr("bootwright.journal.remove_file", lambda path: undone.append(path.name))
    journal.undo_all()
    assert undone == names[::-1]
    assert not journal.path.exists()


def test_journal_undo_all_twice_is_no_error(journal: Journal) -> None:
    token = processes.new_token()
    journal.write(JournalEntry(event="take", kind="process", name="vmm", token=token))
    journal.write(JournalEntry(event="take", kind="file", name="control"))
    journal.write(JournalEntry(event="take", kind="file", name="never-made"))
    (journal.path.parent / "control").touch()
    with shell(WAITS, processes.environment_with_token(token, {})) as child:
        for _ in range(2):
            journal.undo_all()
            assert list(journal.path.parent.iterdir()) == []
        assert child.wait() == -9


def test_journal_undo_all_spares_only_its_own_process(journal: Journal) -> None:
    ours, theirs = processes.new_token(), processes.new_token()
    for token in (ours, theirs):
        journal.write(JournalEntry(event="take", kind="process", name="monitor", token=token))
    with (
        shell(WAITS, processes.environment_with_token(ours, {})) as spared,
        shell(WAITS, processes.environment_with_token(theirs, {})) as child,
    ):
        journal.undo_all(except_token=ours)
        assert child.wait() == -9
        assert spared.poll() is None
    assert not journal.path.exists()


@pytest.mark.parametrize("name", ["../../outside", "../outside", "{folder}/outside", "./outside"])
def test_journal_undo_never_leaves_the_folder(name: str, journal: Journal, tmp_path: Path) -> None:
    outside = [tmp_path / "outside", tmp_path.parent / "outside"]
    inside = journal.path.parent / "outside"
    for path in (*outside, inside):
        path.touch()
    journal.write(JournalEntry(event="take", kind="file", name=name.format(folder=tmp_path)))
    journal.undo_all()
    assert all(path.exists() for path in outside)
    assert inside.exists(), "such a row is none of ours"
    outside[1].unlink()


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a\0b"])
def test_journal_undo_skips_rows_that_name_no_file(name: str, journal: Journal) -> None:
    journal.write(JournalEntry(event="take", kind="file", name=name))
    journal.write(JournalEntry(event="take", kind="file", name="control"))
    assert [row.name for row in journal.owned()] == ["control"]
    journal.undo_all()
    assert journal.path.parent.is_dir()


def test_journal_undo_ends_no_process_without_a_token(journal: Journal) -> None:
    with journal.path.open("a") as file:
        file.write('{"event":"take","kind":"process","name":"vmm","pid":1}\n')
    with shell(WAITS, {processes.VARIABLE: ""}) as stranger:
        journal.undo_all()
        assert stranger.poll() is None


def test_journal_undo_removes_a_link_and_keeps_its_target(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    (journal.path.parent / "control").symlink_to(tmp_path / "precious")
    journal.write(JournalEntry(event="take", kind="file", name="control"))
    journal.undo_all()
    assert (tmp_path / "precious").exists()
    assert not (journal.path.parent / "control").is_symlink()


def test_remove_file_accepts_a_missing_file(tmp_path: Path) -> None:
    remove_file(tmp_path / "never")
    remove_file(tmp_path / "no folder" / "never")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", ["read -r line <{pipe}", "echo knock >{pipe}"])
def test_remove_file_releases_processes_that_open_a_pipe(script: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with shell(f"echo ready; {script.format(pipe=pipe)}", {}) as waiting:
        until(lambda: state_of(waiting.pid) == "S", "the shell to wait")
        remove_file(pipe)
        waiting.wait(60)
    assert not pipe.exists()


def test_journal_undo_removes_a_device_by_name(journal: Journal) -> None:
    REMOVED.clear()
    with journal.taking("device", _DISK.name):
        assert journal.owned() == [_DISK]
        assert REMOVED == []
    assert [_DISK.name] == REMOVED
    assert journal.owned() == []


def test_journal_undo_keeps_foreign_devices(journal: Journal) -> None:
    REMOVED.clear()
    journal.write(JournalEntry(event="take", kind="device", name="vg-root"))
    assert journal.owned() == []
    journal.undo_all()
    assert REMOVED == []
