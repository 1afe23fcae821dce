"""Locks of an open file, not of a process: they end with the last descriptor, however that comes.

Whether one is held can be asked without taking it, which flock(2) cannot tell.

Source: fcntl(2), F_OFD_SETLK; struct flock on x86-64.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

_FLOCK = struct.Struct("hhqqi4x")
_WHOLE_FILE = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_PAUSE_S = 0.01


def is_held(path: Path) -> bool:
    """Say whether somebody holds the lock of the file at *path*; a missing file has none."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _WHOLE_FILE)
    finally:
        os.close(file)
    kind, *_ = _FLOCK.unpack(answer)
    return bool(kind != fcntl.F_UNLCK)


def take(path: Path, *, wait_s: float = 0) -> int:
    """Take the lock of the file at *path*, made where it is missing; return its descriptor.

    Closing the descriptor, or the end of this process, gives the lock back.

    Args:
        wait_s: How long to wait for another who holds it.

    Raises:
        BlockingIOError: another still holds it.
        FileNotFoundError: its folder is missing, or was just removed.
    """
    deadline = time.monotonic() + wait_s
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _WHOLE_FILE)
            # Between the two calls the file may have been removed, and its lock is worth nothing.
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(file)
                raise
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        time.sleep(_PAUSE_S)
