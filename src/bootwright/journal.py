"""What we own, written down before we take it.

One machine, one journal: a file of JSON lines in the machine's folder. A row is on the disk before
the resource is taken, so after any crash every resource that may exist is named in a journal.
Undoing a row must therefore work for a resource that was never taken, and work twice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

Kind = Literal["process", "file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One resource that a machine takes or has given back."""

    event: Literal["take", "release"]
    kind: Kind
    name: str
    """For a process its role, for a file its path."""
    pid: int = 0
    start_ticks: int = 0
    """For a process: its start time in clock ticks since the host's boot, field 22 of
    /proc/PID/stat, which tells it from a later process with the same pid. Source: proc(5)."""


class Journal:
    """Appends rows for one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, row: Row) -> None:
        """Append *row* and wait until it is on the disk."""
        line = msgspec.json.encode(row) + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line)
            os.fdatasync(file)
        finally:
            os.close(file)

    def owned(self) -> list[Row]:
        """Return the rows that were taken and not released, oldest first.

        A last line that a crash cut short is no row: its resource was not taken yet.
        """
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        owned: dict[tuple[str, str], Row] = {}
        for line in lines:
            try:
                row = msgspec.json.decode(line, type=Row)
            except msgspec.DecodeError:
                continue
            if row.event == "take":
                owned[row.kind, row.name] = row
            else:
                owned.pop((row.kind, row.name), None)
        return list(owned.values())


def start_ticks(pid: int) -> int | None:
    """Return when process *pid* started, in clock ticks since boot; None where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in parentheses and may itself hold spaces and parentheses.
    return int(stat.rpartition(")")[2].split()[19])
