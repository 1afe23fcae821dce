"""The guest's console: logged from its first byte; clients read the log and can type."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from bootwright.machines import diagnosis, escapes

_CHUNK_BYTES = 1 << 16
_BACKLOG_BYTES = 4 << 20
_RETRY_S = 1.0
_SCREEN_BYTES = 1 << 16
_END_BYTES = 512
"""How much of the latest output is searched for a prompt."""
_GAP = b"\r\n[bootwright: output is missing here: the host's disk was full]\r\n"


class Console:
    """Copies the guest's output to a log file, and typed input to the guest.

    Readers follow the log at their own pace: a slow reader misses nothing and delays nobody.

    Args:
        on_prompt: Called with a mark at the guest's first prompt of each kind; see `diagnosis`.
    """

    def __init__(
        self,
        vmm: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        log: Path,
        on_prompt: Callable[[str], None] = lambda mark: None,
    ) -> None:
        self._reader, self._typing = vmm
        self._log = log
        self._on_prompt = on_prompt
        self._prompts: set[str] = set()
        self._end = b""
        self._backlog = bytearray()
        self._grown = asyncio.Condition()
        self._ended = False
        self._readers = 0

    async def pump(self) -> None:
        """Copy the guest's output until it ends."""
        try:
            with self._log.open("ab", buffering=0) as log:
                while True:
                    try:
                        # While the backlog waits for disk space, retry even without new output.
                        async with asyncio.timeout(_RETRY_S if self._backlog else None):
                            data = await self._reader.read(_CHUNK_BYTES)
                    except TimeoutError:
                        await self._append(log, b"")
                        continue
                    if not data:
                        break
                    self._look_for_prompt(data)
                    await self._append(log, data)
                if self._backlog:
                    await self._append(log, b"")
        finally:
            self._ended = True
            async with self._grown:
                self._grown.notify_all()

    async def attach(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_byte: int
    ) -> None:
        """Copy the console to *writer* and *reader* to the console, until either ends.

        Args:
            from_byte: Where in the log to begin.
        """
        self._readers += 1
        showing = asyncio.create_task(self._show(writer, from_byte))
        typing = asyncio.create_task(self._type(reader))
        try:
            await asyncio.wait([showing, typing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (showing, typing):
                task.cancel()
            await asyncio.gather(showing, typing, return_exceptions=True)
            self._readers -= 1
            async with self._grown:
                self._grown.notify_all()

    async def read_out(self, timeout_s: float) -> None:
        """Wait until all readers have reached the end, at most *timeout_s*."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._grown:
                await self._grown.wait_for(lambda: self._readers == 0)

    async def _append(self, log: FileIO, data: bytes) -> None:
        """Append to the log; while the disk is full, keep a bounded backlog."""
        self._backlog += data
        try:
            written = log.write(self._backlog)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            written = 0
        del self._backlog[:written]
        if (too_much := len(self._backlog) - _BACKLOG_BYTES) > 0:
            self._backlog[: too_much + len(_GAP)] = _GAP
        async with self._grown:
            self._grown.notify_all()

    async def _show(self, writer: asyncio.StreamWriter, from_byte: int) -> None:
        self._log.touch()
        with self._log.open("rb", buffering=0) as log:
            log.seek(from_byte)
            while True:
                if data := log.read(_CHUNK_BYTES):
                    writer.write(data)
                    await writer.drain()
                    continue
                async with self._grown:
                    if os.fstat(log.fileno()).st_size > log.tell():
                        continue
                    if self._ended:
                        return
                    await self._grown.wait()

    async def _type(self, reader: asyncio.StreamReader) -> None:
        while typed := await reader.read(_CHUNK_BYTES):
            self._typing.write(typed)
            await self._typing.drain()

    def _look_for_prompt(self, data: bytes) -> None:
        self._end = (self._end + data)[-_END_BYTES:]
        mark = diagnosis.prompt(self._end)
        if mark and mark not in self._prompts:
            self._prompts.add(mark)
            self._on_prompt(mark)


def last_screen(log: Path, shown: escapes.OutputFilter, lines: int = 24) -> tuple[str, int]:
    """Return the last lines of a log as *shown* passes them, and the log's size in bytes.

    What the log ends with in the middle of a sequence stays in *shown*, for the bytes behind it.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _SCREEN_BYTES))
            text = shown.feed(file.read(min(size, _SCREEN_BYTES)))
    except FileNotFoundError:
        return "", 0
    return "".join(text.splitlines(keepends=True)[-lines:]), size


def panic(log: Path) -> str:
    """Return the reason of a kernel panic in the log, or an empty string.

    Source: kernel/panic.c, ``Kernel panic - not syncing: REASON``.
    """
    found = re.search(r"Kernel panic - not syncing: (.*)", log.read_text(errors="replace"))
    return found.group(1).strip() if found else ""


def tail(log: Path, lines: int = 12) -> str:
    """Return the last nonblank lines of a console's log."""
    try:
        text = escapes.plain(log.read_bytes()[-8192:])
    except FileNotFoundError:
        return ""
    printed = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(printed[-lines:])
