"""The console: logged from its first byte, shown to all who attach, typed into by any."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bootwright.machine.console import Console, tail

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[Streams, Streams]]:
    """Give both ends of a connection."""
    one, two = socket.socketpair()
    ends = [await asyncio.open_unix_connection(sock=end) for end in (one, two)]
    try:
        yield ends[0], ends[1]
    finally:
        for _, writer in ends:
            writer.close()
            await writer.wait_closed()


async def test_all_that_the_guest_prints_is_logged_behind_what_is_there(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"before\n")
    async with joined() as (vmm, guest):
        pumping = asyncio.create_task(Console(vmm, log).pump())
        guest[1].write(b"Linux version 6.1\r\n\x00\xff")
        guest[1].write_eof()
        await asyncio.wait_for(pumping, 5)
    assert log.read_bytes() == b"before\nLinux version 6.1\r\n\x00\xff"


async def test_whoever_is_attached_sees_and_types_and_leaves(tmp_path: Path) -> None:
    async with joined() as (vmm, guest), joined() as (near, far), joined() as (near2, far2):
        console = Console(vmm, tmp_path / "console.log")
        pumping = asyncio.create_task(console.pump())
        attached = [asyncio.create_task(console.attach(*end)) for end in (near, near2)]
        far[1].write(b"root\n")
        assert await asyncio.wait_for(guest[0].readline(), 5) == b"root\n"
        far2[1].write(b"two\n")
        assert await asyncio.wait_for(guest[0].readline(), 5) == b"two\n"
        guest[1].write(b"Password:\n")
        for reader, _ in (far, far2):
            assert await asyncio.wait_for(reader.readline(), 5) == b"Password:\n"

        far2[1].write_eof()  # the second leaves
        await asyncio.wait_for(attached[1], 5)
        guest[1].write(b"$ \n")
        assert await asyncio.wait_for(far[0].readline(), 5) == b"$ \n"
        guest[1].write_eof()
        await asyncio.wait_for(pumping, 5)
        near2[1].write_eof()
        assert await far2[0].read() == b""  # nothing came after it had left
        far[1].write_eof()
        await asyncio.wait_for(attached[0], 5)
    assert (tmp_path / "console.log").read_bytes() == b"Password:\n$ \n"


def test_the_tail_is_the_last_lines_that_hold_something(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"".join(b"line %d  \r\n\r\n" % number for number in range(20)))
    assert tail(log, 3) == "line 17\nline 18\nline 19"
    assert len(tail(log).splitlines()) == 12


def test_the_tail_of_rubbish_is_text(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"\xff\xfe" * 8192 + b"\nKernel panic")
    assert tail(log).endswith("\nKernel panic")
    assert len(tail(log)) <= 8192


def test_no_log_has_no_tail(tmp_path: Path) -> None:
    assert tail(tmp_path / "absent") == ""
