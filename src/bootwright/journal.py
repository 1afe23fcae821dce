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

Kind = Literal["process"]
"""What can be owned beside the machine's folder, which is its own record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One resource that a machine takes or has given back."""

    event: Literal["take", "release"]
    kind: Kind
    name: str
    """Its role."""
    pid: int = 0
    """0: it was about to be started."""
    start_ticks: int = 0
    """Its start time in clock ticks since the host's boot, field 22 of /proc/PID/stat, which tells
    it from a later process with the same pid. Source: proc(5)."""
    boot_id: str = ""
    """Which boot of the host those ticks count from."""


class Journal:
    """Appends rows for one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, row: Row) -> None:
        """Append *row* and wait until it is on the disk."""
        # The newline comes first as well: a row that a crash cut short must not swallow this one.
        line = b"\n" + msgspec.json.encode(row) + b"\n"
        with open(self.path, "ab", opener=_private) as file:
            file.write(line)
            file.flush()
            os.fdatasync(file.fileno())

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


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def start_ticks(pid: int) -> int | None:
    """Return when process *pid* started, in clock ticks since boot; None where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in parentheses and may itself hold spaces and parentheses.
    return int(stat.rpartition(")")[2].split()[19])
