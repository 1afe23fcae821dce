"""The connections to a monitor: of the command that started it, and of other commands."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from bootwright.machines import messages
from bootwright.machines.messages import Message, ToMonitor

_DRAIN_S = 5.0
"""How long a command may take to read the last message."""

Handler = Callable[[ToMonitor, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Connections:
    """Receives requests from commands, and sends messages to all of them.

    Args:
        handle: Called with each message and its connection. Until it returns, nothing more is read
            from the connection: an attached console takes it over.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._writers: set[asyncio.StreamWriter] = set()
        self._mute: set[asyncio.StreamWriter] = set()

    def add(self, writer: asyncio.StreamWriter) -> None:
        """Send future messages to this connection."""
        self._writers.add(writer)

    def broadcast(self, message: Message) -> None:
        """Send *message* to all connections."""
        line = messages.encode(message)
        for writer in self._writers - self._mute:
            if not writer.is_closing():
                writer.write(line)

    def mute(self, writer: asyncio.StreamWriter) -> None:
        """Send no more messages to a connection."""
        self._mute.add(writer)

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read messages until the connection ends or sends something else."""
        self.add(writer)
        try:
            while line := await reader.readline():
                await self._handle(messages.to_monitor(line), reader, writer)
        except (ConnectionError, ValueError):
            # The command has ended, or this is not a bootwright command.
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
        """Close all connections once their messages are sent."""
        await asyncio.gather(*(_close(writer) for writer in self._writers))


async def _close(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
