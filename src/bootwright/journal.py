"""The journal of a machine's resources, written before each is acquired.

Each machine has one journal, a file of JSON lines in its folder. An entry is written before its
resource is acquired, so after a crash the journal names every resource that may exist. Undoing an
entry must therefore work for a resource that was never acquired, and work twice.

Files that last as long as the machine (its disk, its keys) need no entry: the folder records them.

Entries survive the death of any process, and need no fsync for that. They need not survive a reboot
of the host, which ends all processes and devices; files are found without the journal.
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
"""The prefix of bootwright's block devices; no other device is ever removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A resource that a machine acquires or has released."""

    event: Literal["take", "release"]
    kind: ResourceKind
    name: str
    """A file name in the machine's folder, a process's role, or the name of a block device."""
    token: str = ""
    """Identifies a process; see `host.processes`."""


class Journal:
    """The journal of one machine.

    Args:
        path: The journal file.
        remove_device: Removes a block device by name, if it exists.
    """

    def __init__(self, path: Path, remove_device: Callable[[str], None]) -> None:
        self.path = path
        self._remove_device = remove_device

    def write(self, row: JournalEntry) -> None:
        """Append *row*; safe for concurrent writers."""
        # Begin with a newline too, so that a truncated row does not swallow this one.
        line = b"\n" + msgspec.json.encode(row) + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        finally:
            os.close(file)

    @contextmanager
    def taking(self, kind: ResourceKind, name: str) -> Iterator[JournalEntry]:
        """Record a resource that the block acquires, and release it after the block."""
        token = processes.new_token() if kind == "process" else ""
        row = JournalEntry(event="take", kind=kind, name=name, token=token)
        self.write(row)
        try:
            yield row
        finally:
            self.undo(row)
            # The folder may be gone, or the disk full. Undoing twice does no harm.
            with suppress(OSError):
                self._release(row)

    def owned(self) -> list[JournalEntry]:
        """Return the entries not yet released, oldest first.

        A truncated line is ignored: its resource was not acquired yet. So is an entry that points
        outside the machine's folder, or a process without a token: bootwright writes neither.
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
                continue  # not written by bootwright
            if row.event == "take":
                owned[row.kind, row.name, row.token] = row
            else:
                owned.pop((row.kind, row.name, row.token), None)
        return list(owned.values())

    def undo(self, row: JournalEntry) -> None:
        """Release a resource, whether it was acquired or not.

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
        """Release all resources in reverse order, and remove the journal.

        Args:
            except_token: The token of the calling process, which must not end itself.

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
    """Test whether an entry may have been written by bootwright."""
    if row.kind == "process":
        return bool(row.token)
    if row.kind == "device" and not row.name.startswith(DEVICE_PREFIX):
        return False
    return row.name not in ("", ".", "..") and not {"/", "\0"} & set(row.name)


def remove_file(path: Path) -> None:
    """Remove the file at *path* if it exists; wake processes that wait on it if it is a pipe."""
    try:
        is_pipe = stat.S_ISFIFO(path.lstat().st_mode)
        # Opening a pipe for both reading and writing never blocks, and wakes processes that wait
        # to open it; once it is closed, they read end of file. Source: fifo(7).
        held = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC) if is_pipe else -1
    except FileNotFoundError:
        return
    path.unlink(missing_ok=True)
    if held >= 0:
        os.close(held)
