"""An image as persistent memory: a copy-on-write disk that costs nothing to make.

The VMM maps the image privately and the guest mounts it with DAX, past its own page cache: all VMs
share the host's pages, and what a guest writes goes to pages of its own, which end with it.

Source: Documentation/filesystems/dax.rst; memory-backend-file and share= in qemu(1).
"""

from __future__ import annotations

import os
from pathlib import Path

from bootwright.disks import sparse_copy
from bootwright.disks.disk import DiskKind, DiskLocation, Drive
from bootwright.errors import InputError
from bootwright.events import Observer
from bootwright.host import space
from bootwright.images import disklayout
from bootwright.images.image import Image

NAME = "pmem0"
"""What a guest calls the disk."""
MOUNT_OPTIONS = "dax"
FILESYSTEMS = ("ext4", "xfs")
"""Those that can be mounted with DAX."""
ROOM_BYTES = 1 << 30
"""Address space beside the disk's own, since it must begin at a round address."""
_ALIGNMENT = 2 << 20
"""Guests map such memory in pieces of this size. Source: SUBSECTION_SIZE in linux/mmzone.h; else
nd_pmem says "misaligned, unable to map"."""
_BYTES_A_PAGE = 64
_PAGE = 4096


def check(image: Image, disk_bytes: int) -> None:
    """See that *image* can be persistent memory.

    Args:
        disk_bytes: How large the recipe wants the disk.

    Raises:
        InputError: it cannot.
    """
    if image.filesystem not in FILESYSTEMS:
        raise InputError(
            f"disk is 'pmem', but the image has {image.filesystem}, which knows no DAX",
            hint="an image made from a tar archive has ext4",
        )
    if image.size_bytes % _ALIGNMENT:
        raise InputError(
            f"disk is 'pmem', but the image is {image.size_bytes} bytes, no multiple of 2 MiB",
            hint="add what is missing with truncate --size=%2M, and import it again",
        )
    if disk_bytes != image.size_bytes:
        raise InputError(
            f"disk_bytes is {disk_bytes}, but disk 'pmem' is the image itself, "
            f"{image.size_bytes} bytes",
            hint="leave out --disk-size",
        )
    block = _block_bytes(image)
    if block != _PAGE:
        raise InputError(
            f"disk is 'pmem', but the image's {image.filesystem} has blocks of {block} bytes; DAX "
            f"needs {_PAGE}",
            hint="make the filesystem with mke2fs -b 4096, or import a tar archive",
        )


def _block_bytes(image: Image) -> int:
    """Source: struct ext4_super_block in fs/ext4/ext4.h; struct xfs_dsb in xfs_format.h."""
    with image.disk.open("rb") as file:
        begin = disklayout.start_bytes(file, image.partition)
        file.seek(begin + (1024 + 24 if image.filesystem == "ext4" else 4))
        number = file.read(4)
    if image.filesystem == "ext4":
        return 1024 << (int.from_bytes(number, "little") & 31)
    return int.from_bytes(number, "big")


def guest_memory_bytes(disk_bytes: int) -> int:
    """Return what a guest's kernel takes of its memory to know the pages of such a disk.

    Source: struct page, 64 bytes on x86-64, in include/linux/mm_types.h.
    """
    return disk_bytes // _PAGE * _BYTES_A_PAGE


def make(place: DiskLocation, observe: Observer) -> None:
    """Make what the VMM is to map: a link to the image.

    Before its version 8.2, QEMU maps only what it could write to, though it never does: a user who
    cannot write to the image gets a copy.

    Raises:
        HostError: there is no room for the copy.
    """
    if os.access(place.image, os.W_OK):
        _file(place).symlink_to(place.image)
        return
    space.require(place.folder, place.image.stat().st_blocks * 512, "a copy of the image")
    sparse_copy.copy(place.image, _file(place), place.size_bytes, observe)


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the memory."""
    return (Drive(path=_file(place), form="memory", size_bytes=place.size_bytes),)


def _file(place: DiskLocation) -> Path:
    return place.folder / "disk.raw"


DISK = DiskKind(
    name="pmem",
    summary="the image as persistent memory, mapped privately: no disk I/O at all; it is as "
    "volatile as its VM",
    advantage="nothing waits for a disk",
    form="memory",
    make=make,
    drives=drives,
    check=check,
    mount_options=MOUNT_OPTIONS,
    volatile=NAME,
    is_slow=True,  # where the image cannot be written to
)
