"""qcow2 overlays: a writable disk over a shared image, made in a millisecond without root.

The header is written here: starting qemu-img takes some 20 ms, this takes less than one.

Source: docs/interop/qcow2.rst in QEMU's tree.
"""

from __future__ import annotations

import struct
from pathlib import Path

from bootwright.disks.disk import DiskKind, DiskLocation, Drive
from bootwright.errors import InputError
from bootwright.events import Observer

_CLUSTER_BITS = 16
_CLUSTER_BYTES = 1 << _CLUSTER_BITS
_HEADER_BYTES = 104
_BACKING_FORMAT = 0xE2792ACA
_REFCOUNT_ORDER = 4  # 16 bits each
_MAX_BACKING_NAME_BYTES = 1023
_MAX_BYTES = 1 << 51  # QEMU reads an L1 table of up to 32 MiB


def create(path: Path, backing: Path, size_bytes: int) -> None:
    """Write an empty overlay at *path*; it must not exist.

    Args:
        backing: The raw image below; absolute.
        size_bytes: The disk's size, not smaller than the image's. What lies beyond the image
            reads as zeros.

    Raises:
        InputError: the size or the image's path does not fit in a qcow2 header.
    """
    name = str(backing).encode()
    if len(name) > _MAX_BACKING_NAME_BYTES:
        raise InputError(f"the path {backing} is too long for a qcow2 header")
    if size_bytes > _MAX_BYTES:
        raise InputError(
            f"a disk of {size_bytes} bytes is too large for QEMU",
            hint=f"use at most {_MAX_BYTES} bytes",
        )
    if size_bytes < backing.stat().st_size:
        raise InputError(
            f"a disk of {size_bytes} bytes is smaller than its image {backing} "
            f"of {backing.stat().st_size} bytes"
        )
    # One L2 table holds the offsets of 8192 clusters; the L1 table holds those of the L2 tables.
    l1_entries = -(-size_bytes // (_CLUSTER_BYTES * (_CLUSTER_BYTES // 8)))
    l1_clusters = max(1, -(-l1_entries * 8 // _CLUSTER_BYTES))
    used_clusters = 3 + l1_clusters  # header, refcount table, refcount block, L1 table
    extension = struct.pack(">II8s", _BACKING_FORMAT, 3, b"raw")
    end = struct.pack(">II", 0, 0)
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb",
        3,
        _HEADER_BYTES + len(extension) + len(end),  # backing file's name: offset
        len(name),
        _CLUSTER_BITS,
        size_bytes,
        0,  # not encrypted
        l1_entries,
        3 * _CLUSTER_BYTES,  # L1 table
        1 * _CLUSTER_BYTES,  # refcount table
        1,  # its clusters
        0,  # snapshots
        0,
        0,  # incompatible features
        0,  # compatible features
        0,  # autoclear features
        _REFCOUNT_ORDER,
        _HEADER_BYTES,
    )
    with path.open("xb") as file:
        file.write(header + extension + end + name)
        file.seek(1 * _CLUSTER_BYTES)
        file.write(struct.pack(">Q", 2 * _CLUSTER_BYTES))
        file.seek(2 * _CLUSTER_BYTES)
        file.write(struct.pack(">H", 1) * used_clusters)
        file.truncate(used_clusters * _CLUSTER_BYTES)


def make(place: DiskLocation, observe: Observer) -> None:
    """Make an overlay of the image."""
    create(_file(place), place.image, place.size_bytes)


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the overlay, whose header names the image."""
    return (Drive(path=_file(place), form="qcow2", size_bytes=place.size_bytes),)


def _file(place: DiskLocation) -> Path:
    return place.folder / "disk.qcow2"


DISK = DiskKind(
    name="qcow2",
    summary="a qcow2 file with the changes, over the shared image; for QEMU",
    advantage="made instantly by any user, and all machines share one image file",
    form="qcow2",
    make=make,
    drives=drives,
)
