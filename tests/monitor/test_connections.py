"""Who is connected to a monitor: heard, told, muted, and let go. The sockets are real."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bootwright.home import Home
from bootwright.journal import JournalEntry
from bootwright.machines import messages
from bootwright.machines.folder import MachineFolder
from bootwright.machines.messages import (
    AskStatus,
    AttachConsole,
    Detach,
    Message,
    Paused,
    Quit,
    Stop,
    ToMonitor,
    encode,
)
from bootwright.monitor import connections
from bootwright.monitor.connections import Connections
from tests.machines.samples import STATUS, made
from tests.machines.streams import Streams, exactly, joined, rest

NEWS = Paused(text="the disk is full")


class Monitor:
    """Answers, and carries typed keys back: as much of a monitor as a switchboard needs."""

    def __init__(self) -> None:
        self.heard: list[ToMonitor] = []
        self.connections = Connections(self._handle)

    async def _handle(
        self, message: ToMonitor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.heard.append(message)
        match message:
            case AskStatus():
                writer.write(encode(STATUS))
            case AttachConsole():
                self.connections.mute(writer)
                while typed := await reader.read(100):
                    writer.write(typed.upper())


@asynccontextmanager
async def opened(connections: Connections, folder: MachineFolder) -> AsyncIterator[None]:
    with folder.listening() as listener:
        async with connections.open(listener):
            yield


@pytest.fixture
def folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> MachineFolder:
    monkeypatch.chdir("/")  # a monitor works in its machine's folder; we go back afterwards
    return made(home)


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


@asynccontextmanager
async def connected(folder: MachineFolder) -> AsyncIterator[Streams]:
    """Connect to the control socket; a working switchboard has made its folder ours."""
    reader, writer = await asyncio.open_unix_connection(folder.control.name)
    try:
        yield reader, writer
    finally:
        writer.close()


async def assert_answered(streams: Streams) -> None:
    """Wait until all that was sent before is heard."""
    streams[1].write(encode(AskStatus()))
    assert await told(streams[0]) == STATUS


async def told(reader: asyncio.StreamReader) -> Message:
    return messages.from_monitor(await asyncio.wait_for(reader.readline(), 60))


async def test_switchboard_answers_the_client_that_asked(
    folder: MachineFolder, monitor: Monitor
) -> None:
    async with (
        opened(monitor.connections, folder),
        connected(folder) as one,
        connected(folder) as two,
    ):
        one[1].write(encode(Detach()) + encode(Stop(timeout_s=1.5)))
        await assert_answered(one)
        two[1].write(encode(Quit()))
        await assert_answered(two)
        one[1].write_eof()
        assert await rest(one[0]) == b""  # nothing that the other had asked for
    assert monitor.heard == [Detach(), Stop(timeout_s=1.5), AskStatus(), Quit(), AskStatus()]


async def test_switchboard_tell_reaches_all_clients(
    folder: MachineFolder, monitor: Monitor
) -> None:
    async with (
        opened(monitor.connections, folder),
        connected(folder) as one,
        connected(folder) as two,
    ):
        for streams in (one, two):
            await assert_answered(streams)
        monitor.connections.broadcast(NEWS)
        for streams in (one, two):
            assert await told(streams[0]) == NEWS


async def test_switchboard_tell_omits_clients_that_left(
    folder: MachineFolder, monitor: Monitor
) -> None:
    async with opened(monitor.connections, folder), connected(folder) as stays:
        async with connected(folder) as leaves:
            await assert_answered(leaves)
        await assert_answered(stays)
        monitor.connections.broadcast(NEWS)
        monitor.connections.broadcast(NEWS)
        assert await told(stays[0]) == NEWS


async def test_switchboard_console_connection_carries_only_the_console(
    folder: MachineFolder, monitor: Monitor
) -> None:
    async with (
        opened(monitor.connections, folder),
        connected(folder) as one,
        connected(folder) as two,
    ):
        # What is typed may come with the message, and need be neither a line nor a message.
        one[1].write(encode(AttachConsole(from_byte=0)) + b"root\n" + encode(Quit())[:5])
        assert await exactly(one[0], 10) == b'ROOT\n{"TYP'
        await assert_answered(two)
        monitor.connections.broadcast(NEWS)
        assert await told(two[0]) == NEWS
        one[1].write(b"x")
        assert await exactly(one[0], 1) == b"X"
    assert Quit() not in monitor.heard


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\n",
        b"\n",
        b"\xff\xfe\n",
        encode(STATUS),  # a monitor's own
        encode(Stop(timeout_s=1))[:12],
        b"x" * 2000,
    ],
)
async def test_switchboard_disconnects_only_the_client_that_sends_garbage(
    rubbish: bytes, folder: MachineFolder, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "LINE_BYTES", 1000)
    async with (
        opened(monitor.connections, folder),
        connected(folder) as good,
        connected(folder) as bad,
    ):
        bad[1].write(rubbish)
        bad[1].write_eof()
        with suppress(ConnectionResetError):  # where what it had sent was not even read
            assert await rest(bad[0]) == b""
        await assert_answered(good)
        monitor.connections.broadcast(NEWS)
        assert await told(good[0]) == NEWS
    assert monitor.heard == [AskStatus()]


@pytest.mark.parametrize("rubbish", [b"rubbish\n", b"x" * 2000, b""])
async def test_switchboard_takes_garbage_on_the_leash_for_its_end(
    rubbish: bytes, monitor: Monitor
) -> None:
    async with joined() as ((_, writer), far):
        reader = asyncio.StreamReader(limit=1000)
        reader.feed_data(encode(AskStatus()) + rubbish)
        reader.feed_eof()
        await asyncio.wait_for(monitor.connections.listen(reader, writer), 60)
        assert await told(far[0]) == STATUS
    assert monitor.heard == [AskStatus()]


async def test_switchboard_survives_a_client_that_disconnects(
    folder: MachineFolder, monitor: Monitor
) -> None:
    async with opened(monitor.connections, folder), connected(folder) as good:
        async with connected(folder) as cut:
            await assert_answered(cut)
            for _ in range(1000):
                monitor.connections.broadcast(NEWS)
            cut[1].transport.abort()
        await assert_answered_among_news(good)


async def assert_answered_among_news(streams: Streams) -> None:
    streams[1].write(encode(AskStatus()))
    while await told(streams[0]) != STATUS:
        pass


async def test_switchboard_opens_below_a_path_too_long_for_a_socket(
    tmp_path: Path, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    folder = MachineFolder(tmp_path / ("deep" * 30) / "web")
    folder.path.mkdir(parents=True)
    with pytest.raises(OSError, match="AF_UNIX path too long"), socket.socket(socket.AF_UNIX) as s:
        s.bind(str(folder.control))
    async with opened(monitor.connections, folder), connected(folder) as streams:
        await assert_answered(streams)


async def test_switchboard_socket_is_in_the_journal_and_removed(
    folder: MachineFolder, monitor: Monitor
) -> None:
    async with opened(monitor.connections, folder):
        assert folder.journal.owned() == [JournalEntry(event="take", kind="file", name="control")]
        assert folder.control.is_socket()
    assert folder.journal.owned() == []
    assert not folder.control.exists()


async def test_switchboard_replaces_the_socket_of_a_killed_monitor(
    folder: MachineFolder, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(folder.control.name)
    async with opened(monitor.connections, folder), connected(folder) as streams:
        await assert_answered(streams)


async def test_switchboard_close_sends_everything_first(
    folder: MachineFolder, monitor: Monitor
) -> None:
    count = 20_000  # more than a socket holds
    async with (
        opened(monitor.connections, folder),
        connected(folder) as one,
        connected(folder) as two,
    ):
        for streams in (one, two):
            await assert_answered(streams)
        for _ in range(count):
            monitor.connections.broadcast(NEWS)
        closing = asyncio.create_task(monitor.connections.close())
        read = await asyncio.gather(rest(one[0]), rest(two[0]))
        assert list(read) == [encode(NEWS) * count] * 2
        await asyncio.wait_for(closing, 60)


async def test_switchboard_close_gives_up_on_a_client_that_never_reads(
    folder: MachineFolder, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_DRAIN_S", 0.01)
    async with opened(monitor.connections, folder), connected(folder) as deaf:
        await assert_answered(deaf)
        for _ in range(20_000):  # more than its socket and its reader hold
            monitor.connections.broadcast(NEWS)
        await asyncio.wait_for(monitor.connections.close(), 60)
        deaf[1].transport.abort()


def test_switchboard_tell_and_close_without_clients(monitor: Monitor) -> None:
    monitor.connections.broadcast(NEWS)
    asyncio.run(monitor.connections.close())
    assert monitor.heard == []
