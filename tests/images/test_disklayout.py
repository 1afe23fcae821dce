"""What lies on a raw disk."""

from __future__ import annotations

import contextlib
import io
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.images.disklayout import Root, find_root, find_roots
from bootwright.images.image import Filesystem

_ROOT = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
_LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
_ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_MAGICS: dict[Filesystem, tuple[int, bytes]] = {
    "ext4": (1024 + 56, b"\x53\xef"),
    "xfs": (0, b"XFSB"),
    "btrfs": (65536 + 64, b"_BHRfS_M"),
}


class _Disk:
    """A raw disk of 2 MiB in the making."""

    def __init__(self) -> None:
        self.content = bytearray(2 << 20)

    def format(
        self, filesystem: Filesystem, sector: int = 0, *, size_bytes: int = 4096, devices: int = 1
    ) -> _Disk:
        """Write a superblock of a filesystem that is so long."""
        offset, magic = _MAGICS[filesystem]
        start = sector * 512 + offset
        self.content[start : start + len(magic)] = magic
        start = sector * 512
        match filesystem:
            case "ext4":
                struct.pack_into("<II", self.content, start + 1024, 16, size_bytes // 1024)
            case "xfs":
                struct.pack_into(">IQ", self.content, start + 4, 512, size_bytes // 512)
            case "btrfs":
                struct.pack_into("<Q", self.content, start + 65536 + 0x88, devices)
                struct.pack_into("<Q", self.content, start + 65536 + 0xC9 + 8, size_bytes)
        return self

    def put(self, offset: int, content: bytes) -> _Disk:
        self.content[offset : offset + len(content)] = content
        return self

    def mbr(self, *partitions: tuple[int, int, int]) -> _Disk:
        """Write a table of partitions, each its type, first sector and number of sectors."""
        for index, (kind, first, sectors) in enumerate(partitions):
            struct.pack_into("<4xB3xII", self.content, 446 + 16 * index, kind, first, sectors)
        self.content[510:512] = b"\x55\xaa"
        return self

    def gpt(self, *partitions: tuple[uuid.UUID, int, int], entry_bytes: int = 128) -> _Disk:
        """Write a table of partitions, each its type, first and last sector."""
        self.mbr((0xEE, 1, 4095))
        self.content[512:520] = b"EFI PART"
        struct.pack_into("<QII", self.content, 512 + 72, 2, 128, entry_bytes)
        for index, (kind, first, last) in enumerate(partitions):
            place = 1024 + index * entry_bytes
            self.content[place : place + 16] = kind.bytes_le
            struct.pack_into("<QQ", self.content, place + 32, first, last)
        return self

    def root(self) -> Root:
        return find_root(io.BytesIO(self.content))

    def problem(self) -> tuple[str, str]:
        with pytest.raises(FormatError) as caught:
            self.root()
        return str(caught.value), caught.value.hint


@pytest.mark.parametrize("filesystem", _MAGICS)
def test_find_root_of_an_unpartitioned_disk(filesystem: Filesystem) -> None:
    assert _Disk().format(filesystem).root() == Root(filesystem=filesystem, partition=0)


@pytest.mark.parametrize("filesystem", _MAGICS)
def test_find_root_of_an_mbr_disk(filesystem: Filesystem) -> None:
    disk = _Disk().mbr((0x0C, 64, 1000), (0x83, 2048, 1024)).format(filesystem, 2048)
    assert disk.root() == Root(filesystem=filesystem, partition=2)


def test_find_root_takes_the_largest_linux_partition() -> None:
    disk = _Disk().mbr((0x83, 64, 512), (0x83, 1024, 1024)).format("ext4", 64).format("xfs", 1024)
    assert disk.root() == Root(filesystem="xfs", partition=2)


def test_find_root_skips_partitions_without_a_filesystem() -> None:
    disk = _Disk().mbr((0x83, 64, 512), (0x83, 1024, 1024)).format("ext4", 64)
    assert disk.root() == Root(filesystem="ext4", partition=1)


@pytest.mark.parametrize("entry_bytes", [128, 256])
def test_find_root_prefers_the_gpt_root_type(entry_bytes: int) -> None:
    disk = _Disk().gpt(
        (_ESP, 100, 200), (_LINUX, 300, 2000), (_ROOT, 3000, 3200), entry_bytes=entry_bytes
    )
    disk.format("xfs", 300).format("ext4", 3000)
    assert disk.root() == Root(filesystem="ext4", partition=3)


def test_find_root_without_a_gpt_root_takes_the_largest() -> None:
    disk = _Disk().gpt((_LINUX, 100, 200), (_ESP, 300, 2000), (_LINUX, 3000, 3101))
    disk.format("xfs", 100).format("ext4", 3000).format("ext4", 300)
    assert disk.root() == Root(filesystem="ext4", partition=3)


def test_find_root_prefers_gpt_to_mbr() -> None:
    disk = _Disk().gpt((_LINUX, 300, 400)).mbr((0x83, 2048, 1024))
    disk.format("xfs", 300).format("ext4", 2048)
    assert disk.root() == Root(filesystem="xfs", partition=1)


@pytest.mark.parametrize("disk", [_Disk(), _Disk().format("ext4", 2048)])
def test_find_root_refuses_an_empty_disk(disk: _Disk) -> None:
    assert disk.problem() == (
        "it holds neither a filesystem that we know nor a partition table",
        "give an ext4, xfs or btrfs filesystem, a partitioned disk, a qcow2 or a tar",
    )


def test_find_root_refuses_partitions_without_a_filesystem() -> None:
    expected = (
        "none of its partitions holds ext4, xfs or btrfs",
        "give a plain ext4, xfs or btrfs filesystem",
    )
    assert _Disk().mbr((0x83, 64, 9), (0x83, 2048, 9), (0xEF, 99, 1)).problem() == expected
    assert _Disk().gpt((_LINUX, 100, 200), (_ROOT, 300, 400)).problem() == expected


@pytest.mark.parametrize(
    "disk", [_Disk().mbr((0x07, 64, 1000)), _Disk().gpt((_ESP, 100, 200))], ids=["mbr", "gpt"]
)
def test_find_root_refuses_a_table_without_linux_partitions(disk: _Disk) -> None:
    assert "nor a partition table" not in disk.problem()[0]


@given(table=st.binary(min_size=64, max_size=64), kinds=st.sets(st.integers(0, 3)))
def test_find_root_answers_for_any_mbr(table: bytes, kinds: set[int]) -> None:
    disk = _Disk().mbr()
    disk.content[446:510] = table
    for index in kinds:
        disk.content[446 + 16 * index + 4] = 0x83
    with contextlib.suppress(FormatError):
        assert disk.root().partition - 1 in kinds


def test_find_root_accepts_a_partition_beyond_the_end() -> None:
    disk = _Disk().gpt((_LINUX, (1 << 64) - 2, (1 << 64) - 1))
    assert disk.problem()[0] == "none of its partitions holds ext4, xfs or btrfs"


@pytest.mark.parametrize("filesystem", _MAGICS)
def test_find_root_refuses_a_truncated_filesystem(filesystem: Filesystem) -> None:
    disk = _Disk().format(filesystem, size_bytes=4 << 20)
    assert disk.problem() == (
        f"it was cut short: its {filesystem} is 4194304 bytes long, and 2097152 of them are there",
        "fetch or copy it again",
    )
    disk = _Disk().mbr((0x83, 2048, 1024)).format(filesystem, 2048, size_bytes=1 << 20)
    assert disk.problem()[0] == (
        f"it was cut short: its {filesystem} in partition 1 is 1048576 bytes long, "
        "and 524288 of them are there"
    )


def test_find_root_refuses_a_partition_beyond_the_end() -> None:
    disk = _Disk().mbr((0x83, 64, 1000), (0x0C, 2048, 4096)).format("ext4", 64)
    assert disk.problem()[0] == (
        "it was cut short: partition 2 ends at byte 3145728, the file at 2097152"
    )


def test_find_root_refuses_a_btrfs_on_several_disks() -> None:
    assert _Disk().format("btrfs", devices=2).problem() == (
        "its btrfs lies on 2 disks, and this is one of them",
        "bootwright boots from one disk: btrfs device remove leaves one",
    )


def test_find_root_finds_a_logical_partition() -> None:
    disk = _Disk().mbr((0x0C, 64, 64), (0x05, 1000, 3000)).format("ext4", 1100).format("xfs", 2100)
    for sector, first, following in ((1000, 100, 1000), (2000, 100, 0)):
        struct.pack_into("<4xB3xII", disk.content, sector * 512 + 446, 0x83, first, 900)
        if following:
            struct.pack_into("<4xB3xII", disk.content, sector * 512 + 462, 0x05, following, 1000)
        disk.put(sector * 512 + 510, b"\x55\xaa")
    roots = find_roots(io.BytesIO(disk.content))
    assert [(root.filesystem, root.partition) for root in roots] == [("ext4", 5), ("xfs", 6)]


def test_find_root_takes_partitions_of_another_type_last() -> None:
    disk = _Disk().mbr((0x07, 64, 1900), (0x83, 2048, 512)).format("ext4", 64).format("xfs", 2048)
    roots = find_roots(io.BytesIO(disk.content))
    assert [root.partition for root in roots] == [2, 1]


@pytest.mark.parametrize(
    ("offset", "magic", "named", "tried"),
    [
        (512, b"LABELONE", "an LVM physical volume", "virt-tar-out"),
        (0, b"LUKS\xba\xbe", "an encrypted disk (LUKS)", "virt-tar-out"),
        (4096, b"\xfc\x4e\x2b\xa9", "a member of a RAID (md)", "virt-tar-out"),
    ],
    ids=["lvm", "luks", "md"],
)
def test_find_root_names_what_a_partition_holds_instead(
    offset: int, magic: bytes, named: str, tried: str
) -> None:
    disk = _Disk().mbr((0x82, 1024, 100), (0x83, 2048, 1024)).put(2048 * 512 + offset, magic)
    disk.put(1024 * 512 + 4086, b"SWAPSPACE2")
    problem, hint = disk.problem()
    assert problem == (
        "none of its partitions holds ext4, xfs or btrfs: "
        f"partition 1 holds swap space, partition 2 holds {named}"
    )
    assert tried in hint
