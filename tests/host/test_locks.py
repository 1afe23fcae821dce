"""Locks of open files: held against every other open file, in this process and in others."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from bootwright.host import locks
from tests.machines.fakes import finish, held_elsewhere, together


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_locks_is_held_of_a_missing_file_creates_nothing(lock: Path) -> None:
    assert not locks.is_held(lock)
    assert not locks.is_held(lock / "below" / "a file")
    assert list(lock.parent.iterdir()) == []
    lock.touch()
    assert not locks.is_held(lock)
    assert not locks.is_held(lock / "below a file")


def test_locks_take_lasts_as_long_as_its_descriptor(lock: Path) -> None:
    held = locks.take(lock)
    assert lock.stat().st_mode & 0o777 == 0o600
    assert locks.is_held(lock)
    with pytest.raises(BlockingIOError):
        locks.take(lock)
    os.close(held)
    assert not locks.is_held(lock)
    os.close(locks.take(lock))


def test_locks_is_held_takes_no_lock(lock: Path) -> None:
    lock.touch()
    for _ in range(3):
        assert not locks.is_held(lock)
    with held_elsewhere(lock):  # would be refused had we kept it
        pass


def test_locks_is_held_releases_no_lock(lock: Path) -> None:
    # The locks of fcntl(2) that belong to a process end with any descriptor of the file.
    held = locks.take(lock)
    assert locks.is_held(lock)
    os.close(os.open(lock, os.O_RDWR))
    assert locks.is_held(lock)
    os.close(held)


def test_locks_take_refuses_a_lock_of_another_process(lock: Path) -> None:
    with held_elsewhere(lock):
        assert locks.is_held(lock)
        with pytest.raises(BlockingIOError):
            locks.take(lock)
    assert not locks.is_held(lock)


def test_locks_of_a_killed_process_are_free(lock: Path) -> None:
    with held_elsewhere(lock) as holder:
        holder.kill()
        holder.wait()
        assert not locks.is_held(lock)
        os.close(locks.take(lock))


def test_locks_are_not_inherited_by_child_programs(lock: Path) -> None:
    held = locks.take(lock)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):
        os.close(held)
        assert not locks.is_held(lock)


def test_locks_take_waits_for_the_holder(lock: Path) -> None:
    with held_elsewhere(lock) as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        os.close(locks.take(lock, wait_s=60))


def test_locks_take_after_waiting_in_vain_leaves_no_descriptor(lock: Path) -> None:
    with held_elsewhere(lock):
        before = len(os.listdir("/proc/self/fd"))
        for wait_s in (0, 0.05):
            with pytest.raises(BlockingIOError):
                locks.take(lock, wait_s=wait_s)
        assert len(os.listdir("/proc/self/fd")) == before


def test_locks_take_without_its_folder_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locks.take(tmp_path / "no folder" / "lock")


def test_locks_of_a_replaced_file_do_not_count(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_locks_take_of_a_removed_file_is_refused(
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


def test_locks_take_is_exclusive_among_processes(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    finish(together(_COUNT, tmp_path, count=3))
    assert (tmp_path / "counter").read_text() == "60"
