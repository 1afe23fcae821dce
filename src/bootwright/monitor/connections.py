"""Who is connected to a monitor: the command on its leash, and those that came later."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from bootwright.machines import messages
from bootwright.machines.messages import Message, ToMonitor

_DRAIN_S = 5.0
"""How long a command may take to read the last that it is told."""

Handler = Callable[[ToMonitor, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Connections:
    """Reads what commands ask of a monitor, and tells all of them what happens.

    Args:
        handle: Called with each message and the connection that it came over. While it works, no
            more is read from there: an attached console takes the connection over.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._writers: set[asyncio.StreamWriter] = set()
        self._mute: set[asyncio.StreamWriter] = set()

    def add(self, writer: asyncio.StreamWriter) -> None:
        """Tell a connection what happens from now on."""
        self._writers.add(writer)

    def broadcast(self, message: Message) -> None:
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
                await self._handle(messages.to_monitor(line), reader, writer)
        except (ConnectionError, ValueError):
            # The command has ended, or is none of ours (no message, an endless line).
            pass
        finally:
            self._writers.discard(writer)
            self._mute.discard(writer)

    @asynccontextmanager
    async def open(self, listener: socket.socket) -> AsyncIterator[None]:
        """Serve commands that connect to *listener* for the length of the block."""

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self.listen(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_unix_server(visit, sock=listener, limit=messages.LINE_BYTES)
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
