"""What lies on a raw disk: a filesystem, or a partition table and in it a root filesystem."""

from __future__ import annotations

import os
import struct
import uuid
from typing import BinaryIO

from bootwright.errors import FormatError
from bootwright.images.image import Filesystem
from bootwright.values import dataclass

_SECTOR_BYTES = 512

# Source: Discoverable Partitions Specification (uapi-group.org).
_GPT_ROOT = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
_GPT_LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
_MBR_LINUX = 0x83


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Where a root filesystem lies."""

    filesystem: Filesystem
    partition: int
    """1 upwards; 0: the whole disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partition:
    number: int
    start_bytes: int
    size_bytes: int
    is_root: bool


def find_root(disk: BinaryIO) -> Root:
    """Find the root filesystem on *disk*: the disk itself, the GPT partition of the root's type,
    or the largest Linux partition.

    Raises:
        FormatError: there is none that a guest could boot from.
    """
    if filesystem := _filesystem(disk, 0):
        return Root(filesystem=filesystem, partition=0)
    gpt, mbr = _gpt(disk), _mbr(disk)
    if gpt is None and mbr is None:
        raise FormatError(
            "it holds neither a filesystem that we know nor a partition table",
            hint="give an ext4, xfs or btrfs filesystem, a partitioned disk, a qcow2 or a tar",
        )
    partitions = gpt or mbr or []
    if not partitions:
        raise FormatError(
            "none of its partitions is a Linux one",
            hint="bootwright boots Linux; give a disk that holds one",
        )
    for partition in sorted(partitions, key=lambda p: (not p.is_root, -p.size_bytes)):
        if filesystem := _filesystem(disk, partition.start_bytes):
            return Root(filesystem=filesystem, partition=partition.number)
    raise FormatError(
        f"none of its {len(partitions)} Linux partitions holds ext4, xfs or btrfs",
        hint="LVM and encrypted disks cannot be booted; give a plain filesystem",
    )


def start_bytes(disk: BinaryIO, partition: int) -> int:
    """Return where *partition*, as `Root` numbers it, begins.

    Raises:
        FormatError: there is no such Linux partition.
    """
    if partition == 0:
        return 0
    for candidate in _gpt(disk) or _mbr(disk) or []:
        if candidate.number == partition:
            return candidate.start_bytes
    raise FormatError(f"it has no Linux partition {partition}", hint="import the disk again")


def _read(disk: BinaryIO, offset: int, length: int) -> bytes:
    """Return what lies there; nothing beyond the disk's end, wherever a damaged table points."""
    if offset > disk.seek(0, os.SEEK_END):
        return b""
    disk.seek(offset)
    return disk.read(length)


def _filesystem(disk: BinaryIO, offset: int) -> Filesystem | None:
    if _read(disk, offset + 1024 + 56, 2) == b"\x53\xef":
        return "ext4"
    if _read(disk, offset, 4) == b"XFSB":
        return "xfs"
    if _read(disk, offset + 65536 + 64, 8) == b"_BHRfS_M":
        return "btrfs"
    return None


def _gpt(disk: BinaryIO) -> list[_Partition] | None:
    """Return the Linux partitions of a GPT, or None where there is no GPT.

    Source: UEFI specification 2.10, section 5.3.
    """
    header = _read(disk, _SECTOR_BYTES, 92)
    if header[:8] != b"EFI PART" or len(header) < 92:
        return None
    first_entry, count, entry_bytes = struct.unpack_from("<QII", header, 72)
    partitions = []
    for index in range(min(count, 128)):
        entry = _read(disk, first_entry * _SECTOR_BYTES + index * entry_bytes, 128)
        if len(entry) < 128:
            break
        kind = uuid.UUID(bytes_le=entry[:16])
        first, last = struct.unpack_from("<QQ", entry, 32)
        if kind in (_GPT_ROOT, _GPT_LINUX):
            partitions.append(
                _Partition(
                    number=index + 1,
                    start_bytes=first * _SECTOR_BYTES,
                    size_bytes=(last - first + 1) * _SECTOR_BYTES,
                    is_root=kind == _GPT_ROOT,
                )
            )
    return partitions


def _mbr(disk: BinaryIO) -> list[_Partition] | None:
    """Return the Linux partitions of an MBR, or None where there is no MBR."""
    sector = _read(disk, 0, _SECTOR_BYTES)
    if sector[510:] != b"\x55\xaa":
        return None
    partitions = []
    for index in range(4):
        kind, first, sectors = struct.unpack_from("<4xB3xII", sector, 446 + 16 * index)
        if kind == _MBR_LINUX:
            partitions.append(
                _Partition(
                    number=index + 1,
                    start_bytes=first * _SECTOR_BYTES,
                    size_bytes=sectors * _SECTOR_BYTES,
                    is_root=False,
                )
            )
    return partitions
