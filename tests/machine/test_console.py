"""The console: logged from its first byte, shown to all who attach, typed into by any."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bootwright.machine.console import Console, panic, tail
from tests.machine.streams import Guest, exactly, joined, rest


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


async def test_all_that_the_guest_prints_is_logged_behind_what_is_there(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"before\n")
    async with Guest.booted(log) as guest:
        guest.prints(b"Linux version 6.1\r\n\x00\xff")
    assert guest.logged() == b"before\nLinux version 6.1\r\n\x00\xff"


async def test_all_who_are_attached_see_and_type_and_leave(log: Path) -> None:
    async with Guest.booted(log) as guest, guest.attached() as (seen, keys):
        async with guest.attached() as (seen2, keys2):
            keys.write(b"root\n")
            assert await exactly(guest.typed, 5) == b"root\n"
            keys2.write(b"two\n")
            assert await exactly(guest.typed, 4) == b"two\n"
            guest.prints(b"Password:\n")
            for reader in (seen, seen2):
                assert await exactly(reader, 10) == b"Password:\n"
        guest.prints(b"$ \n")
        assert await exactly(seen, 3) == b"$ \n"
        assert await rest(seen2) == b""  # nothing came after it had left
        await guest.ends()
        assert await rest(seen) == b""
    assert guest.logged() == b"Password:\n$ \n"


@pytest.mark.parametrize(
    ("from_byte", "shown"),
    [(0, b"0123456789"), (4, b"456789"), (10, b""), (-3, b"789"), (-10, b"0123456789"),
     (-2048, b"0123456789")],
)  # fmt: skip
async def test_who_attaches_late_reads_from_where_it_asks(
    from_byte: int, shown: bytes, log: Path
) -> None:
    async with Guest.booted(log) as guest, guest.attached() as (first, _):
        guest.prints(b"0123456789")
        await exactly(first, 10)
        async with guest.attached(from_byte) as (late, _):
            assert await exactly(late, len(shown)) == shown
            guest.prints(b"more")
            assert await exactly(late, 4) == b"more"


async def test_who_is_ahead_of_the_guest_waits_for_it(log: Path) -> None:
    async with (
        Guest.booted(log) as guest,
        guest.attached() as (first, _),
        guest.attached(12) as (late, _),
    ):
        guest.prints(b"0123456789")
        await exactly(first, 10)
        guest.prints(b"abcdef")
        assert await exactly(late, 4) == b"cdef"


async def test_a_log_that_is_not_there_yet_can_be_followed(log: Path) -> None:
    async with joined() as (vmm, streams), joined() as (near, far):
        console = Console(vmm, log)
        attached = asyncio.create_task(console.attach(*near, 0))
        await asyncio.sleep(0)  # it begins, and finds nothing
        pumping = asyncio.create_task(console.pump())
        streams[1].write(b"late")
        assert await exactly(far[0], 4) == b"late"
        streams[1].write_eof()
        await asyncio.wait_for(asyncio.gather(pumping, attached), 60)


async def test_a_slow_reader_loses_nothing_and_holds_nobody_up(log: Path) -> None:
    # More than the sockets and the writers hold, so that the slow one's pace shows.
    lines = b"".join(b"%07d\n" % number for number in range(1 << 18))
    async with (
        Guest.booted(log) as guest,
        guest.attached() as (fast, _),
        guest.attached() as (slow, _),
    ):
        guest.prints(lines)
        assert await exactly(fast, len(lines)) == lines
        await guest.ends()
        assert guest.logged() == lines
        assert await exactly(slow, len(lines)) == lines
        assert await rest(slow) == b""


async def test_who_is_still_reading_is_waited_for(log: Path) -> None:
    lines = bytes(4 << 20)
    async with Guest.booted(log) as guest, guest.attached() as (slow, _):
        guest.prints(lines)
        await guest.ends()
        reading_out = asyncio.create_task(guest.console.read_out(10))
        await asyncio.sleep(0)
        assert not reading_out.done()
        assert await exactly(slow, len(lines)) == lines
        await asyncio.wait_for(reading_out, 60)


async def test_who_never_reads_is_not_waited_for_long(log: Path) -> None:
    async with Guest.booted(log) as guest, guest.attached() as (_, keys):
        guest.prints(bytes(4 << 20))
        await guest.ends()
        await guest.console.read_out(0.01)
        assert guest.logged() == bytes(4 << 20)
        keys.transport.abort()


async def test_without_readers_nobody_is_waited_for(log: Path) -> None:
    async with Guest.booted(log) as guest:
        guest.prints(b"unread")
        await guest.ends()
        await asyncio.wait_for(guest.console.read_out(10), 60)
        assert guest.logged() == b"unread"


async def test_who_is_cut_off_harms_nobody(log: Path) -> None:
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        async with guest.attached() as (_, keys):
            keys.transport.abort()
        guest.prints(b"still here")
        assert await exactly(seen, 10) == b"still here"


async def prompts(log: Path, *parts: bytes) -> int:
    """Return how many prompts were told of while a guest printed *parts*, each read by itself."""
    told: list[int] = []
    async with Guest.booted(log, lambda: told.append(1)) as guest, guest.attached() as (seen, _):
        for part in parts:
            guest.prints(part)
            assert await exactly(seen, len(part)) == part
    return len(told)


@pytest.mark.parametrize("prompt", [b"web login: ", b"web login:", b"\r\nDebian 12 web login: "])
async def test_a_prompt_is_seen_however_it_is_cut(prompt: bytes, tmp_path: Path) -> None:
    for cut in range(1, len(prompt)):
        parts = [b"Linux version 6.1\r\n" + prompt[:cut], prompt[cut:]]
        assert await prompts(tmp_path / f"{cut}.log", *parts) == 1
    parts = [bytes([byte]) for byte in b"x" * 200 + prompt]
    assert await prompts(tmp_path / "bytes.log", *parts) == 1


@pytest.mark.parametrize(
    "printed", [b"Last login: Mon Nov 23", b"login: root\r\nPassword: ", b"no login", b"login:  "]
)
async def test_what_is_no_prompt_is_not_taken_for_one(printed: bytes, log: Path) -> None:
    assert await prompts(log, printed) == 0


async def test_only_the_first_prompt_is_told(log: Path) -> None:
    assert await prompts(log, b"web login: ", b"root\r\nPassword: ", b"\r\nweb login: ") == 1


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        (b"[    1.5] Kernel panic - not syncing: Attempted to kill init!\r\n", "Attempted to kill"),
        (b"\xff\xfe\nKernel panic - not syncing: sysrq triggered crash", "sysrq triggered crash"),
        (b"Kernel panic - soon\n", ""),
        (b"", ""),
    ],
)
def test_why_the_kernel_panicked(printed: bytes, why: str, log: Path) -> None:
    log.write_bytes(printed)
    assert panic(log).startswith(why)
    assert bool(panic(log)) is bool(why)
    assert "\r" not in panic(log)


def test_the_tail_is_the_last_lines_that_hold_something(log: Path) -> None:
    log.write_bytes(b"".join(b"line %d  \r\n\r\n" % number for number in range(20)))
    assert tail(log, 3) == "line 17\nline 18\nline 19"
    assert len(tail(log).splitlines()) == 12


def test_the_tail_has_no_colours(log: Path) -> None:
    log.write_bytes(
        b"[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mssh\x1b[0m.\r\n\x1b[?25h\x1b[2J\r\n"
    )
    assert tail(log) == "[  OK  ] Started ssh."


def test_the_tail_of_rubbish_is_text(log: Path) -> None:
    log.write_bytes(b"\xff\xfe" * 8192 + b"\nKernel panic")
    assert tail(log).endswith("\nKernel panic")
    assert len(tail(log)) <= 8192


def test_no_log_has_no_tail(log: Path) -> None:
    assert tail(log) == ""


async def test_no_descriptor_is_left(log: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        guest.prints(b"x")
        await exactly(seen, 1)
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before
