"""overlay: a shared read-only image below an empty disk for each machine.

All guests read the same file, so the host caches it once; any user can make the small empty disk.
The guest's initramfs joins the two with overlayfs: a file is copied up before its first write.

The empty disk is copied from a template of its size. Its inode tables are holes, which read as
zeros, as they should; a mount option keeps the guest's kernel from writing them.

Source: Documentation/filesystems/overlayfs.rst; mke2fs(8).
"""

from __future__ import annotations

import os
from pathlib import Path

from bootwright.disks import sparse_copy
from bootwright.disks.disk import DiskKind, DiskLocation, Drive, Unsupported
from bootwright.errors import BuildError
from bootwright.events import Observer
from bootwright.host import commands, space, tools

SCRATCH_MOUNT_OPTIONS = "noinit_itable"
MINIMUM_BYTES = 64 << 20
"""Room for a journal and a guest's first writes."""
_FORMAT = "1"
"""Of the templates; a new value makes them again."""
_MIB = 1 << 20


def unsupported(place: DiskLocation) -> Unsupported | None:
    """Return why the host cannot make empty filesystems, if mke2fs is missing."""
    if tools.find("mke2fs") is None:
        package = tools.PROGRAMS["mke2fs"][0]
        return Unsupported(reason="mke2fs is not installed", hint=f"install the package {package}")
    return None


def template(cache: Path, size_bytes: int) -> Path:
    """Return an empty ext4 filesystem of *size_bytes*, made once and kept in *cache*.

    Raises:
        HostError: mke2fs is not installed.
        BuildError: it failed.
    """
    made = cache / "scratch" / f"{_FORMAT}-{size_bytes}.ext4"
    if made.exists():
        return made
    [mke2fs] = tools.require("mke2fs")
    made.parent.mkdir(parents=True, exist_ok=True)
    staged = made.with_name(f".{made.name}-{os.getpid()}")
    try:
        with staged.open("wb") as file:
            file.truncate(size_bytes)
        # A small journal, since all of it is written in time. Bitmaps at the beginning, no
        # backups of the superblock and no room to grow keep the template small.
        journal_mib = max(4, min(64, size_bytes // _MIB // 16))
        done = commands.run(
            [
                *(mke2fs, "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-L", "scratch"),
                *("-J", f"size={journal_mib}", "-O", "^resize_inode,sparse_super2"),
                *(
                    "-E",
                    "lazy_itable_init=1,lazy_journal_init=1,num_backup_sb=0,packed_meta_blocks=1",
                ),
                staged,
            ]
        )
        if done.returncode:
            space.raise_if_full(done.stderr)
            raise BuildError(
                "mke2fs failed to make an empty filesystem", evidence=done.stderr[-1500:]
            )
        staged.rename(made)
    finally:
        staged.unlink(missing_ok=True)
    return made


def file(place: DiskLocation) -> Path:
    """Return the path of the machine's writable disk."""
    return place.folder / "scratch.raw"


def make(place: DiskLocation, observe: Observer) -> None:
    """Copy an empty disk of the right size."""
    size = scratch_bytes(place)
    sparse_copy.copy(template(place.cache, size), file(place), size, observe)


def scratch_bytes(place: DiskLocation) -> int:
    """Return the size of the writable disk: as large as if it held the image too."""
    return max(place.size_bytes, MINIMUM_BYTES) // _MIB * _MIB


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the image and the machine's writable disk."""
    return (
        Drive(path=place.image, form="raw", size_bytes=place.image_bytes, is_read_only=True),
        Drive(path=file(place), form="raw", size_bytes=scratch_bytes(place)),
    )


DISK = DiskKind(
    name="overlay",
    summary="an empty disk over the shared read-only image; joined in the guest by overlayfs",
    advantage="all machines share one image file, with any VMM",
    form="raw",
    make=make,
    drives=drives,
    unsupported=unsupported,
    modules=("ext4", "overlay"),
    mount_options="ro",
    is_joined=True,
)
