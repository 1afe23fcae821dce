"""One thing that nobody uses, and how it is told."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootwright.host.trees import used_bytes

PrunableKind = Literal["image", "kernel", "machine", "guest file", "cache", "log"]

HALF = "half made or half removed: whoever did that was killed"
"""Why such things can go."""
_DAY_S = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """One thing that nobody uses."""

    kind: PrunableKind
    name: str
    """What a person calls it."""
    why: str
    """Why it can go, and what is lost with it."""
    used_bytes: int
    path: Path
    changed_ns: int
    """When its file or folder last changed, in nanoseconds since 1970; one that has changed since
    the survey is in use."""
    tags: tuple[str, ...] = ()
    """The names in its store that stand for it, and go with it."""

    @classmethod
    def at(
        cls, path: Path, kind: PrunableKind, name: str, why: str, *, tags: tuple[str, ...] = ()
    ) -> Prunable | None:
        """Return what is at *path*; None where it was just removed, all of it or a part."""
        try:
            status = path.lstat()
            # A link counts, and goes, as a link: what it leads to is not ours.
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
    """Say when something was, in seconds since 1970, in words."""
    days = int((time.time() - when_s) // _DAY_S)
    if days < 1:
        return "less than a day ago"
    return f"{days} day{'s' if days > 1 else ''} ago"


def changed_s(path: Path) -> float:
    """Return when *path* last changed, in seconds since 1970; one that is gone changed just now."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()
