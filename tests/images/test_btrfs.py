"""A btrfs read without mounting it: real ones, made here."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootwright.errors import FormatError, HostError
from bootwright.host import tools
from bootwright.images import rootfs
from bootwright.images.btrfs import Btrfs
from bootwright.images.disklayout import Root
from bootwright.images.reading import Wanted, read_root

_MIB = 1 << 20
_WANTED = Wanted(contents=("/etc", "/lib/units"), names=("/", "/bin"))

_needs_mount = pytest.mark.skipif(
    os.geteuid() != 0 or tools.find("mkfs.btrfs") is None,
    reason="only root can make subvolumes, with btrfs-progs",
)


def _empty(path: Path, *options: str | Path) -> Path:
    program = tools.find("mkfs.btrfs")
    if program is None:
        pytest.skip("btrfs-progs is not installed")
    with path.open("wb") as file:
        file.truncate(160 * _MIB)
    subprocess.run([program, "-q", *options, path], check=True, capture_output=True)
    return path


def _system(tree: Path) -> None:
    """Make a small root filesystem."""
    for folder in ("etc", "usr/lib/units", "usr/bin", "usr/sbin"):
        (tree / folder).mkdir(parents=True)
    (tree / "lib").symlink_to("usr/lib")
    (tree / "bin").symlink_to("usr/bin")
    (tree / "sbin").symlink_to("usr/sbin")
    (tree / "etc/hostname").write_text("web\n")
    (tree / "etc/large").write_bytes(bytes(range(256)) * 1000)
    (tree / "usr/lib/units/a").write_text("unit a\n")
    (tree / "usr/bin/sh").write_bytes(b"\x7fELF")
    for number in range(300):  # more than one leaf holds
        (tree / "usr/lib/units" / f"unit-{number:03}.service").write_text(f"{number}\n" * 20)


@contextmanager
def _mounted(disk: Path) -> Iterator[Path]:
    point = disk.parent / "mounted"
    point.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", disk, point], capture_output=True)
    if done.returncode:
        pytest.skip("this host's kernel mounts no btrfs")
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)


def _subvolume(path: Path) -> None:
    subprocess.run(["btrfs", "subvolume", "create", path], check=True, capture_output=True)


def test_btrfs_reads_files_as_written(tmp_path: Path) -> None:
    _system(tmp_path / "tree")
    disk = _empty(tmp_path / "disk", "--rootdir", tmp_path / "tree")
    with disk.open("rb") as file:
        top = Btrfs(file).top
        assert sorted(top.list(["/"])["/"]) == ["bin", "etc", "lib", "sbin", "usr"]
        assert top.targets(["/lib", "/bin"]) == {"/lib": "usr/lib", "/bin": "usr/bin"}
        top.list(["/etc", "/usr"])
        units = top.list(["/usr/lib"])["/usr/lib"]
        assert list(units) == ["units"]
        assert len(top.list(["/usr/lib/units"])["/usr/lib/units"]) == 301
        read = top.contents(["/etc/hostname", "/etc/large", "/usr/lib/units/unit-299.service"])
    assert read == {
        "/etc/hostname": b"web\n",
        "/etc/large": bytes(range(256)) * 1000,
        "/usr/lib/units/unit-299.service": b"299\n" * 20,
    }


@pytest.mark.parametrize("length", [0, 70000, 16 * _MIB])
def test_btrfs_refuses_a_truncated_filesystem(length: int, tmp_path: Path) -> None:
    disk = _empty(tmp_path / "disk")
    os.truncate(disk, length)
    with pytest.raises(FormatError, match="its btrfs cannot be read"):
        _names(disk)


def _names(disk: Path) -> set[str]:
    with disk.open("rb") as file:
        btrfs = Btrfs(file)
        btrfs.subvolumes()
        return set(btrfs.top.list(["/"])["/"])


def test_btrfs_survives_damage_anywhere(tmp_path: Path) -> None:
    _system(tmp_path / "tree")
    disk = _empty(tmp_path / "disk", "--rootdir", tmp_path / "tree")
    sound = disk.read_bytes()
    name = sound[65536 + 32 : 65536 + 48]  # each node has the filesystem's
    nodes = [at for at in range(0, len(sound), 4096) if sound[at + 32 : at + 48] == name]
    assert nodes
    chance = random.Random(18)
    for _ in range(300):
        at = chance.choice([65536, *nodes]) + chance.randrange(1000)
        with disk.open("r+b") as file:
            file.seek(at)
            file.write(chance.randbytes(4))
        with contextlib.suppress(FormatError, HostError):
            _names(disk)
        with disk.open("r+b") as file:
            file.seek(at)
            file.write(sound[at : at + 4])
    assert "etc" in _names(disk)


@_needs_mount
@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_btrfs_reads_as_an_ordinary_user_what_a_mount_shows(
    compression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _empty(tmp_path / "disk")
    with _mounted(disk) as point:
        if compression != "none":
            subprocess.run(["mount", "-o", f"remount,compress-force={compression}", point])
        _subvolume(point / "@")
        _system(point / "@")
    root = Root(filesystem="btrfs", partition=0, subvolume="@")
    mounted = read_root(disk, root, _WANTED)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    read = read_root(disk, root, _WANTED)
    for path in ("/etc/hostname", "/etc/large", "/lib/units/a", "/lib/units/unit-123.service"):
        assert read.read(path) == mounted.read(path), path
        assert read.read(path), path
    assert read.names("/") == mounted.names("/")
    assert read.names("/bin") == ["sh"]


@_needs_mount
def test_btrfs_names_a_compression_it_cannot_unpack(tmp_path: Path) -> None:
    disk = _empty(tmp_path / "disk")
    with _mounted(disk) as point:
        subprocess.run(["mount", "-o", "remount,compress-force=zstd", point])
        (point / "text").write_text("words " * 10000)
    with disk.open("rb") as file:
        top = Btrfs(file).top
        top.list(["/"])
        with pytest.raises(HostError, match=r"compressed \(lzo or zstd\)"):
            top.contents(["/text"])


@_needs_mount
def test_btrfs_subvolumes_have_paths_from_the_top(tmp_path: Path) -> None:
    disk = _empty(tmp_path / "disk")
    with _mounted(disk) as point:
        _subvolume(point / "@")
        (point / "@/var/lib").mkdir(parents=True)
        _subvolume(point / "@/var/lib/machines")
        (point / "deep/er").mkdir(parents=True)
        _subvolume(point / "deep/er/one")
    with disk.open("rb") as file:
        btrfs = Btrfs(file)
        assert sorted(btrfs.subvolumes()) == ["@", "@/var/lib/machines", "deep/er/one"]
        assert btrfs.default_subvolume() == ""
        with pytest.raises(FormatError, match="its btrfs has no subvolume 'home'"):
            btrfs.subvolume("home")


_FSTAB = "UUID=1 / btrfs defaults,subvol={} 0 0\n"


@_needs_mount
@pytest.mark.parametrize(
    ("subvolumes", "default", "found"),
    [
        ({"@": "", "@home": None}, "", "@"),
        ({"root": "", "home": None, "var": None}, "", "root"),
        ({"odd-name": ""}, "", "odd-name"),
        ({"@": _FSTAB.format("@"), "@old": _FSTAB.format("/@")}, "", "@"),
        ({"one": _FSTAB.format("one"), "two": _FSTAB.format("one")}, "", "one"),
        ({"@": "", ".snapshots": None, ".snapshots/1": ""}, "", "@"),
        ({"@": "", "@/.snapshots": None, "@/.snapshots/1": ""}, "@/.snapshots/1", ""),
        ({"home": None}, "", "/"),
    ],
    ids=["ubuntu", "fedora", "other", "fstab", "fstab of a copy", "snapper", "suse", "top level"],
)
def test_btrfs_finds_the_subvolume_of_the_root(
    subvolumes: dict[str, str | None], default: str, found: str, tmp_path: Path
) -> None:
    disk = _empty(tmp_path / "disk")
    with _mounted(disk) as point:
        for name, fstab in subvolumes.items():
            _subvolume(point / name)
            if fstab is not None:
                _system(point / name)
                (point / name / "etc/fstab").write_text(fstab)
        if found == "/":
            _system(point)
            subprocess.run(["btrfs", "subvolume", "set-default", point / "home"], check=True)
        if default:
            subprocess.run(["btrfs", "subvolume", "set-default", point / default], check=True)
    looked = rootfs.look(disk, Root(filesystem="btrfs", partition=0))
    assert looked.root.subvolume == found
    assert looked.missing == ("/sbin/init", "/usr/sbin/sshd")


@_needs_mount
def test_btrfs_refuses_several_roots(tmp_path: Path) -> None:
    disk = _empty(tmp_path / "disk")
    with _mounted(disk) as point:
        for name in ("jammy", "noble"):
            _subvolume(point / name)
            _system(point / name)
    with pytest.raises(FormatError) as caught:
        rootfs.look(disk, Root(filesystem="btrfs", partition=0))
    assert str(caught.value) == "its btrfs holds 2 root filesystems: jammy, noble"
    assert "btrfs subvolume set-default" in caught.value.hint
