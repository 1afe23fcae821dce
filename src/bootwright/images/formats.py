"""What a file is, by its content: one table, from magic bytes to what an import does with it.

What is not in the table may be a raw disk; `disklayout` finds out.

Source: file(1), its magic folder; libblkid/src/superblocks in util-linux; QEMU's block/*.c.
"""

from __future__ import annotations

import os
import string
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

from bootwright.images.image import Filesystem

Action = Literal["unpack", "convert", "archive", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file."""

    name: str
    """With its article: ``a zip archive``."""
    magic: bytes
    offsets: tuple[int, ...] = (0,)
    """Where the magic may stand, in bytes."""
    action: Action = "refuse"
    """How the disk or root filesystem in it is reached."""
    program: str = ""
    """What unpacks it to its standard output, with ``-dc``."""
    hint: str = ""
    """How the user gets on where it is refused; FILE stands for the file."""

    @property
    def may_hold_root(self) -> bool:
        """Whether a root filesystem can lie in what is refused: its hint leads to it."""
        return self.action == "refuse" and self.hint not in ("", _GIVE, _KERNEL_HINT)


_GIVE = "give a root filesystem as tar, or a disk as raw or qcow2"
_CONVERT = "convert it first: qemu-img convert -O qcow2 FILE disk.qcow2"
_UNPACK = "unpack it first: {}; then import what was in it"
_REPACK = "take it apart first, as root: {}; tar -C root -cf root.tar . ; then import root.tar"
_COPY_OUT = (
    "copy the root into an archive: virt-tar-out -a FILE / root.tar (libguestfs-tools); then "
    "import root.tar"
)
_COPY_ZFS = "on a host that has ZFS, import the pool; then tar -C MOUNTPOINT -cf root.tar ."


def _compressed(name: str, magic: bytes, program: str) -> Format:
    return Format(name=name, magic=magic, action="unpack", program=program)


def _convertible(name: str, magic: bytes, *offsets: int) -> Format:
    return Format(name=name, magic=magic, offsets=offsets or (0,), hint=_CONVERT)


def _refused(name: str, magic: bytes, *offsets: int, hint: str = _GIVE) -> Format:
    return Format(name=name, magic=magic, offsets=offsets or (0,), hint=hint)


_CPIO_HINT = _REPACK.format("mkdir root; cpio -idD root <FILE")
_KERNEL_HINT = "a kernel is added with bootwright kernel add FILE"

FORMATS: tuple[Format, ...] = (
    Format(name="a tar archive", magic=b"ustar", offsets=(257,), action="archive"),
    _compressed("gzip", b"\x1f\x8b", "gzip"),
    _compressed("bzip2", b"BZh", "bzip2"),
    _compressed("xz", b"\xfd7zXZ\0", "xz"),
    _compressed("lzma", b"\x5d\0\0\x80\0\xff", "xz"),
    _compressed("lzma", b"\x5d\0\0\0\x04\xff", "xz"),
    _compressed("zstd", b"\x28\xb5\x2f\xfd", "zstd"),
    _compressed("lz4", b"\x04\x22\x4d\x18", "lz4"),
    _compressed("lz4", b"\x02\x21\x4c\x18", "lz4"),  # of lz4 -l
    Format(name="qcow2", magic=b"QFI\xfb", action="convert"),
    # Other archives.
    _refused("a zip archive", b"PK\x03\x04", hint=_UNPACK.format("unzip FILE")),
    _refused("an empty zip archive", b"PK\x05\x06"),
    _refused("a 7z archive", b"7z\xbc\xaf\x27\x1c", hint=_UNPACK.format("7z x FILE")),
    _refused("a rar archive", b"Rar!\x1a\x07", hint=_UNPACK.format("unrar x FILE")),
    _refused("an lzip file", b"LZIP", hint=_UNPACK.format("lzip -d FILE")),
    _refused("an lzop file", b"\x89LZO\0\r\n\x1a\n", hint=_UNPACK.format("lzop -d FILE")),
    _refused("a file of compress (.Z)", b"\x1f\x9d", hint=_UNPACK.format("gzip -d FILE")),
    *(
        _refused("a cpio archive", magic, hint=_CPIO_HINT)
        for magic in (b"070701", b"070702", b"070707", b"\xc7\x71", b"\x71\xc7")
    ),
    _refused("a Debian package", b"!<arch>\ndebian", hint=_UNPACK.format("dpkg-deb -x FILE root")),
    _refused("an RPM package", b"\xed\xab\xee\xdb"),
    _refused("an ar archive", b"!<arch>\n"),
    # Other forms of a disk.
    *(
        _convertible("a VMware disk (vmdk)", magic)
        for magic in (b"KDMV", b"COWD", b"# Disk DescriptorFile")
    ),
    _convertible("a VirtualBox disk (vdi)", b"\x7f\x10\xda\xbe", 64),
    _convertible("a Hyper-V disk (vhdx)", b"vhdxfile"),
    _convertible("a Virtual PC disk (vhd)", b"conectix"),
    _convertible("a QED disk", b"QED\0"),
    _convertible("a Parallels disk", b"WithoutFreeSpace"),
    _convertible("a Parallels disk", b"WithouFreSpacExt"),
    _refused(
        "an Android sparse image",
        b"\x3a\xff\x26\xed",
        hint="convert it first: simg2img FILE disk.raw",
    ),
    _refused(
        "an encrypted disk (LUKS)",
        b"LUKS\xba\xbe",
        hint=_COPY_OUT,
    ),
    # Filesystems that no guest of ours has as its root.
    _refused(
        "an ISO 9660 image (a CD or DVD)",
        b"CD001",
        32769,
        hint="import the distribution's "
        "cloud image (qcow2) instead, or install the ISO onto a disk and import that",
    ),
    _refused("a UDF image (a DVD)", b"NSR0", 34817, 36865),
    _refused("a squashfs filesystem", b"hsqs", hint=_REPACK.format("unsquashfs -d root FILE")),
    _refused("a squashfs filesystem", b"sqsh", hint=_REPACK.format("unsquashfs -d root FILE")),
    _refused(
        "an erofs filesystem",
        b"\xe2\xe1\xf5\xe0",
        1024,
        hint=_REPACK.format("fsck.erofs --extract=root FILE"),
    ),
    _refused(
        "a cramfs filesystem",
        b"\x45\x3d\xcd\x28",
        hint=_REPACK.format("fsck.cramfs --extract=root FILE"),
    ),
    _refused("a romfs filesystem", b"-rom1fs-"),
    _refused("an f2fs filesystem", b"\x10\x20\xf5\xf2", 1024, hint=_COPY_OUT),
    _refused("a bcachefs filesystem", bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"), 4120),
    _refused("a ReiserFS filesystem", b"ReIsEr", 65536 + 52, 8192 + 52, hint=_COPY_OUT),
    _refused("a JFS filesystem", b"JFS1", 32768, hint=_COPY_OUT),
    _refused("an NTFS filesystem", b"NTFS    ", 3),
    _refused("an exFAT filesystem", b"EXFAT   ", 3),
    _refused("a FAT filesystem", b"FAT12   ", 54),
    _refused("a FAT filesystem", b"FAT16   ", 54),
    _refused("a FAT filesystem", b"FAT32   ", 82),
    _refused("swap space", b"SWAPSPACE2", 4086),
    # What lies between a disk and its filesystems.
    _refused("an LVM physical volume", b"LABELONE", 512, 0, 1024, 1536, hint=_COPY_OUT),
    _refused("a member of a RAID (md)", b"\xfc\x4e\x2b\xa9", 4096, 0, hint=_COPY_OUT),
    _refused(
        "a member of a ZFS pool",
        b"\x0c\xb1\xba\0\0\0\0\0",
        *range(131072, 262144, 1024),
        hint=_COPY_ZFS,
    ),
    _refused(
        "a disk with sectors of 4096 bytes",
        b"EFI PART",
        4096,
        hint="copy its root partition alone into a file (losetup -P -b 4096, dd), and import that",
    ),
    # What is no disk at all.
    _refused("a Linux kernel (bzImage)", b"HdrS", 514, hint=_KERNEL_HINT),
    _refused("a program (ELF)", b"\x7fELF", hint=_KERNEL_HINT),
    _refused("a Windows or EFI program", b"MZ"),
    _refused("a PNG picture", b"\x89PNG\r\n\x1a\n"),
    _refused("a JPEG picture", b"\xff\xd8\xff"),
    _refused("a GIF picture", b"GIF8"),
    _refused("a PDF", b"%PDF-"),
    _refused("an SQLite file", b"SQLite format 3\0"),
)

TAR = next(entry for entry in FORMATS if entry.action == "archive")
_OLD_QCOW = _convertible("an old QEMU disk (qcow version 1)", b"QFI\xfb\0\0\0\x01")
_EMPTY = _refused("an empty file", b"")
_TEXT = _refused("a text file", b"")
_HTML = _refused("a web page (HTML)", b"", hint="download the file itself, not the page about it")
_LFS = _refused("a Git LFS pointer", b"version https://git-lfs", hint="fetch it: git lfs pull")
_TEXT_BYTES = frozenset(string.printable.encode()) | frozenset(range(0x80, 0x100))


def recognise(file: BinaryIO, offset: int = 0) -> Format | None:
    """Return what begins at *offset*; None: perhaps a raw disk."""
    size = file.seek(0, os.SEEK_END)
    head = _read(file, offset, 1024)
    if not head:
        return _EMPTY
    if head.startswith(_OLD_QCOW.magic):
        return _OLD_QCOW
    if extent(file, offset) is not None:
        return None  # it may have remains of what was there before
    for entry in FORMATS:
        for place in entry.offsets:
            if offset + place + len(entry.magic) > size:
                continue
            if _read(file, offset + place, len(entry.magic)) == entry.magic:
                return entry
    if _is_old_tar(head):
        return TAR
    return _text(head)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A filesystem that a guest can have as its root, and how long it is."""

    filesystem: Filesystem
    size_bytes: int
    devices: int = 1
    """On how many disks it lies."""


def extent(disk: BinaryIO, offset: int) -> Extent | None:
    """Return which filesystem begins at *offset*, by its superblock; None: none that we boot.

    Source: struct ext4_super_block in fs/ext4/ext4.h; struct xfs_dsb in fs/xfs/libxfs/xfs_format.h;
    struct btrfs_super_block in include/uapi/linux/btrfs_tree.h.
    """
    block = _read(disk, offset + 1024, 0x154)
    if len(block) == 0x154 and block[56:58] == b"\x53\xef":
        inodes, low = struct.unpack_from("<II", block, 0)
        (log_size,) = struct.unpack_from("<I", block, 24)
        (features,) = struct.unpack_from("<I", block, 96)
        high = struct.unpack_from("<I", block, 0x150)[0] if features & 0x80 else 0
        if inodes and (low or high) and log_size <= 6:
            return Extent(filesystem="ext4", size_bytes=(high << 32 | low) << (10 + log_size))
    block = _read(disk, offset, 16)
    if block[:4] == b"XFSB" and len(block) == 16:
        block_bytes, blocks = struct.unpack_from(">IQ", block, 4)
        return Extent(filesystem="xfs", size_bytes=block_bytes * blocks)
    block = _read(disk, offset + 65536, 0xDB)
    if block[64:72] == b"_BHRfS_M" and len(block) == 0xDB:
        (devices,) = struct.unpack_from("<Q", block, 0x88)
        # Of the device that this is, not of all together.
        (size,) = struct.unpack_from("<Q", block, 0xC9 + 8)
        return Extent(filesystem="btrfs", size_bytes=size, devices=devices)
    return None


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    """Return what lies there; nothing beyond the end, wherever a damaged table points."""
    if offset > file.seek(0, os.SEEK_END):
        return b""
    file.seek(offset)
    return file.read(length)


def _is_old_tar(head: bytes) -> bool:
    """Say whether *head* is a header from before there was a magic: its checksum is right.

    Source: tar(5), "Old-Style Archive Format".
    """
    if len(head) < 512 or not head[0]:
        return False
    try:
        claimed = int(head[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    return claimed == sum(head[:148]) + 8 * ord(" ") + sum(head[156:512])


def _text(head: bytes) -> Format | None:
    if not _TEXT_BYTES.issuperset(head):
        return None
    if head.startswith(_LFS.magic):
        return _LFS
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:32].lower()
    return _HTML if start.startswith((b"<!doctype html", b"<html")) else _TEXT
