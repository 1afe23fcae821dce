"""Open file description locks: they are released when the last descriptor is closed.

Unlike flock(2), they can be tested without taking them.

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
    """Test whether the file at *path* is locked; a missing file is not."""
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
    """Lock the file at *path*, creating it if needed; return its descriptor.

    Closing the descriptor, or the end of this process, releases the lock.

    Args:
        wait_s: How long to wait for another holder.

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
