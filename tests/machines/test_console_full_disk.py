"""The console's log while the host's disk is full: what is printed waits for room."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import Iterator
from io import FileIO
from pathlib import Path, PosixPath
from typing import Any

import pytest

from bootwright.machines import console
from tests.machines.fakes import until
from tests.machines.streams import Guest, exactly, rest


class Crowded(FileIO):
    """A file on a disk that has only so much room."""

    log: Log

    def write(self, data: Any) -> int:
        if not self.log.room_bytes:
            self.log.refusals += 1
            raise OSError(self.log.error, os.strerror(self.log.error))
        written = super().write(data[: self.log.room_bytes]) or 0
        self.log.room_bytes -= written
        return written


class Log(PosixPath):
    """A log on such a disk."""

    room_bytes = 0
    refusals = 0
    error = errno.ENOSPC

    def open(self, mode: str = "r", *args: Any, **more: Any) -> Any:
        if mode != "ab":
            return super().open(mode, *args, **more)
        file = Crowded(self, "ab")
        file.log = self
        return file


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(console, "_RETRY_S", 0.01)
    return Log(tmp_path / "console.log")


async def refused(log: Log, times: int = 1) -> None:
    """Wait until so many more writes were refused."""
    wanted = log.refusals + times
    await asyncio.to_thread(until, lambda: log.refusals >= wanted, "a write to be refused")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
async def test_console_on_a_full_disk_keeps_output_until_there_is_space(
    error: int, log: Log
) -> None:
    log.error = error
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        guest.prints(b"first, ")
        await refused(log)
        guest.prints(b"second, ")
        await refused(log, 3)  # tried again though nothing more is printed
        assert guest.logged() == b""
        log.room_bytes = 1000
        assert await exactly(seen, 15) == b"first, second, "
        guest.prints(b"third")
        assert await exactly(seen, 5) == b"third"
    assert guest.logged() == b"first, second, third"


async def test_console_on_a_full_disk_writes_what_fits(log: Log) -> None:
    log.room_bytes = 4
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        guest.prints(b"0123456789")
        assert await exactly(seen, 4) == b"0123"
        await refused(log)
        log.room_bytes = 3
        assert await exactly(seen, 3) == b"456"
        await refused(log)
        log.room_bytes = 1000
        assert await exactly(seen, 3) == b"789"
    assert guest.logged() == b"0123456789"


async def test_console_on_a_full_disk_bounds_its_buffer_and_notes_the_loss(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_BACKLOG_BYTES", 1000)
    monkeypatch.setattr(console, "_RETRY_S", 3600)  # tried again with what comes next, not before
    note = b"\r\n[bootwright: output is missing here: the host's disk was full]\r\n"
    lines = b"".join(b"%04d\n" % number for number in range(2000))
    log.room_bytes = 10
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        guest.prints(lines[:10])
        shown = await exactly(seen, 10)
        for start in range(10, len(lines), 500):
            guest.prints(lines[start : start + 500])
            await refused(log)
        log.room_bytes = 1 << 20
        guest.prints(b"on it goes")
        shown += await exactly(seen, 1010)
    assert shown == lines[:10] + note + lines[-(1000 - len(note)) :] + b"on it goes"
    assert guest.logged() == shown


async def test_console_on_another_write_error_releases_readers(log: Log) -> None:
    log.error = errno.EIO
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        guest.prints(b"x")
        with pytest.raises(OSError, match="Input/output error"):
            await guest.pumping
        assert await rest(seen) == b""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", folder], check=True)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which needs root")
async def test_console_on_a_real_full_disk(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_RETRY_S", 0.01)
    lines = b"".join(b"%07d\n" % number for number in range(16 << 10))
    async with Guest.booted(disk / "console.log") as guest, guest.attached() as (seen, _):
        guest.prints(lines)
        shown = await exactly(seen, 64 << 10)  # all that there is room for
        assert guest.logged() == shown
        mount("-o", "remount,size=1m", str(disk))
        shown += await exactly(seen, len(lines) - len(shown))
    assert guest.logged() == shown == lines
