"""Checks of filesystems before they are stored: real ones, damaged here."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from bootwright.errors import FormatError
from bootwright.host import tools
from bootwright.images import filesystems
from bootwright.images.disklayout import Root
from bootwright.images.image import Filesystem

_MIB = 1 << 20
_MAKE: dict[Filesystem, list[str]] = {
    "ext4": ["mke2fs", "-q", "-t", "ext4"],
    "xfs": ["mkfs.xfs", "-q"],
    "btrfs": ["mkfs.btrfs", "-q"],
}


def _make(path: Path, kind: Filesystem, *options: str | Path) -> Path:
    program = tools.find(_MAKE[kind][0])
    if program is None:
        pytest.skip(f"{_MAKE[kind][0]} is not installed")
    with path.open("wb") as file:
        file.truncate((16 if kind == "ext4" else 320) * _MIB)
    command = [program, *_MAKE[kind][1:], *options, path]
    subprocess.run(command, check=True, capture_output=True)
    return path


def _behind_an_mbr(path: Path, filesystem: Path) -> Path:
    size = filesystem.stat().st_size
    with path.open("wb") as file:
        entry = struct.pack("<4xB3xII", 0x83, _MIB // 512, size // 512)
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
        file.seek(_MIB)
        file.write(filesystem.read_bytes())
    return path


def _write(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


@pytest.mark.parametrize("partition", [0, 1])
@pytest.mark.parametrize("kind", _MAKE)
def test_check_accepts_an_intact_filesystem(
    kind: Filesystem, partition: int, tmp_path: Path
) -> None:
    disk = _make(tmp_path / "disk", kind)
    if partition:
        disk = _behind_an_mbr(tmp_path / "partitioned", disk)
    before = disk.read_bytes()
    assert filesystems.check(disk, Root(filesystem=kind, partition=partition)).notice == ""
    assert disk.read_bytes() == before
    assert not (tmp_path / "filesystem").exists()


@pytest.mark.parametrize("partition", [0, 1])
@pytest.mark.parametrize("kind", _MAKE)
def test_check_refuses_a_damaged_filesystem(
    kind: Filesystem, partition: int, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/hostname").write_text("web\n" * 2000)
    options = ("-d", str(tree)) if kind == "ext4" else ()
    disk = _make(tmp_path / "disk", kind, *options)
    content = disk.read_bytes()
    if kind == "ext4":  # the root folder is gone, and its inode is rubbish
        inode = content.index(struct.pack("<HHI", 0o40755, 0, 1024))
        _write(disk, inode, b"\xa5" * 128)
    elif kind == "xfs":
        _write(disk, content.index(b"XAGF") + 20, b"\xa5" * 40)
    else:  # the tree of roots, wherever it lies
        (root_tree,) = struct.unpack_from("<Q", content, 65536 + 0x50)
        position, places = 0, []
        while (position := content.find(struct.pack("<Q", root_tree), position + 1)) > 0:
            places.append(position - 0x30)
        for place in places:
            if place > 0 and place % 4096 == 0:
                _write(disk, place + 200, b"\xa5" * 400)
    if partition:
        disk = _behind_an_mbr(tmp_path / "partitioned", disk)
    with pytest.raises(FormatError) as caught:
        filesystems.check(disk, Root(filesystem=kind, partition=partition))
    where = " in partition 1" if partition else ""
    assert str(caught.value) == f"its {kind}{where} is damaged"
    assert caught.value.hint.startswith("fetch or copy it again; ")
    assert caught.value.evidence


def test_check_reports_an_ext4_that_was_not_unmounted(tmp_path: Path) -> None:
    disk = _make(tmp_path / "disk", "ext4", "-O", "^metadata_csum")
    (features,) = struct.unpack_from("<I", disk.read_bytes(), 1024 + 96)
    _write(disk, 1024 + 96, struct.pack("<I", features | 4))
    before = disk.read_bytes()
    found = filesystems.check(disk, Root(filesystem="ext4", partition=0))
    assert found.notice == "was not unmounted; each boot from it replays its journal"
    assert disk.read_bytes() == before


def test_check_reports_what_a_boot_repairs(tmp_path: Path) -> None:
    disk = _make(tmp_path / "disk", "ext4")
    [debugfs] = tools.require("debugfs")
    subprocess.run(
        [debugfs, "-w", "-R", "sif <2> links_count 9", disk], check=True, capture_output=True
    )
    found = filesystems.check(disk, Root(filesystem="ext4", partition=0))
    assert found.notice == "has small errors, which a boot repairs (e2fsck -p)"


@pytest.mark.parametrize("kind", _MAKE)
def test_check_without_its_program_reports_it(
    kind: Filesystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _make(tmp_path / "disk", kind)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_SBIN", "")
    found = filesystems.check(disk, Root(filesystem=kind, partition=0))
    assert found.notice.startswith("not checked: ")
