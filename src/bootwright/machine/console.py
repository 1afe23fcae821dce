"""The guest's console: logged from its first byte, shown to all who attach, typed into by any."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

_CHUNK_BYTES = 1 << 16


class Console:
    """Carries bytes between the VMM's console and a log file and attached readers."""

    def __init__(self, vmm: tuple[asyncio.StreamReader, asyncio.StreamWriter], log: Path) -> None:
        self._reader, self._typing = vmm
        self._log = log
        self._attached: set[asyncio.StreamWriter] = set()

    async def pump(self) -> None:
        """Carry what the guest prints until it prints no more."""
        with self._log.open("ab", buffering=0) as log:
            while data := await self._reader.read(_CHUNK_BYTES):
                log.write(data)
                for writer in list(self._attached):
                    writer.write(data)

    async def attach(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Show the console on *writer* and type what *reader* brings, until that ends."""
        self._attached.add(writer)
        try:
            while typed := await reader.read(_CHUNK_BYTES):
                self._typing.write(typed)
                await self._typing.drain()
        finally:
            self._attached.discard(writer)


def panic(log: Path) -> str:
    """Return why the kernel panicked, or nothing where its console tells of no panic.

    Source: kernel/panic.c, ``Kernel panic - not syncing: REASON``.
    """
    found = re.search(r"Kernel panic - not syncing: (.*)", log.read_text(errors="replace"))
    return found.group(1).strip() if found else ""


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a console's log that hold something."""
    try:
        text = log.read_bytes()[-8192:].decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    printed = [line.rstrip() for line in text.replace("\r", "").splitlines() if line.strip()]
    return "\n".join(printed[-lines:])
