"""What lies on a raw disk: a filesystem, or a partition table and in it a root filesystem."""

from __future__ import annotations

import os
import struct
import uuid
from typing import BinaryIO

from bootwright.errors import FormatError
from bootwright.images import formats
from bootwright.images.image import Filesystem
from bootwright.values import dataclass

_SECTOR_BYTES = 512

# Source: Discoverable Partitions Specification (uapi-group.org).
_GPT_ROOT = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
_GPT_LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
_GPT_ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_MBR_LINUX, _MBR_ESP, _MBR_GPT = 0x83, 0xEF, 0xEE
_MBR_EXTENDED = (0x05, 0x0F, 0x85)
_MOST_LOGICAL = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Where a root filesystem lies."""

    filesystem: Filesystem
    partition: int
    """1 upwards; 0: the whole disk."""
    subvolume: str = ""
    """Of btrfs; empty: the one that is mounted by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partition:
    number: int
    start_bytes: int
    size_bytes: int
    rank: int
    """0: a root by its type; 1: a Linux one; 2: another."""


def find_root(disk: BinaryIO) -> Root:
    """Return the first of `find_roots`."""
    return find_roots(disk)[0]


def find_roots(disk: BinaryIO) -> list[Root]:
    """Find what may be the root filesystem of *disk*, the likeliest first: the disk itself, the GPT
    partition of the root's type, or the Linux partitions from the largest on.

    Raises:
        FormatError: there is none that a guest could boot from, or it is not all there.
    """
    if found := formats.extent(disk, 0):
        _check_whole(found, "", disk.seek(0, os.SEEK_END))
        return [Root(filesystem=found.filesystem, partition=0)]
    partitions = _partitions(disk)
    if partitions is None:
        raise FormatError(
            "it holds neither a filesystem that we know nor a partition table",
            hint="give an ext4, xfs or btrfs filesystem, a partitioned disk, a qcow2 or a tar",
        )
    if not partitions:
        raise FormatError(
            "its partition table is empty",
            hint="bootwright boots Linux; give a disk that holds one",
        )
    roots = []
    for partition in sorted(partitions, key=lambda p: (p.rank, -p.size_bytes)):
        if found := formats.extent(disk, partition.start_bytes):
            there = disk.seek(0, os.SEEK_END) - partition.start_bytes
            name = f" in partition {partition.number}"
            _check_whole(found, name, min(there, partition.size_bytes))
            roots.append(Root(filesystem=found.filesystem, partition=partition.number))
    if not roots:
        raise _no_filesystem(disk, partitions)
    _check_partitions(disk, partitions)
    return roots


def _check_whole(found: formats.Extent, where: str, there_bytes: int) -> None:
    if found.devices > 1:
        raise FormatError(
            f"its btrfs{where} lies on {found.devices} disks, and this is one of them",
            hint="bootwright boots from one disk: btrfs device remove leaves one",
        )
    if found.size_bytes > there_bytes:
        raise FormatError(
            f"it was cut short: its {found.filesystem}{where} is {found.size_bytes} bytes long, "
            f"and {max(0, there_bytes)} of them are there",
            hint="fetch or copy it again",
        )


def _check_partitions(disk: BinaryIO, partitions: list[_Partition]) -> None:
    """See that no partition goes on behind the end."""
    size = disk.seek(0, os.SEEK_END)
    for partition in partitions:
        end = partition.start_bytes + partition.size_bytes
        if end > size:
            raise FormatError(
                f"it was cut short: partition {partition.number} ends at byte {end}, "
                f"the file at {size}",
                hint="fetch or copy it again",
            )


def _no_filesystem(disk: BinaryIO, partitions: list[_Partition]) -> FormatError:
    found = _refused(disk, partitions)
    return FormatError(
        "none of its partitions holds ext4, xfs or btrfs"
        + (": " if found else "")
        + _listed(found),
        hint=found[0][1].hint if found else "give a plain ext4, xfs or btrfs filesystem",
    )


def elsewhere(disk: BinaryIO) -> FormatError | None:
    """Return the error for a disk none of whose filesystems is a root, although a partition holds
    what a root may lie in: LVM, LUKS, another filesystem; None: there is no such partition."""
    found = [
        (partition, kind)
        for partition, kind in _refused(disk, _partitions(disk) or [])
        if kind.may_hold_root
    ]
    if not found:
        return None
    return FormatError(
        f"its root filesystem lies where we cannot read it: {_listed(found)}",
        hint=found[0][1].hint,
    )


