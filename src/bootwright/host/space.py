"""Checking for free disk space."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootwright.errors import HostError

MIB = 1 << 20


def existing(folder: Path) -> Path:
    """Return *folder*, or its nearest existing ancestor."""
    while not folder.exists():
        folder = folder.parent
    return folder


def free_bytes(folder: Path) -> int:
    """Return the free bytes at *folder*, which need not exist."""
    status = os.statvfs(existing(folder))
    return status.f_bavail * status.f_frsize


def require(folder: Path, needed_bytes: int, purpose: str) -> None:
    """Check that *needed_bytes* are free at *folder*, and that this user can write there.

    Raises:
        HostError: they are not, or the user cannot.
    """
    place = existing(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        is_read_only = bool(os.statvfs(place).f_flag & os.ST_RDONLY)
        raise HostError(
            f"{purpose} needs to write in {place}, which is "
            + ("on a read-only filesystem" if is_read_only else "not writable for this user"),
            hint="use another folder: export BOOTWRIGHT_HOME=/another/folder",
        )
    free = free_bytes(folder)
    if free < needed_bytes:
        raise HostError(
            f"{purpose} needs {needed_bytes // MIB} MiB, but {folder} has {free // MIB} MiB free",
            hint="free some space (bootwright prune), or put BOOTWRIGHT_HOME on another disk",
        )


def raise_if_full(output: str) -> None:
    """Raise ENOSPC if a program's *output* reports a full disk.

    Raises:
        OSError: ENOSPC; see `disk_full_explained`.
    """
    if "No space left on device" in output:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def disk_full_explained(folder: Path, purpose: str) -> Iterator[None]:
    """Turn "no space left on device" inside the block into a message that says where.

    Raises:
        HostError: the disk ran full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HostError(
                f"the disk of {folder} ran full while {purpose}",
                hint="free some space (bootwright prune), or put BOOTWRIGHT_HOME elsewhere",
            ) from error
        raise
