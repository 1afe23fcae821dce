"""An unused object, and how it is shown."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootwright.host.trees import used_bytes

PrunableKind = Literal["image", "kernel", "machine", "guest file", "cache", "log"]

INCOMPLETE = "incomplete: left behind by a killed process"
"""Why an object that is only partly there can be removed."""
_DAY_S = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """An unused object on disk."""

    kind: PrunableKind
    name: str
    """Its name for the user."""
    why: str
    """Why it can be removed, and what is lost with it."""
    used_bytes: int
    path: Path
    changed_ns: int
    """When its file or folder last changed, in nanoseconds since 1970; if it changed later, it is
    in use."""
    tags: tuple[str, ...] = ()
    """Its names in the store, which are removed with it."""

    @classmethod
    def at(
        cls, path: Path, kind: PrunableKind, name: str, why: str, *, tags: tuple[str, ...] = ()
    ) -> Prunable | None:
        """Describe the object at *path*; None if it is being removed."""
        try:
            status = path.lstat()
            # A link is counted and removed as a link: its target is not ours to remove.
            is_folder = stat.S_ISDIR(status.st_mode)
            used = used_bytes(path) if is_folder else status.st_blocks * 512
        except FileNotFoundError:
            return None
        return cls(
            kind=kind,
            name=name,
            why=why,
            used_bytes=used,
            path=path,
            changed_ns=status.st_mtime_ns,
            tags=tags,
        )


def days_ago(when_s: float) -> str:
    """Format a time, in seconds since 1970, as the days since then."""
    days = int((time.time() - when_s) // _DAY_S)
    if days < 1:
        return "less than a day ago"
    return f"{days} day{'s' if days > 1 else ''} ago"


def changed_s(path: Path) -> float:
    """Return when *path* last changed, in seconds since 1970; now if it is gone."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()
