"""Imports of what disks and root filesystems come wrapped in, layer upon layer."""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.errors import FormatError
from bootwright.home import Home
from bootwright.host import tools
from bootwright.host.namespaces import as_namespace_root
from bootwright.images import imported
from bootwright.images.image import image_store
from tests.observed import Observed

_MIB = 1 << 20

_needs_namespace = pytest.mark.skipif(
    subprocess.run([*as_namespace_root(), "true"], capture_output=True).returncode != 0,
    reason="this host gives its user no namespace with subordinate ids",
)


def _run(*command: str | Path) -> None:
    [program] = tools.require(str(command[0]))
    subprocess.run([program, *command[1:]], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def _nothing_left(home: Home) -> Iterator[None]:
    """See after each test that staging is empty."""
    yield
    staging = home.images / "staging"
    assert not staging.exists() or list(staging.iterdir()) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for folder in ("etc", "usr/sbin", "run", "dev", "sbin", "lib/systemd"):
        (tree / folder).mkdir(parents=True)
    (tree / "sbin/init").symlink_to("../lib/systemd/systemd")
    (tree / "lib/systemd/systemd").write_text("PID 1")
    (tree / "usr/sbin/sshd").write_text("a server")
    # What does not become small when it is packed, so that half of it is less. (That the last
    # cluster of a qcow2 is not all there is no damage: many are written so.)
    (tree / "usr/random").write_bytes(random.Random(18).randbytes(2 * _MIB))
    return tree


@pytest.fixture
def ext4(tree: Path, tmp_path: Path) -> Path:
    path = tmp_path / "root.ext4"
    _run("mke2fs", "-q", "-t", "ext4", "-d", tree, path, "8M")
    return path


def _qcow2(source: Path) -> Path:
    target = source.with_name(f"{source.name}.qcow2")
    _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, target)
    return target


def _packed(program: str, source: Path) -> Path:
    target = source.with_name(f"{source.name}.{program}")
    [found] = tools.require(program)
    done = subprocess.run([found, "-c", source], capture_output=True, check=True)
    target.write_bytes(done.stdout)
    return target


def _tar(source: Path) -> Path:
    target = source.with_name(f"{source.name}.tar")
    _run("tar", "-cf", target, "-C", source.parent, source.name)
    return target


def _problem(home: Home, file: Path) -> tuple[str, str]:
    """Return why *file* is refused, and the hint; nothing of it is left."""
    with pytest.raises(FormatError) as caught:
        imported.add(home, "web", file)
    assert (image_store(home).digests(), image_store(home).names()) == ([], {})
    text = str(caught.value)
    assert text.startswith(f"{file} cannot be imported: ")
    assert "layer-" not in text + caught.value.hint
    return text.removeprefix(f"{file} cannot be imported: "), caught.value.hint


@pytest.mark.parametrize("program", ["gzip", "bzip2", "xz", "zstd", "lz4"])
def test_imported_add_unpacks_a_disk(home: Home, ext4: Path, program: str) -> None:
    image = imported.add(home, "web", _packed(program, ext4))
    assert image.digest == imported.add(home, "raw", ext4).digest
    assert image.source.endswith(f"root.ext4.{program}")


def test_imported_add_unpacks_layers_in_any_order(home: Home, ext4: Path) -> None:
    wanted = imported.add(home, "raw", ext4).digest
    observed = Observed()
    image = imported.add(home, "a", _packed("xz", _tar(ext4)), observe=observed)
    assert image.digest == wanted
    assert list(dict.fromkeys(observed.steps))[:2] == [
        "unpacking xz",
        "taking root.ext4 out of the archive",
    ]
    assert imported.add(home, "b", _packed("zstd", _qcow2(ext4))).digest == wanted
    assert imported.add(home, "c", _packed("gzip", _tar(_qcow2(ext4)))).digest == wanted


def test_imported_add_refuses_endless_layers(home: Home, ext4: Path) -> None:
    file = ext4
    for _ in range(6):
        file = _packed("gzip", file)
    assert _problem(home, file)[0].startswith("it is packed more than five times")


