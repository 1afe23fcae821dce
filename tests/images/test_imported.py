"""Images from a user's own files: real filesystems, disks and archives, made here."""

from __future__ import annotations

import os
import struct
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.errors import FormatError, HostError, InputError
from bootwright.home import Home
from bootwright.host import tools
from bootwright.host.namespaces import as_namespace_root
from bootwright.images import imported
from bootwright.images.image import image_store, load_image
from tests.observed import Observed

_SECTOR = 2048
_MIB = 1 << 20
_GPT_ROOT = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")

_needs_namespace = pytest.mark.skipif(
    subprocess.run([*as_namespace_root(), "true"], capture_output=True).returncode != 0,
    reason="this host gives its user no namespace with subordinate ids",
)


def _run(*command: str | Path) -> None:
    [program] = tools.require(str(command[0]))
    subprocess.run([program, *command[1:]], check=True, capture_output=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for name in ("etc", "bin", "dev"):
        (tree / name).mkdir()
    (tree / "etc" / "hostname").write_text("imported\n")
    return tree


@pytest.fixture(scope="module")
def filesystem(tree: Path) -> Path:
    path = tree.parent / "root.ext4"
    _run("mke2fs", "-q", "-t", "ext4", "-d", tree, path, "4M")
    return path


@pytest.fixture(autouse=True)
def _nothing_left(home: Home) -> Iterator[None]:
    """See after each test that staging is empty."""
    yield
    staging = home.images / "staging"
    assert not staging.exists() or list(staging.iterdir()) == []


def _hostname(disk: Path, offset: int = 0) -> str:
    debugfs = tools.find("debugfs") or Path("debugfs")
    place = f"{disk}?offset={offset}" if offset else str(disk)
    return subprocess.run(
        [debugfs, "-R", "cat /etc/hostname", place], capture_output=True, text=True
    ).stdout


def test_imported_add_copies_a_filesystem(home: Home, filesystem: Path) -> None:
    image = imported.add(home, "web", filesystem)
    assert (image.filesystem, image.partition) == ("ext4", 0)
    assert (image.size_bytes, image.source) == (4 * _MIB, str(filesystem))
    assert image.disk.read_bytes() == filesystem.read_bytes()
    assert load_image(home, "web") == image
    assert image.disk.stat().st_mode & 0o222 == 0, "nobody may change it"


@pytest.mark.parametrize("options", [[], ["-c"], ["-o", "compat=0.10"]])
def test_imported_add_of_qcow2_and_raw_is_one_image(
    home: Home, filesystem: Path, tmp_path: Path, options: list[str]
) -> None:
    qcow2 = tmp_path / "no telling name"
    _run("qemu-img", "convert", *options, "-f", "raw", "-O", "qcow2", filesystem, qcow2)
    raw, converted = (
        imported.add(home, "raw", filesystem),
        imported.add(home, "converted", qcow2),
    )
    assert raw.digest == converted.digest
    assert image_store(home).names() == {"raw": raw.digest, "converted": raw.digest}


@_needs_namespace
@pytest.mark.parametrize("compression", [[], ["--gzip"], ["--xz"], ["--zstd"]])
def test_imported_add_makes_a_filesystem_of_an_archive(
    home: Home, tree: Path, tmp_path: Path, compression: list[str]
) -> None:
    archive = tmp_path / "root"
    _run("tar", "--create", *compression, "--file", archive, "--directory", tree, ".")
    image = imported.add(home, "web", archive)
    assert (image.filesystem, image.partition) == ("ext4", 0)
    assert _hostname(image.disk) == "imported\n"
    assert not (image.folder / "tree").exists()


def _partitioned(path: Path, content: bytes, *, gpt: bool) -> Path:
    """Write a disk with *content* at sector 2048, behind an MBR or a GPT."""
    disk = bytearray(_SECTOR * 512) + content + bytes(_MIB)
    sectors = len(content) // 512
    kind = 0xEE if gpt else 0x83
    struct.pack_into("<4xB3xII", disk, 446, kind, _SECTOR, sectors)
    disk[510:512] = b"\x55\xaa"
    if gpt:
        disk[512:520] = b"EFI PART"
        struct.pack_into("<QII", disk, 512 + 72, 2, 128, 128)
        entry = 1024 + 128  # the second; the first is empty
        disk[entry : entry + 16] = _GPT_ROOT.bytes_le
        struct.pack_into("<QQ", disk, entry + 32, _SECTOR, _SECTOR + sectors - 1)
    path.write_bytes(disk)
    return path


@pytest.mark.parametrize(("gpt", "partition"), [(False, 1), (True, 2)], ids=["mbr", "gpt"])
def test_imported_add_finds_the_root_of_a_partitioned_disk(
    home: Home, filesystem: Path, tmp_path: Path, gpt: bool, partition: int
) -> None:
    disk = _partitioned(tmp_path / "disk", filesystem.read_bytes(), gpt=gpt)
    image = imported.add(home, "cloud", disk)
    assert (image.filesystem, image.partition) == ("ext4", partition)
    assert image.size_bytes == disk.stat().st_size
    assert _hostname(image.disk, _SECTOR * 512) == "imported\n"


def test_imported_add_reports_progress_in_order(home: Home, filesystem: Path) -> None:
    observed = Observed()
    imported.add(home, "web", filesystem, observe=observed)
    assert observed.progress[:4] == [
        ("copying", 0.1),
        ("looking for the root filesystem", 0.8),
        ("checking ext4", 0.85),
        ("naming it by its content", 0.9),
    ]
    assert observed.progress[-1] == ("naming it by its content", 1.0)


def test_imported_add_leaves_the_file_unchanged(home: Home, filesystem: Path) -> None:
    before = filesystem.read_bytes(), filesystem.stat().st_mode
    imported.add(home, "web", filesystem)
    assert (filesystem.read_bytes(), filesystem.stat().st_mode) == before


def test_imported_add_keeps_holes(home: Home, filesystem: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(filesystem.read_bytes())
    with large.open("r+b") as file:
        file.truncate(1 << 33)
    image = imported.add(home, "large", large)
    assert image.size_bytes == 1 << 33
    assert image.disk.stat().st_blocks * 512 < 8 * _MIB


_WHAT_TO_GIVE = "give an ext4, xfs or btrfs filesystem, a partitioned disk, a qcow2 or a tar"


@pytest.mark.parametrize(
    ("content", "problem", "hint"),
    [
        (
            b"\0\1\2hello",
            "it is not a disk: its size is not a multiple of 512 bytes",
            "give an ext4, xfs or btrfs filesystem, a raw or qcow2 disk, or a tar",
        ),
        (b"", "it is an empty file", "give a root filesystem as tar, or a disk as raw or qcow2"),
        (
            bytes(_MIB),
            "it holds neither a filesystem that we know nor a partition table",
            _WHAT_TO_GIVE,
        ),
        (
            bytes(446) + struct.pack("<4xB3xII", 0x83, 1, 1) + bytes(48) + b"\x55\xaa" + bytes(512),
            "none of its partitions holds ext4, xfs or btrfs",
            "give a plain ext4, xfs or btrfs filesystem",
        ),
    ],
    ids=["text", "empty", "zeros", "no filesystem"],
)
def test_imported_add_refuses_what_is_no_root_filesystem(
    home: Home, tmp_path: Path, content: bytes, problem: str, hint: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert _refused(home, file) == (problem, hint)


def _refused(home: Home, file: Path) -> tuple[str, str]:
    """Return why *file* is not imported, and the hint; nothing of it is left."""
    with pytest.raises(FormatError) as caught:
        imported.add(home, "web", file)
    before = f"{file} cannot be imported: "
    assert str(caught.value).startswith(before)
    assert (image_store(home).digests(), image_store(home).names()) == ([], {})
    return str(caught.value).removeprefix(before), caught.value.hint


@pytest.mark.parametrize(
    ("name", "problem", "hint"),
    [
        ("missing", "there is no file", "give an ext4, raw, qcow2 or tar file"),
        (
            "folder",
            "is a folder",
            "pack it, as root: tar -C {path} -cf root.tar . ; then import root.tar",
        ),
        ("pipe", "is not a regular file", "write what comes from it into a file first"),
    ],
)
def test_imported_add_refuses_what_is_no_file(
    home: Home, tmp_path: Path, name: str, problem: str, hint: str
) -> None:
    path = tmp_path / name
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError) as caught:
        imported.add(home, "web", path)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.hint == hint.format(path=path)


def test_imported_add_refuses_what_the_user_cannot_read(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(InputError) as caught:
        imported.add(home, "web", tmp_path / "disk")
    assert str(caught.value) == f"cannot read {tmp_path / 'disk'}: Permission denied"
    assert caught.value.hint == "use sudo, or copy it to where you can read it"


def test_imported_add_refuses_an_address(home: Home) -> None:
    with pytest.raises(InputError) as caught:
        imported.add(home, "web", Path("https://example.org/disk.qcow2"))
    assert caught.value.hint == "download it, and give the file"


def test_imported_add_refuses_an_invalid_name_first(home: Home, filesystem: Path) -> None:
    with pytest.raises(InputError, match=r"^'Web' cannot name an image$"):
        imported.add(home, "Web", filesystem)
    assert not home.images.exists()


def test_imported_add_refuses_a_damaged_qcow2(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "disk.qcow2"
    file.write_bytes(b"QFI\xfb" + bytes(2000))
    with pytest.raises(FormatError) as caught:
        imported.add(home, "web", file)
    assert str(caught.value) == f"{file} cannot be imported: it is not a readable qcow2 file"
    assert "Unsupported qcow2 version 0" in caught.value.evidence


def test_imported_add_refuses_a_qcow2_with_a_backing_file(home: Home, tmp_path: Path) -> None:
    below, file = tmp_path / "below.raw", tmp_path / "disk.qcow2"
    below.write_bytes(bytes(1 << 20))
    options = ["-q", "-f", "qcow2", "-F", "raw", "-b", str(below), str(file)]
    subprocess.run(["qemu-img", "create", *options], check=True)
    assert _refused(home, file) == (
        f"it is not whole: it refers to {below}",
        f"make it whole first: qemu-img convert -O qcow2 {file} whole.qcow2",
    )


def test_imported_add_refuses_a_damaged_archive(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "root.tar.gz"
    file.write_bytes(b"\x1f\x8b and no more")
    with pytest.raises(FormatError) as caught:
        imported.add(home, "web", file)
    assert str(caught.value) == f"{file} cannot be imported: it is not a complete gzip file"
    assert "gzip: " in caught.value.evidence


def test_imported_add_without_qemu_img_names_its_package(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").write_bytes(b"QFI\xfb" + bytes(2000))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_SBIN", "")
    with pytest.raises(HostError, match=r"^not installed here: qemu-img \(reads qcow2 files\)$"):
        imported.add(home, "web", tmp_path / "disk")


def test_imported_add_names_a_full_disk(
    home: Home, filesystem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "cp"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\necho "cp: error writing: $(cat /dev/zero 2>&1 >/dev/full)" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    with pytest.raises(HostError) as caught:
        imported.add(home, "web", filesystem)
    assert str(caught.value) == f"the disk of {home.images} ran full while an image was imported"
    assert "bootwright prune" in caught.value.hint
