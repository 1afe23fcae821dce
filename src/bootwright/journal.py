"""What a machine owns while it runs, written down before it is taken.

One machine, one journal: a file of JSON lines in the machine's folder. A row is written before the
resource is taken, so after any crash every resource that may exist is named in a journal. Undoing a
row must therefore work for a resource that was never taken, and work twice.

What lasts as long as the machine (its disk, its keys) needs no row: the folder is its record.

A row must outlive every process, and it does without waiting for the disk. It need not outlive the
host: a boot of the host ends all that rows name, and files are found without.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from bootwright.host import processes
from bootwright.values import dataclass

ResourceKind = Literal["file", "process", "device"]

DEVICE_PREFIX = "bootwright-"
"""How the names of all our block devices begin; no other is ever removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One resource that a machine takes or has given back."""

    event: Literal["take", "release"]
    kind: ResourceKind
    name: str
    """A file's name in the machine's folder; a process's role; a block device's name, which no
    other has on this host."""
    token: str = ""
    """What tells a process from all others; see `host.processes`."""


class Journal:
    """Appends rows for one machine, and undoes them.

    Args:
        path: Where the rows are.
        remove_device: Removes the block device of that name, if it is there.
    """

    def __init__(self, path: Path, remove_device: Callable[[str], None]) -> None:
        self.path = path
        self._remove_device = remove_device

    def write(self, row: JournalEntry) -> None:
        """Append *row*; several processes may do so at once."""
        # The newline comes first as well: a row that a crash cut short must not swallow this one.
        line = b"\n" + msgspec.json.encode(row) + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        finally:
            os.close(file)

    @contextmanager
    def taking(self, kind: ResourceKind, name: str) -> Iterator[JournalEntry]:
        """Own a resource for the length of the block, which takes it; afterwards it is undone."""
        token = processes.new_token() if kind == "process" else ""
        row = JournalEntry(event="take", kind=kind, name=name, token=token)
        self.write(row)
        try:
            yield row
        finally:
            self.undo(row)
            # The whole machine may be gone, its folder too; and a full disk has no room for the
            # news. Undoing once more does no harm.
            with suppress(OSError):
                self._release(row)

    def owned(self) -> list[JournalEntry]:
        """Return the rows that were taken and not released, oldest first.

        A line that a crash cut short is no row: its resource was not taken yet. One that leads out
        of the machine's folder, or names a process by no token, is none of ours.
        """
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        owned: dict[tuple[str, str, str], JournalEntry] = {}
        for line in lines:
            try:
                row = msgspec.json.decode(line, type=JournalEntry)
            except ValueError:  # msgspec's errors, and text that is no UTF-8
                continue
            if not _is_sound(row):
                continue  # nothing that we write: it would name what is not ours
            if row.event == "take":
                owned[row.kind, row.name, row.token] = row
            else:
                owned.pop((row.kind, row.name, row.token), None)
        return list(owned.values())

    def undo(self, row: JournalEntry) -> None:
        """Give a resource back, whether it was taken or not.

        Raises:
            HostError: a process does not end.
        """
        match row.kind:
            case "process":
                processes.end(row.token)
            case "file":
                remove_file(self.path.parent / row.name)
            case "device":
                self._remove_device(row.name)

    def undo_all(self, *, except_token: str = "") -> None:
        """Give all back in reverse order, and forget it.

        Args:
            sparing: The token of the process that calls this: it is not to end itself.

        Raises:
            HostError: a process does not end.
        """
        for row in reversed(self.owned()):
            if not except_token or row.token != except_token:
                self.undo(row)
        self.path.unlink(missing_ok=True)

    def _release(self, row: JournalEntry) -> None:
        if self.path.exists():
            self.write(JournalEntry(event="release", kind=row.kind, name=row.name, token=row.token))


def _is_sound(row: JournalEntry) -> bool:
    """Say whether a row that was read from a file names something that can be ours."""
    if row.kind == "process":
        return bool(row.token)
    if row.kind == "device" and not row.name.startswith(DEVICE_PREFIX):
        return False
    return row.name not in ("", ".", "..") and not {"/", "\0"} & set(row.name)


def remove_file(path: Path) -> None:
    """Remove the file at *path*, if it is there; let go whoever waits for the end of a pipe."""
    try:
        is_pipe = stat.S_ISFIFO(path.lstat().st_mode)
        # Opened for both, a pipe never blocks and wakes those who wait to open it; once we close
        # it, they read its end. Who comes later finds no file. Source: fifo(7).
        held = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC) if is_pipe else -1
    except FileNotFoundError:
        return
    path.unlink(missing_ok=True)
    if held >= 0:
        os.close(held)
