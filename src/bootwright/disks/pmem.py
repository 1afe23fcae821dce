"""An image as persistent memory: a copy-on-write disk that costs nothing to make.

The VMM maps the image privately and the guest mounts it with DAX, bypassing its page cache: all VMs
share the host's pages, and a guest's writes go to private pages, which end with its VM.

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
"""The disk's name in the guest."""
MOUNT_OPTIONS = "dax"
FILESYSTEMS = ("ext4", "xfs")
"""Filesystems that can be mounted with DAX."""
ROOM_BYTES = 1 << 30
"""Address space besides the disk's size, since it must be aligned."""
_ALIGNMENT = 2 << 20
"""Guests map such memory in pieces of this size. Source: SUBSECTION_SIZE in linux/mmzone.h; else
nd_pmem says "misaligned, unable to map"."""
_BYTES_A_PAGE = 64
_PAGE = 4096


def check(image: Image, disk_bytes: int) -> None:
    """Check that *image* can be persistent memory.

    Args:
        disk_bytes: The disk size in the recipe.

    Raises:
        InputError: it cannot.
    """
    if image.filesystem not in FILESYSTEMS:
        raise InputError(
            f"disk is 'pmem', but the image has {image.filesystem}, which does not support DAX",
            hint="import the image from a tar archive, which makes ext4",
        )
    if image.size_bytes % _ALIGNMENT:
        raise InputError(
            f"disk is 'pmem', but the image is {image.size_bytes} bytes, not a multiple of 2 MiB",
            hint="extend it with truncate --size=%2M FILE, and import it again",
        )
    if disk_bytes != image.size_bytes:
        raise InputError(
            f"disk_bytes is {disk_bytes}, but disk 'pmem' is the image itself, "
            f"{image.size_bytes} bytes",
            hint="omit --disk-size",
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
    """Return the guest memory that its kernel needs to describe the pages of such a disk.

    Source: struct page, 64 bytes on x86-64, in include/linux/mm_types.h.
    """
    return disk_bytes // _PAGE * _BYTES_A_PAGE


def make(place: DiskLocation, observe: Observer) -> None:
    """Make the file that the VMM maps: a link to the image.

    QEMU before 8.2 maps only writable files, though it never writes: a user who cannot write to the
    image gets a copy.

    Raises:
        HostError: there is no room for the copy.
    """
    if os.access(place.image, os.W_OK):
        _file(place).symlink_to(place.image)
        return
    space.require(place.folder, place.image.stat().st_blocks * 512, "a copy of the image")
    sparse_copy.copy(place.image, _file(place), place.size_bytes, observe)


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the memory drive."""
    return (Drive(path=_file(place), form="memory", size_bytes=place.size_bytes),)


def _file(place: DiskLocation) -> Path:
    return place.folder / "disk.raw"


DISK = DiskKind(
    name="pmem",
    summary="the image as persistent memory, mapped privately: no disk I/O; changes are lost "
    "with the VM",
    advantage="no disk I/O to wait for",
    form="memory",
    make=make,
    drives=drives,
    check=check,
    mount_options=MOUNT_OPTIONS,
    volatile=NAME,
    is_slow=True,  # if the user cannot write to the image
)
