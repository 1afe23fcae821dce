"""reflink: a file that shares the image's blocks until either is written.

Source: ioctl_ficlonerange(2); Documentation/filesystems/fiemap.rst.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

from bootwright.disks.disk import DiskKind, DiskLocation, Drive, Unsupported
from bootwright.errors import HostError
from bootwright.events import Observer
from bootwright.host import mounts

EXTENTS_LIMIT = 2000
"""A clone takes some 20 us for each extent of its base: 60,000 of them took 1.2 s."""
_FICLONE = 0x40049409
_FS_IOC_FIEMAP = 0xC020660B
_FIEMAP = struct.Struct("=QQIIII")
"""struct fiemap without extents: start, length, flags, mapped, room for extents, reserved."""
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS)


def extents(file: Path) -> int:
    """Count the extents of *file*; 0 if the filesystem does not report them."""
    with file.open("rb") as opened:
        # Without room for extents the kernel only counts them.
        asked = _FIEMAP.pack(0, (1 << 64) - 1, 0, 0, 0, 0)
        try:
            answer = fcntl.ioctl(opened, _FS_IOC_FIEMAP, asked)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return 0
            raise
    return int(_FIEMAP.unpack(answer)[3])


def unsupported(place: DiskLocation) -> Unsupported | None:
    """Try to clone the image into the machine's folder, and return why that fails."""
    pieces = extents(place.image)
    if pieces > EXTENTS_LIMIT:
        return Unsupported(
            reason=f"{place.image} has {pieces} extents; sharing more than {EXTENTS_LIMIT} is slow",
            hint=f"defragment it: cp --reflink=never {place.image} NEW && mv -f NEW {place.image}",
        )
    folder = place.folder
    while not folder.exists():
        folder = folder.parent
    try:
        # A file without a name: nothing is left behind.
        target = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            _clone(place.image, target)
        finally:
            os.close(target)
    except OSError as error:
        if error.errno == errno.EXDEV and folder.stat().st_dev != place.image.stat().st_dev:
            return Unsupported(
                reason=f"{place.image} and {folder} are on different filesystems",
                hint="put both on one XFS or btrfs filesystem; BOOTWRIGHT_HOME moves both",
            )
        if error.errno in (*_UNSUPPORTED, errno.EISDIR):
            return Unsupported(
                reason=f"{folder} is on {mounts.kind(folder) or 'a filesystem'}, "
                "which cannot share blocks between files",
                hint="put BOOTWRIGHT_HOME on XFS or btrfs",
            )
        raise
    return None


def file(place: DiskLocation) -> Path:
    """Return the path of the disk."""
    return place.folder / "disk.raw"


def make(place: DiskLocation, observe: Observer) -> None:
    """Clone the image.

    Raises:
        HostError: that is not possible; see `unsupported`.
    """
    target = os.open(file(place), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _clone(place.image, target)
        os.ftruncate(target, place.size_bytes)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        found = unsupported(place) or Unsupported(reason=str(error))
        raise HostError(
            f"disk 'reflink' cannot be made: {found.reason}", hint=found.hint
        ) from error
    finally:
        os.close(target)


def _clone(source: Path, target: int) -> None:
    with source.open("rb") as below:
        fcntl.ioctl(target, _FICLONE, below.fileno())


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the clone."""
    return (Drive(path=file(place), form="raw", size_bytes=place.size_bytes),)


DISK = DiskKind(
    name="reflink",
    summary="a file that shares the image's blocks; on XFS and btrfs",
    advantage="a plain file, made instantly",
    form="raw",
    make=make,
    drives=drives,
    unsupported=unsupported,
)