def _refused(
    disk: BinaryIO, partitions: list[_Partition]
) -> list[tuple[_Partition, formats.Format]]:
    """Return the partitions that hold what is known and refused, the likeliest root first."""
    found = []
    for partition in sorted(partitions, key=lambda p: (p.rank, -p.size_bytes)):
        kind = formats.recognise(disk, partition.start_bytes)
        if kind is not None and kind.magic:
            found.append((partition, kind))
    return found


def _listed(found: list[tuple[_Partition, formats.Format]]) -> str:
    rows = sorted((partition.number, kind.name) for partition, kind in found)
    return ", ".join(f"partition {number} holds {name}" for number, name in rows)


def start_bytes(disk: BinaryIO, partition: int) -> int:
    """Return where *partition*, as `Root` numbers it, begins.

    Raises:
        FormatError: there is no such partition.
    """
    return place(disk, partition)[0]


def place(disk: BinaryIO, partition: int) -> tuple[int, int]:
    """Return where *partition* begins and how long it is, in bytes; see `start_bytes`."""
    if partition == 0:
        return 0, disk.seek(0, os.SEEK_END)
    for candidate in _partitions(disk) or []:
        if candidate.number == partition:
            return candidate.start_bytes, candidate.size_bytes
    raise FormatError(f"it has no partition {partition}", hint="import the disk again")


def starts(disk: BinaryIO) -> dict[int, int]:
    """Return where each partition begins, in bytes, by its number; those for firmware are left out.

    A disk that begins with a known filesystem or format has none.
    """
    if formats.extent(disk, 0) or formats.recognise(disk) is not None:
        return {}
    size = disk.seek(0, os.SEEK_END)
    found = {p.number: p.start_bytes for p in _partitions(disk) or []}
    return {number: start for number, start in found.items() if 0 < start < size}


def _partitions(disk: BinaryIO) -> list[_Partition] | None:
    """Return all partitions but those for firmware; None where there is no table."""
    gpt = _gpt(disk)
    return _mbr(disk) if gpt is None else gpt


def _read(disk: BinaryIO, offset: int, length: int) -> bytes:
    """Return what lies there; nothing beyond the disk's end, wherever a damaged table points."""
    if offset > disk.seek(0, os.SEEK_END):
        return b""
    disk.seek(offset)
    return disk.read(length)


def _gpt(disk: BinaryIO) -> list[_Partition] | None:
    """Return the partitions of a GPT, or None where there is no GPT.

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
        if kind.int and kind != _GPT_ESP:
            partitions.append(
                _Partition(
                    number=index + 1,
                    start_bytes=first * _SECTOR_BYTES,
                    size_bytes=(last - first + 1) * _SECTOR_BYTES,
                    rank=0 if kind == _GPT_ROOT else 1 if kind == _GPT_LINUX else 2,
                )
            )
    return partitions


def _mbr(disk: BinaryIO) -> list[_Partition] | None:
    """Return the partitions of an MBR, logical ones too, or None where there is no MBR."""
    sector = _read(disk, 0, _SECTOR_BYTES)
    if sector[510:] != b"\x55\xaa":
        return None
    partitions = []
    for index in range(4):
        kind, first, sectors = struct.unpack_from("<4xB3xII", sector, 446 + 16 * index)
        if kind in _MBR_EXTENDED:
            partitions += _logical(disk, first)
        elif sectors and kind not in (0, _MBR_ESP, _MBR_GPT):
            partitions.append(_mbr_partition(index + 1, kind, first, sectors))
    return partitions


def _mbr_partition(number: int, kind: int, first: int, sectors: int) -> _Partition:
    return _Partition(
        number=number,
        start_bytes=first * _SECTOR_BYTES,
        size_bytes=sectors * _SECTOR_BYTES,
        rank=1 if kind == _MBR_LINUX else 2,
    )


def _logical(disk: BinaryIO, extended: int) -> list[_Partition]:
    """Return the partitions in an extended one, which are numbered from 5 on.

    Each is described by a sector of its own, which also names the next such sector.
    Source: parse_extended() in block/partitions/msdos.c.
    """
    partitions: list[_Partition] = []
    here = extended
    while len(partitions) < _MOST_LOGICAL:
        sector = _read(disk, here * _SECTOR_BYTES, _SECTOR_BYTES)
        if sector[510:] != b"\x55\xaa":
            break
        kind, first, sectors = struct.unpack_from("<4xB3xII", sector, 446)
        if kind and sectors:
            number = 5 + len(partitions)
            partitions.append(_mbr_partition(number, kind, here + first, sectors))
        kind, following, _ = struct.unpack_from("<4xB3xII", sector, 462)
        if kind not in _MBR_EXTENDED or extended + following <= here:
            break
        here = extended + following
    return partitions