@_needs_namespace
def test_imported_add_makes_a_filesystem_of_a_packed_archive(home: Home, tree: Path) -> None:
    archive = tree.parent / "root.tar"
    _run("tar", "-cf", archive, "-C", tree, ".")
    image = imported.add(home, "web", _packed("zstd", archive))
    assert (image.filesystem, image.partition) == ("ext4", 0)
    assert sorted(path.name for path in image.folder.iterdir()) == ["disk.raw", "image.json"]


@pytest.mark.parametrize("wrap", ["", "gzip", "tar"])
@pytest.mark.parametrize("form", ["vmdk", "vdi", "vhdx"])
def test_imported_add_refuses_another_hypervisors_disk_in_any_layer(
    home: Home, ext4: Path, form: str, wrap: str
) -> None:
    disk = ext4.with_name(f"disk.{form}")
    _run("qemu-img", "convert", "-f", "raw", "-O", form, ext4, disk)
    file = {"": disk, "gzip": disk, "tar": disk}[wrap]
    if wrap:
        file = _tar(disk) if wrap == "tar" else _packed(wrap, disk)
    problem, hint = _problem(home, file)
    assert f"({form})" in problem
    if wrap:
        begin, inside = f"unpack {file}; then convert it", disk.name
    else:
        begin, inside = "convert it first", str(disk)
    assert hint == f"{begin}: qemu-img convert -O qcow2 {inside} disk.qcow2"


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("wrap", ["raw", "qcow2", "gzip", "xz", "zstd", "tar"])
def test_imported_add_refuses_truncated_files(
    home: Home, ext4: Path, wrap: str, share: float
) -> None:
    match wrap:
        case "raw":
            file = ext4
        case "qcow2":
            file = _qcow2(ext4)
        case "tar":
            file = _tar(ext4)
        case _:
            file = _packed(wrap, ext4)
    size = int(file.stat().st_size * share) // 512 * 512
    with file.open("r+b") as opened:
        opened.truncate(size)
    problem, _ = _problem(home, file)
    assert "cut short" in problem or "not a complete" in problem


def test_imported_add_refuses_a_truncated_gpt_disk(home: Home, ext4: Path) -> None:
    content = ext4.read_bytes()
    disk = bytearray(_MIB) + content
    sectors = len(content) // 512
    struct.pack_into("<4xB3xII", disk, 446, 0x83, 2048, sectors)
    struct.pack_into("<4xB3xII", disk, 462, 0x83, 2048 + sectors, 4096)
    disk[510:512] = b"\x55\xaa"
    file = ext4.with_name("disk")
    file.write_bytes(disk)
    assert _problem(home, file) == (
        f"it was cut short: partition 2 ends at byte {len(disk) + 4096 * 512}, "
        f"the file at {len(disk)}",
        "fetch or copy it again",
    )


