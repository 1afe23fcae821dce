"""What a file is, by its content: files that the real programs make, and magic by hand."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.host import tools
from bootwright.images import formats
from bootwright.images.formats import FORMATS, recognise

_MIB = 1 << 20


def _named(content: bytes) -> str | None:
    found = recognise(io.BytesIO(content))
    return found.name if found else None


def _made(path: Path, *command: str | Path, needs: str = "") -> bytes:
    """Run a program that writes *path*, and return what it wrote."""
    program = tools.find(needs or str(command[0]))
    if program is None:
        pytest.skip(f"{needs or command[0]} is not installed")
    subprocess.run([program, *command[1:]], check=True, capture_output=True)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("gzip", "gzip"),
        ("bzip2", "bzip2"),
        ("xz", "xz"),
        ("zstd", "zstd"),
        ("lz4", "lz4"),
    ],
)
def test_formats_name_each_compression(program: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"words " * 1000)
    packed = subprocess.run(
        [*tools.require(program), "-c", tmp_path / "plain"], capture_output=True, check=True
    ).stdout
    found = recognise(io.BytesIO(packed))
    assert found is not None
    assert (found.name, found.action, found.program) == (name, "unpack", program)


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_formats_recognize_each_kind_of_tar(kind: int) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=kind) as archive:
        archive.addfile(tarfile.TarInfo("etc/hostname"), io.BytesIO())
    found = recognise(content)
    assert found is not None
    assert found.action == "archive"


def test_formats_recognize_a_tar_without_magic(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    archive = tmp_path / "old.tar"
    content = _made(archive, "tar", "--format=v7", "-cf", archive, "-C", tmp_path, "file")
    assert b"ustar" not in content
    assert _named(content) == "a tar archive"


@pytest.mark.parametrize("form", ["vmdk", "vdi", "vhdx", "vpc", "qed", "parallels"])
def test_formats_refuse_other_hypervisors_disks_with_the_conversion(
    form: str, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    content = _made(disk, "qemu-img", "create", "-q", "-f", form, disk, "16M")
    found = recognise(io.BytesIO(content))
    assert found is not None
    assert (found.action, found.hint) == (
        "refuse",
        "convert it first: qemu-img convert -O qcow2 FILE disk.qcow2",
    )


def test_formats_accept_qcow2_but_not_qcow(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    found = recognise(io.BytesIO(_made(disk, "qemu-img", "create", "-f", "qcow2", disk, "16M")))
    assert found is not None
    assert found.action == "convert"
    old = _made(disk, "qemu-img", "create", "-f", "qcow", disk, "16M")
    assert _named(old) == "an old QEMU disk (qcow version 1)"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ext4", ["mke2fs", "-q", "-t", "ext4"]),
        ("ext4", ["mke2fs", "-q", "-t", "ext2", "-b", "1024"]),
        ("xfs", ["mkfs.xfs", "-q"]),
        ("btrfs", ["mkfs.btrfs", "-q"]),
    ],
)
def test_formats_recognize_a_filesystem_and_its_size(
    kind: str, options: list[str], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(320 * _MIB)
    _made(disk, *options, disk)
    with disk.open("rb") as file:
        assert recognise(file) is None
        found = formats.extent(file, 0)
    assert found is not None
    assert (found.filesystem, found.size_bytes, found.devices) == (kind, 320 * _MIB, 1)


def test_formats_prefer_a_filesystem_to_remains_of_another(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(4 * _MIB)
    content = bytearray(_made(disk, "mke2fs", "-q", "-t", "ext4", "-b", "1024", disk))
    content[512:520] = b"LABELONE"
    assert _named(bytes(content)) is None


def test_formats_tell_fat_from_a_partition_table(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(4 * _MIB)
    content = _made(disk, "mkfs.vfat", disk)
    assert content[510:512] == b"\x55\xaa"
    assert _named(content) == "a FAT filesystem"


def test_formats_refuse_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "disk.zip", "w") as archive:
        archive.writestr("disk.raw", bytes(5000))
    found = recognise(io.BytesIO((tmp_path / "disk.zip").read_bytes()))
    assert found is not None
    assert (found.name, found.hint) == (
        "a zip archive",
        "unpack it first: unzip FILE; then import what was in it",
    )


def test_formats_refuse_cpio() -> None:
    done = subprocess.run(
        [shutil.which("busybox") or "busybox", "cpio", "-o", "-H", "newc"],
        input=b"/etc/hostname\n",
        capture_output=True,
        check=True,
    )
    assert _named(done.stdout) == "a cpio archive"


@pytest.mark.parametrize(
    ("name", "put"),
    [
        ("a PNG picture", lambda b: struct.pack_into("8s", b, 0, b"\x89PNG\r\n\x1a\n")),
        ("a squashfs filesystem", lambda b: struct.pack_into("4s", b, 0, b"hsqs")),
        ("an ISO 9660 image (a CD or DVD)", lambda b: struct.pack_into("5s", b, 32769, b"CD001")),
        ("an erofs filesystem", lambda b: struct.pack_into("<I", b, 1024, 0xE0F5E1E2)),
        ("an f2fs filesystem", lambda b: struct.pack_into("<I", b, 1024, 0xF2F52010)),
        ("an LVM physical volume", lambda b: struct.pack_into("8s", b, 512, b"LABELONE")),
        ("swap space", lambda b: struct.pack_into("10s", b, 4086, b"SWAPSPACE2")),
        ("an NTFS filesystem", lambda b: struct.pack_into("8s", b, 3, b"NTFS    ")),
        ("a Linux kernel (bzImage)", lambda b: struct.pack_into("4s", b, 514, b"HdrS")),
        ("a program (ELF)", lambda b: struct.pack_into("4s", b, 0, b"\x7fELF")),
        ("a Debian package", lambda b: struct.pack_into("14s", b, 0, b"!<arch>\ndebian")),
    ],
)
def test_formats_name_what_cannot_be_imported(name: str, put: Callable[[bytearray], None]) -> None:
    content = bytearray(_MIB)
    content[510:512] = b"\x55\xaa"  # as bootable ISOs and kernels have it, too
    put(content)
    assert _named(bytes(content)) == name


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "an empty file"),
        (b"hello\n", "a text file"),
        ("\ufeffgrüße\n".encode(), "a text file"),
        (b"<!DOCTYPE html>\n<html><body>404", "a web page (HTML)"),
        (b"\r\n <HTML>", "a web page (HTML)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a Git LFS pointer"),
    ],
)
def test_formats_name_text(content: bytes, name: str) -> None:
    assert _named(content) == name


@pytest.mark.parametrize("content", [bytes(512), bytes(510) + b"\x55\xaa" + bytes(4096)])
def test_formats_leave_unknown_content_to_disklayout(content: bytes) -> None:
    assert recognise(io.BytesIO(content)) is None


@given(st.binary(max_size=2048), st.integers(0, 4096))
def test_formats_accept_any_content(content: bytes, offset: int) -> None:
    recognise(io.BytesIO(content), offset)


def test_formats_know_what_a_root_may_lie_in() -> None:
    may = {entry.name for entry in FORMATS if entry.may_hold_root}
    assert {"an LVM physical volume", "an encrypted disk (LUKS)", "a squashfs filesystem"} <= may
    assert not may & {"swap space", "a FAT filesystem", "a PNG picture", "a program (ELF)", "gzip"}


def test_formats_refusals_have_hints() -> None:
    assert all(entry.hint for entry in FORMATS if entry.action == "refuse")
    assert all(entry.program in tools.PROGRAMS for entry in FORMATS if entry.action == "unpack")
