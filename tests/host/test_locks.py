"""Locks of open files: held against every other open file, in this process and in others."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from bootwright.host import locks
from tests.machine.fakes import finish, held_elsewhere, together


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_missing_file_is_held_by_nobody_and_not_made(lock: Path) -> None:
    assert not locks.is_held(lock)
    assert not locks.is_held(lock / "below" / "a file")
    assert list(lock.parent.iterdir()) == []
    lock.touch()
    assert not locks.is_held(lock)
    assert not locks.is_held(lock / "below a file")


def test_a_lock_lasts_as_long_as_its_descriptor(lock: Path) -> None:
    held = locks.take(lock)
    assert lock.stat().st_mode & 0o777 == 0o600
    assert locks.is_held(lock)
    with pytest.raises(BlockingIOError):
        locks.take(lock)
    os.close(held)
    assert not locks.is_held(lock)
    os.close(locks.take(lock))


def test_to_look_takes_nothing(lock: Path) -> None:
    lock.touch()
    for _ in range(3):
        assert not locks.is_held(lock)
    with held_elsewhere(lock):  # would be refused had we kept it
        pass


def test_to_look_and_go_gives_nothing_back(lock: Path) -> None:
    # The locks of fcntl(2) that belong to a process end with any descriptor of the file.
    held = locks.take(lock)
    assert locks.is_held(lock)
    os.close(os.open(lock, os.O_RDWR))
    assert locks.is_held(lock)
    os.close(held)


def test_a_lock_in_another_process_counts(lock: Path) -> None:
    with held_elsewhere(lock):
        assert locks.is_held(lock)
        with pytest.raises(BlockingIOError):
            locks.take(lock)
    assert not locks.is_held(lock)


def test_a_killed_holder_holds_nothing(lock: Path) -> None:
    with held_elsewhere(lock) as holder:
        holder.kill()
        holder.wait()
        assert not locks.is_held(lock)
        os.close(locks.take(lock))


def test_a_program_that_the_holder_runs_holds_nothing(lock: Path) -> None:
    held = locks.take(lock)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):
        os.close(held)
        assert not locks.is_held(lock)


def test_who_waits_gets_it_when_it_is_given_back(lock: Path) -> None:
    with held_elsewhere(lock) as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        os.close(locks.take(lock, wait_s=60))


def test_who_waits_in_vain_is_refused_and_leaves_no_descriptor(lock: Path) -> None:
    with held_elsewhere(lock):
        before = len(os.listdir("/proc/self/fd"))
        for wait_s in (0, 0.05):
            with pytest.raises(BlockingIOError):
                locks.take(lock, wait_s=wait_s)
        assert len(os.listdir("/proc/self/fd")) == before


def test_without_its_folder_there_is_no_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locks.take(tmp_path / "no folder" / "lock")


def test_the_lock_of_a_file_that_was_replaced_is_worth_nothing(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between our open(2) and our lock, the file is removed and another is made.
    lock.touch()
    real = fcntl.fcntl
    calls = []

    def slow(file: int, command: int, argument: bytes) -> object:
        calls.append(command)
        if len(calls) == 1:
            lock.unlink()
            lock.touch()
        return real(file, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", slow)
    held = locks.take(lock)
    assert len(calls) == 2
    assert os.fstat(held).st_ino == lock.stat().st_ino
    assert locks.is_held(lock)
    os.close(held)


def test_the_lock_of_a_file_that_was_removed_is_refused(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lock.parent / "machine"
    folder.mkdir()
    real = fcntl.fcntl

    def slow(file: int, command: int, argument: bytes) -> object:
        folder.rename(lock.parent / "gone")
        return real(file, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", slow)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        locks.take(folder / "lock")
    assert len(os.listdir("/proc/self/fd")) == before


_COUNT = """
import os, sys; from pathlib import Path
from bootwright.host import locks
counter = Path(sys.argv[1]) / "counter"
begin()
for _ in range(20):
    lock = locks.take(Path(sys.argv[1]) / "lock", wait_s=60)
    counter.write_text(str(int(counter.read_text()) + 1))
    os.close(lock)
"""


def test_only_one_holds_it_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    finish(together(_COUNT, tmp_path, count=3))
    assert (tmp_path / "counter").read_text() == "60"