def _partitioned(file: Path, *partitions: bytes) -> Path:
    disk = bytearray(_MIB)
    for index, content in enumerate(partitions):
        place = (0x83, len(disk) // 512, len(content) // 512)
        struct.pack_into("<4xB3xII", disk, 446 + 16 * index, *place)
        disk += content
    disk[510:512] = b"\x55\xaa"
    file.write_bytes(disk)
    return file


def _filesystem(folder: Path, size: str, *names: str) -> bytes:
    for name in names:
        (folder / "content" / name).mkdir(parents=True)
    disk = folder / "filesystem"
    content: list[str | Path] = ["-d", folder / "content"] if names else []
    _run("mke2fs", "-q", "-t", "ext4", *content, disk, size)
    return disk.read_bytes()


@pytest.mark.parametrize("names", [(), ("bin", "sbin", "lib")], ids=["home", "usr"])
def test_imported_add_takes_the_partition_that_holds_a_root(
    home: Home, ext4: Path, names: tuple[str, ...], tmp_path: Path
) -> None:
    larger = _filesystem(tmp_path, "12M", *names)
    file = _partitioned(tmp_path / "disk", larger, ext4.read_bytes())
    assert imported.add(home, "web", file).partition == 2


@pytest.mark.parametrize(
    ("offset", "magic", "name"),
    [
        (512, b"LABELONE", "an LVM physical volume"),
        (0, b"LUKS\xba\xbe", "an encrypted disk (LUKS)"),
    ],
)
def test_imported_add_names_what_the_root_lies_in_beside_boot(
    home: Home, offset: int, magic: bytes, name: str, tmp_path: Path
) -> None:
    volume = bytearray(_MIB)
    volume[offset : offset + len(magic)] = magic
    file = _partitioned(tmp_path / "disk", _filesystem(tmp_path, "2M", "grub"), bytes(volume))
    problem, hint = _problem(home, file)
    assert problem == f"its root filesystem lies where we cannot read it: partition 2 holds {name}"
    assert f"virt-tar-out -a {file} / root.tar" in hint


def test_imported_add_names_a_damaged_root_before_other_partitions(
    home: Home, ext4: Path, tmp_path: Path
) -> None:
    content, volume = bytearray(ext4.read_bytes()), bytearray(_MIB)
    inode = content.index(struct.pack("<HHI", 0o40755, 0, 1024))
    content[inode : inode + 100] = b"\xa5" * 100
    volume[512:520] = b"LABELONE"
    boot = _filesystem(tmp_path, "12M", "grub")
    file = _partitioned(tmp_path / "disk", boot, bytes(content), bytes(volume))
    assert _problem(home, file)[0] == "its ext4 in partition 2 is damaged"


def test_imported_add_names_what_is_there_instead_of_a_root(home: Home, tmp_path: Path) -> None:
    swap = bytearray(_MIB)
    swap[4086:4096] = b"SWAPSPACE2"
    file = _partitioned(tmp_path / "disk", _filesystem(tmp_path, "2M", "grub"), bytes(swap))
    assert _problem(home, file)[0] == "it holds no root filesystem: at its top are grub"


def test_imported_add_refuses_a_damaged_filesystem(home: Home, ext4: Path) -> None:
    content = bytearray(ext4.read_bytes())
    inode = content.index(struct.pack("<HHI", 0o40755, 0, 1024))
    content[inode : inode + 100] = b"\xa5" * 100
    ext4.write_bytes(content)
    assert _problem(home, ext4)[0] == "its ext4 is damaged"


def test_imported_add_reports_what_keeps_an_image_from_booting(
    home: Home, tree: Path, tmp_path: Path
) -> None:
    def notices(name: str) -> list[str]:
        file = tmp_path / name
        _run("mke2fs", "-q", "-t", "ext4", "-d", tree, file, "8M")
        observed = Observed()
        imported.add(home, name, file, observe=observed)
        return observed.notices

    assert notices("whole") == []
    (tree / "usr/sbin/sshd").unlink()
    assert notices("no-server") == [
        "image no-server has no /usr/sbin/sshd, so nobody can log in; to run one command in it: "
        "bootwright run no-server --init bare -- COMMAND"
    ]
    (tree / "sbin/init").unlink()
    assert notices("nothing") == [
        "image nothing has no /sbin/init and no /usr/sbin/sshd, so systemd is not started; "
        "to run one command in it: bootwright run nothing --init bare -- COMMAND"
    ]


@pytest.mark.skipif(tools.find("mkfs.xfs") is None, reason="xfsprogs is not installed")
def test_imported_add_reports_what_only_root_can_read(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "xfs"
    with file.open("wb") as opened:
        opened.truncate(320 * _MIB)
    _run("mkfs.xfs", "-q", file)
    observed = Observed()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert imported.add(home, "web", file, observe=observed).filesystem == "xfs"
    assert observed.notices == [
        "image web: not looked into: only root can read an image with xfs, as it must be mounted"
    ]
