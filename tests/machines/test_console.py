"""The console: logged from its first byte, shown to all who attach, typed into by any."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bootwright.machines import escapes
from bootwright.machines.console import Console, last_screen, panic, tail
from tests.machines.streams import Guest, exactly, joined, rest


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


async def test_console_appends_output_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"before\n")
    async with Guest.booted(log) as guest:
        guest.prints(b"Linux version 6.1\r\n\x00\xff")
    assert guest.logged() == b"before\nLinux version 6.1\r\n\x00\xff"


async def test_console_attach_by_several_clients(log: Path) -> None:
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
    [(0, b"0123456789"), (4, b"456789"), (10, b"")],
)
async def test_console_attach_reads_from_the_given_byte(
    from_byte: int, shown: bytes, log: Path
) -> None:
    async with Guest.booted(log) as guest, guest.attached() as (first, _):
        guest.prints(b"0123456789")
        await exactly(first, 10)
        async with guest.attached(from_byte) as (late, _):
            assert await exactly(late, len(shown)) == shown
            guest.prints(b"more")
            assert await exactly(late, 4) == b"more"


async def test_console_attach_beyond_the_end_waits_for_output(log: Path) -> None:
    async with (
        Guest.booted(log) as guest,
        guest.attached() as (first, _),
        guest.attached(12) as (late, _),
    ):
        guest.prints(b"0123456789")
        await exactly(first, 10)
        guest.prints(b"abcdef")
        assert await exactly(late, 4) == b"cdef"


async def test_console_attach_before_the_log_exists(log: Path) -> None:
    async with joined() as (vmm, streams), joined() as (near, far):
        console = Console(vmm, log)
        attached = asyncio.create_task(console.attach(*near, 0))
        await asyncio.sleep(0)  # it begins, and finds nothing
        pumping = asyncio.create_task(console.pump())
        streams[1].write(b"late")
        assert await exactly(far[0], 4) == b"late"
        streams[1].write_eof()
        await asyncio.wait_for(asyncio.gather(pumping, attached), 60)


async def test_console_slow_reader_loses_nothing_and_delays_nobody(log: Path) -> None:
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


async def test_console_read_out_waits_for_readers(log: Path) -> None:
    lines = bytes(4 << 20)
    async with Guest.booted(log) as guest, guest.attached() as (slow, _):
        guest.prints(lines)
        await guest.ends()
        reading_out = asyncio.create_task(guest.console.read_out(10))
        await asyncio.sleep(0)
        assert not reading_out.done()
        assert await exactly(slow, len(lines)) == lines
        await asyncio.wait_for(reading_out, 60)


async def test_console_read_out_gives_up_on_a_reader_that_never_reads(log: Path) -> None:
    async with Guest.booted(log) as guest, guest.attached() as (_, keys):
        guest.prints(bytes(4 << 20))
        await guest.ends()
        await guest.console.read_out(0.01)
        assert guest.logged() == bytes(4 << 20)
        keys.transport.abort()


async def test_console_read_out_without_readers_returns_at_once(log: Path) -> None:
    async with Guest.booted(log) as guest:
        guest.prints(b"unread")
        await guest.ends()
        await asyncio.wait_for(guest.console.read_out(10), 60)
        assert guest.logged() == b"unread"


async def test_console_survives_a_client_that_disconnects(log: Path) -> None:
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        async with guest.attached() as (_, keys):
            keys.transport.abort()
        guest.prints(b"still here")
        assert await exactly(seen, 10) == b"still here"


async def prompts(log: Path, *parts: bytes) -> int:
    """Return how many prompts were told of while a guest printed *parts*, each read by itself."""
    told: list[int] = []
    async with (
        Guest.booted(log, lambda mark: told.append(1)) as guest,
        guest.attached() as (seen, _),
    ):
        for part in parts:
            guest.prints(part)
            assert await exactly(seen, len(part)) == part
    return len(told)


@pytest.mark.parametrize("prompt", [b"web login: ", b"web login:", b"\r\nDebian 12 web login: "])
async def test_console_prompt_is_found_in_pieces(prompt: bytes, tmp_path: Path) -> None:
    for cut in range(1, len(prompt)):
        parts = [b"Linux version 6.1\r\n" + prompt[:cut], prompt[cut:]]
        assert await prompts(tmp_path / f"{cut}.log", *parts) == 1
    parts = [bytes([byte]) for byte in b"x" * 200 + prompt]
    assert await prompts(tmp_path / "bytes.log", *parts) == 1


@pytest.mark.parametrize(
    "printed", [b"Last login: Mon Nov 23", b"login: root\r\nPassword: ", b"no login", b"login:  "]
)
async def test_console_prompt_ignores_other_text(printed: bytes, log: Path) -> None:
    assert await prompts(log, printed) == 0


async def test_console_prompt_is_reported_once(log: Path) -> None:
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
def test_panic_returns_the_reason(printed: bytes, why: str, log: Path) -> None:
    log.write_bytes(printed)
    assert panic(log).startswith(why)
    assert bool(panic(log)) is bool(why)
    assert "\r" not in panic(log)


def test_tail_is_the_last_nonempty_lines(log: Path) -> None:
    log.write_bytes(b"".join(b"line %d  \r\n\r\n" % number for number in range(20)))
    assert tail(log, 3) == "line 17\nline 18\nline 19"
    assert len(tail(log).splitlines()) == 12


def test_tail_drops_escape_sequences(log: Path) -> None:
    log.write_bytes(
        b"[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mssh\x1b[0m.\r\n\x1b[?25h\x1b[2J\r\n"
    )
    assert tail(log) == "[  OK  ] Started ssh."


def test_tail_of_binary_data_is_text(log: Path) -> None:
    log.write_bytes(b"\xff\xfe" * 8192 + b"\nKernel panic")
    assert tail(log).endswith("\nKernel panic")
    assert len(tail(log)) <= 8192


def test_tail_without_a_log_is_empty(log: Path) -> None:
    assert tail(log) == ""


async def test_console_leaves_no_descriptor_open(log: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with Guest.booted(log) as guest, guest.attached() as (seen, _):
        guest.prints(b"x")
        await exactly(seen, 1)
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_last_screen_is_the_last_lines_and_the_size(log: Path) -> None:
    shown = escapes.OutputFilter("plain")
    assert last_screen(log, shown) == ("", 0)
    log.write_bytes(b"".join(b"line %d\r\n" % number for number in range(20_000)) + b"web: \x1b[6")
    text, size = last_screen(log, shown, 3)
    assert text == "line 19998\nline 19999\nweb: "
    assert size == log.stat().st_size
    assert shown.feed(b"n") == ""  # the rest of what the log ends with is not text
