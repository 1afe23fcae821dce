"""The journal: whatever may exist after a crash is named in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootwright.journal import Journal, Row, start_ticks

_DISK = Row(event="take", kind="process", name="/machines/web/disk")
_VMM = Row(event="take", kind="process", name="vmm", pid=42, start_ticks=4711)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def test_without_a_file_nothing_is_owned(journal: Journal) -> None:
    assert journal.owned() == []
    assert not journal.path.exists()


def test_rows_come_back_oldest_first(journal: Journal) -> None:
    journal.write(_DISK)
    journal.write(_VMM)
    assert Journal(journal.path).owned() == [_DISK, _VMM]


def test_what_is_released_is_not_owned(journal: Journal) -> None:
    journal.write(_DISK)
    journal.write(_VMM)
    journal.write(Row(event="release", kind="process", name=_DISK.name))
    assert journal.owned() == [_VMM]


def test_a_release_of_what_was_never_taken_is_no_error(journal: Journal) -> None:
    journal.write(Row(event="release", kind="process", name="never"))
    assert journal.owned() == []


def test_a_later_row_says_more_of_the_same_thing(journal: Journal) -> None:
    journal.write(Row(event="take", kind="process", name="vmm"))
    journal.write(_VMM)
    assert journal.owned() == [_VMM]


def test_what_is_taken_again_is_owned(journal: Journal) -> None:
    journal.write(_DISK)
    journal.write(Row(event="release", kind="process", name=_DISK.name))
    journal.write(_DISK)
    assert journal.owned() == [_DISK]


def test_names_may_hold_anything(journal: Journal) -> None:
    row = Row(event="take", kind="process", name='/a "b"\n\t\\ü')
    journal.write(row)
    assert journal.owned() == [row]


def test_only_we_can_read_it(journal: Journal) -> None:
    journal.write(_DISK)
    assert journal.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kept", [1, 20, 60])
def test_a_line_that_a_crash_cut_short_is_no_row(journal: Journal, kept: int) -> None:
    journal.write(_DISK)
    whole = journal.path.stat().st_size
    journal.write(_VMM)
    os.truncate(journal.path, whole + kept)
    assert journal.owned() == [_DISK]


def test_a_row_after_a_torn_one_counts(journal: Journal) -> None:
    journal.write(_DISK)
    os.truncate(journal.path, 20)
    journal.write(_VMM)
    assert journal.owned() == [_VMM]


def test_a_row_is_in_the_file_when_its_writer_is_killed(journal: Journal) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from bootwright.journal import Journal, Row;"
        "Journal(Path(sys.argv[1])).write(Row(event='take', kind='process', name='/x'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, journal.path]).returncode == -9
    assert journal.owned() == [Row(event="take", kind="process", name="/x")]


def test_start_ticks_tells_processes_apart() -> None:
    ours = start_ticks(os.getpid())
    assert ours is not None
    assert 0 < ours <= start_ticks_of_a_child()
    assert start_ticks(os.getpid()) == ours


def start_ticks_of_a_child() -> int:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        ticks = start_ticks(child.pid)
    assert ticks is not None
    return ticks


def test_start_ticks_reads_past_a_hostile_name(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b 9"
    program.symlink_to("/bin/cat")
    with subprocess.Popen([program], stdin=subprocess.PIPE) as child:
        stat = Path(f"/proc/{child.pid}/stat").read_text()
        ticks = start_ticks(child.pid)
    assert ticks == int(stat[stat.rindex(")") + 2 :].split()[19])
    assert ticks is not None
    assert ticks >= (start_ticks(os.getpid()) or 0)


def test_a_process_that_is_gone_has_no_start() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert start_ticks(child.pid) is None
