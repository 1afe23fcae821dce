"""Who is connected to a monitor: the command on its leash, and those that came later."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from bootwright.machine import messages
from bootwright.machine.folder import MachineFolder
from bootwright.machine.messages import Message, ToMonitor

_DRAIN_S = 5.0
"""How long a command may take to read the last that it is told."""

Heard = Callable[[ToMonitor, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Switchboard:
    """Reads what commands ask of a monitor, and tells all of them what happens.

    Args:
        heard: Called with each message and the connection that it came over. While it works, no
            more is read from there: an attached console takes the connection over.
    """

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._writers: set[asyncio.StreamWriter] = set()
        self._mute: set[asyncio.StreamWriter] = set()

    def add(self, writer: asyncio.StreamWriter) -> None:
        """Tell a connection what happens from now on."""
        self._writers.add(writer)

    def tell(self, message: Message) -> None:
        """Send *message* to all who listen."""
        line = messages.encode(message)
        for writer in self._writers - self._mute:
            if not writer.is_closing():
                writer.write(line)

    def mute(self, writer: asyncio.StreamWriter) -> None:
        """Send no more messages to a connection that carries something else from now on."""
        self._mute.add(writer)

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read messages until the connection ends or sends what is no message."""
        self.add(writer)
        try:
            while line := await reader.readline():
                await self._heard(messages.to_monitor(line), reader, writer)
        except (ConnectionError, ValueError):
            # The command has ended, or is none of ours (no message, an endless line).
            pass
        finally:
            self._writers.discard(writer)
            self._mute.discard(writer)

    @asynccontextmanager
    async def open(self, folder: MachineFolder) -> AsyncIterator[None]:
        """Let commands connect to the machine's control socket for the length of the block."""

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self.listen(reader, writer)
            finally:
                writer.close()

        with folder.journal.taking("file", folder.control.name):
            # A path below a deep folder may be longer than a socket's address can hold (108 bytes,
            # unix(7)); relative to the working folder it never is.
            os.chdir(folder.path)
            server = await asyncio.start_unix_server(
                visit, path=folder.control.name, limit=messages.LINE_BYTES
            )
            try:
                yield
            finally:
                server.close()

    async def close(self) -> None:
        """Close all connections once what was told is sent."""
        await asyncio.gather(*(_close(writer) for writer in self._writers))


async def _close(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
