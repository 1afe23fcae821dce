"""copy: the image once more, without its holes. It works everywhere, and is the last resort.

Source: lseek(2) for SEEK_DATA and SEEK_HOLE; copy_file_range(2), which copies in the kernel and,
on a filesystem with reflinks, may share the blocks instead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from bootwright.disks.disk import DiskKind, DiskLocation, Drive
from bootwright.events import Observer, Progress
from bootwright.host import space

_STEP_BYTES = 16 << 20
"""Copied between two looks whether to go on."""


def data_ranges(file: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where *file* has data: begin and end, in bytes. What lies between reads as zeros."""
    end = 0
    while end < size_bytes:
        try:
            begin = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole
                return
            raise
        end = min(os.lseek(file, begin, os.SEEK_HOLE), size_bytes)
        yield begin, end


def copy(source: Path, target: Path, size_bytes: int, observe: Observer) -> None:
    """Copy *source* to the new file *target*, and let that be *size_bytes* long.

    Raises:
        OSError: the disk ran full, say; what was written stays for the caller to remove.
    """
    with source.open("rb") as below, target.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        os.ftruncate(file.fileno(), size_bytes)
        ranges = list(data_ranges(below.fileno(), os.fstat(below.fileno()).st_size))
        whole = sum(end - begin for begin, end in ranges)
        done = 0
        for begin, end in ranges:
            while begin < end:
                copied = _copy_some(below.fileno(), file.fileno(), begin, end)
                if not copied:
                    raise OSError(errno.EIO, "the file became shorter", str(source))
                begin += copied
                done += copied
                observe(Progress(step="disk", share=done / whole))


def _copy_some(source: int, target: int, begin: int, end: int) -> int:
    count = min(end - begin, _STEP_BYTES)
    try:
        return os.copy_file_range(source, target, count, begin, begin)
    except OSError as error:
        # Two filesystems that do not know how (before Linux 5.19, or FUSE).
        if error.errno not in (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    return os.pwrite(target, os.pread(source, count, begin), begin)


def file(place: DiskLocation) -> Path:
    """Return where the disk lies."""
    return place.folder / "disk.raw"


def make(place: DiskLocation, observe: Observer) -> None:
    """Copy the image."""
    space.require(place.folder, place.image.stat().st_blocks * 512, "a copy of the image")
    copy(place.image, file(place), place.size_bytes, observe)


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the copy."""
    return (Drive(path=file(place), form="raw", size_bytes=place.size_bytes),)


DISK = DiskKind(
    name="copy",
    summary="a copy of the image, without its holes; slow to make, and shares nothing",
    advantage="nothing better works here",
    form="raw",
    make=make,
    drives=drives,
    is_slow=True,
)
