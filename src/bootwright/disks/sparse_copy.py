"""copy: a copy of the image without its holes. It works everywhere, as the last resort.

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
"""Copied between two calls of the observer."""


def data_ranges(file: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the data ranges of *file*: begin and end, in bytes. The rest reads as zeros."""
    end = 0
    while end < size_bytes:
        try:
            begin = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = min(os.lseek(file, begin, os.SEEK_HOLE), size_bytes)
        yield begin, end


def copy(source: Path, target: Path, size_bytes: int, observe: Observer) -> None:
    """Copy *source* to the new file *target*, extended to *size_bytes*.

    Raises:
        OSError: for instance, the disk is full; the caller removes *target*.
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
                    raise OSError(errno.EIO, "the file shrank during the copy", str(source))
                begin += copied
                done += copied
                observe(Progress(step="disk", share=done / whole))


def _copy_some(source: int, target: int, begin: int, end: int) -> int:
    count = min(end - begin, _STEP_BYTES)
    try:
        return os.copy_file_range(source, target, count, begin, begin)
    except OSError as error:
        # Between filesystems without support (before Linux 5.19, or FUSE).
        if error.errno not in (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    return os.pwrite(target, os.pread(source, count, begin), begin)


def file(place: DiskLocation) -> Path:
    """Return the path of the disk."""
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
    summary="a sparse copy of the image; slow to make, shares nothing",
    advantage="no other kind works here",
    form="raw",
    make=make,
    drives=drives,
    is_slow=True,
)
