"""Files out of images: real filesystems, made here, read as debugfs and a mount see them."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from bootwright.errors import FormatError, HostError
from bootwright.home import Home
from bootwright.host import tools
from bootwright.images import imported
from bootwright.images.image import Image, load_image
from bootwright.images.reading import Wanted, read

_MIB = 1 << 20
_ALL = Wanted(contents=("/etc", "/lib/units"), names=("/usr/share", "/usr/bin"))
_LONG = "/".join(["long"] * 30)


def _run(*command: str | Path) -> None:
    [program] = tools.require(str(command[0]))
    subprocess.run([program, *command[1:]], check=True, capture_output=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system whose /lib is a link, with links of all kinds."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("etc/deep/er", "usr/lib/units/a.wants", "usr/share/doc", "usr/bin", "opt"):
        (tree / folder).mkdir(parents=True)
    (tree / "lib").symlink_to("usr/lib")
    (tree / "etc/deep/er/file").write_bytes(b"\0\xff binary\n")
    (tree / "etc/a name with 'quotes\" and <5>").write_text("odd")
    (tree / "etc/empty").write_text("")
    (tree / "usr/lib/units/a").write_text("unit a\n")
    (tree / "usr/lib/units/a.wants/b").symlink_to("../b")
    (tree / "usr/lib/units/opt").symlink_to("/opt/elsewhere")
    (tree / "usr/lib/units/gone").symlink_to("/nowhere")
    (tree / "usr/lib/units/round").symlink_to("round")
    (tree / "usr/lib/units/far").symlink_to(_LONG)
    (tree / "usr/lib/units/up").symlink_to("../../../../../../../etc/empty")
    (tree / "opt/elsewhere").write_text("linked\n")
    (tree / "usr/share/doc/secret").write_text("not asked for")
    (tree / "usr/bin/big").write_bytes(b"x" * (2 * _MIB))
    return tree


def _filesystem(tree: Path, path: Path) -> Path:
    _run("mke2fs", "-q", "-t", "ext4", "-d", tree, path, "16M")
    return path


@pytest.fixture
def image(tree: Path, home: Home, tmp_path: Path) -> Image:
    return imported.add(home, "web", _filesystem(tree, tmp_path / "root.ext4"))


def _assert_all_is_read(image: Image) -> None:
    files = read(image, _ALL)
    assert files.read("/etc/deep/er/file") == b"\0\xff binary\n"
    assert files.read("/etc/a name with 'quotes\" and <5>") == b"odd"
    assert files.read("/etc/empty") == b""
    assert files.read("/lib/units/a") == files.read("/usr/lib/units/a") == b"unit a\n"
    assert files.target("/lib") == "usr/lib"
    assert files.target("/lib/units/a.wants/b") == "../b"
    assert not files.is_there("/lib/units/a.wants/b")
    assert files.read("/lib/units/opt") == b"linked\n"
    assert files.target("/lib/units/far") == _LONG
    assert files.read("/lib/units/up") == b""
    for broken in ("gone", "round", "far"):
        assert files.resolve(f"/lib/units/{broken}") is None
    assert files.names("/usr/share") == ["doc"]
    assert files.names("/usr/share/doc") == []
    assert files.names("/usr/bin") == ["big"]
    assert files.read("/usr/bin/big") is None
    assert files.names("/lib/units/a.wants") == ["b"]
    assert files.read("/etc") is None


def test_image_read_of_ext4_needs_no_root(image: Image) -> None:
    _assert_all_is_read(image)


def test_image_read_of_a_partition(tree: Path, home: Home, tmp_path: Path) -> None:
    content = _filesystem(tree, tmp_path / "root.ext4").read_bytes()
    disk = tmp_path / "disk.raw"
    table = bytearray(_MIB)
    struct.pack_into("<4xB3xII", table, 446, 0x83, _MIB // 512, len(content) // 512)
    table[510:512] = b"\x55\xaa"
    disk.write_bytes(table + content)
    image = imported.add(home, "disk", disk)
    assert image.partition == 1
    _assert_all_is_read(image)


def test_image_read_reports_a_damaged_filesystem(image: Image) -> None:
    image.disk.chmod(0o644)
    with image.disk.open("r+b") as file:
        file.seek(0)
        file.write(bytes(64 * 1024))
    with pytest.raises(FormatError, match=r"disk\.raw cannot be read: ") as raised:
        read(image, _ALL)
    assert raised.value.hint.startswith("e2fsck -fn")


@pytest.mark.root
@pytest.mark.parametrize(("kind", "size"), [("xfs", "320M"), ("btrfs", "128M")])
def test_image_read_mounts_other_filesystems_as_root(
    kind: str, size: str, tree: Path, home: Home, tmp_path: Path
) -> None:
    if os.geteuid() != 0 or tools.find(f"mkfs.{kind}") is None:
        pytest.skip(f"needs root and mkfs.{kind}")
    path, point = tmp_path / "root", tmp_path / "point"
    subprocess.run(["truncate", "-s", size, path], check=True)
    subprocess.run([f"mkfs.{kind}", "-q", path], check=True)
    point.mkdir()
    subprocess.run(["mount", "-o", "loop", path, point], check=True)
    try:
        subprocess.run(["cp", "-a", f"{tree}/.", point], check=True)
        # A namespace that another process makes meanwhile keeps it mounted beyond our umount.
        subprocess.run(["sync", "-f", point], check=True)
    finally:
        subprocess.run(["umount", point], check=True)
    image = imported.add(home, "other", path)
    _assert_all_is_read(image)
    assert str(image.disk) not in Path("/proc/self/mountinfo").read_text()
    loops = subprocess.run(["losetup", "-l"], capture_output=True, text=True, check=True)
    assert str(image.disk) not in loops.stdout


def test_image_read_of_other_filesystems_needs_root(
    image: Image, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = image.folder / "image.json"
    described.write_text(described.read_text().replace('"ext4"', '"xfs"'))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HostError, match="only root can read an image with xfs") as raised:
        read(load_image(home, "web"), _ALL)
    assert "sudo" in raised.value.hint
