"""Connections with both ends in one test, and a guest whose console is carried over one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bootwright.machines.console import Console

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Guest:
    """A guest whose console is carried into a log, and those who are attached to it."""

    def __init__(
        self, vmm: Streams, ours: Streams, log: Path, prompted: Callable[[str], None]
    ) -> None:
        self.console = Console(vmm, log, prompted)
        self.pumping = asyncio.create_task(self.console.pump())
        self.typed, self._out = ours
        self._log = log

    @staticmethod
    @asynccontextmanager
    async def booted(
        log: Path, on_prompt: Callable[[str], None] = lambda mark: None
    ) -> AsyncIterator[Guest]:
        """Give a guest that prints and takes what is typed; at the end it has ended."""
        async with joined() as (vmm, ours):
            guest = Guest(vmm, ours, log, on_prompt)
            try:
                yield guest
            finally:
                if not guest.pumping.done():
                    await guest.ends()

    def prints(self, text: bytes) -> None:
        """Print something on the console."""
        self._out.write(text)

    async def ends(self) -> None:
        """End, and wait until the last word is logged."""
        self._out.write_eof()
        await asyncio.wait_for(self.pumping, 60)

    def logged(self) -> bytes:
        """Return what lies in the log."""
        return self._log.read_bytes()

    @asynccontextmanager
    async def attached(self, from_byte: int = 0) -> AsyncIterator[Streams]:
        """Attach for the length of the block, as a command does; give its end."""
        async with joined() as (near, far):
            work = asyncio.create_task(self._attach(near, from_byte))
            try:
                yield far
            finally:
                if not far[1].is_closing():
                    far[1].write_eof()
                await asyncio.wait_for(work, 60)

    async def _attach(self, near: Streams, from_byte: int) -> None:
        await self.console.attach(*near, from_byte)
        near[1].close()


async def exactly(reader: asyncio.StreamReader, count: int) -> bytes:
    """Return the next *count* bytes."""
    seen = bytearray()
    while len(seen) < count:
        data = await asyncio.wait_for(reader.read(count - len(seen)), 60)
        assert data, f"the end came after {seen[-100:]!r}"
        seen += data
    return bytes(seen)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return all up to the end."""
    return await asyncio.wait_for(reader.read(), 60)


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
            with suppress(ConnectionError):
                await writer.wait_closed()
