"""Compressed files and tar archives: what is in them, and whether it is all there."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from bootwright.errors import FormatError
from bootwright.host import tools
from bootwright.images.formats import FORMATS, Format
from bootwright.images.unpacking import copy_sparse, look_into, unpack

_MIB = 1 << 20
_SHORT = "it was cut short or damaged on its way: fetch it again"


def _compression(program: str) -> Format:
    return next(e for e in FORMATS if e.program == program and e.action == "unpack")


def _tar(path: Path, files: dict[str, bytes | None]) -> Path:
    """Write a tar of files, and of folders where there is no content."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content or b""))
    return path


@pytest.fixture
def ext4(tmp_path: Path) -> bytes:
    disk = tmp_path / "ext4"
    subprocess.run(
        [*tools.require("mke2fs"), "-q", "-t", "ext4", disk, "2M"], check=True, capture_output=True
    )
    return disk.read_bytes()


@pytest.mark.parametrize("program", ["gzip", "bzip2", "xz", "zstd", "lz4"])
def test_unpacking_refuses_a_truncated_file(program: str, tmp_path: Path) -> None:
    content = b"a" * 5000 + bytes(3 * _MIB) + b"z" * 70000 + bytes(_MIB)
    (tmp_path / "plain").write_bytes(content)
    packed = subprocess.run(
        [*tools.require(program), "-c", tmp_path / "plain"], check=True, capture_output=True
    ).stdout
    source, target = tmp_path / "packed", tmp_path / "target"
    source.write_bytes(packed)
    unpack(source, _compression(program), target)
    assert target.read_bytes() == content
    for cut in (len(packed) // 2, len(packed) - 1):
        source.write_bytes(packed[:cut])
        with pytest.raises(FormatError) as caught:
            unpack(source, _compression(program), target)
        assert str(caught.value) == f"it is not a complete {_compression(program).name} file"
        assert caught.value.hint == _SHORT


def test_unpacking_quotes_why_and_no_advice_for_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(b"BZh9" + bytes(100))
    with pytest.raises(FormatError) as caught:
        unpack(tmp_path / "packed", _compression("bzip2"), tmp_path / "target")
    assert caught.value.evidence.startswith("bzip2: ")
    assert len(caught.value.evidence.splitlines()) <= 2


def test_unpacking_makes_holes_of_zeros(tmp_path: Path) -> None:
    copy_sparse(io.BytesIO(bytes(64 * _MIB)), tmp_path / "holes")
    assert (tmp_path / "holes").stat().st_size == 64 * _MIB
    assert (tmp_path / "holes").stat().st_blocks == 0


@pytest.mark.parametrize("start", ["", "./", "/"])
def test_unpacking_recognizes_a_root_filesystem(start: str, tmp_path: Path) -> None:
    files = {f"{start}srv": None, f"{start}etc": None, f"{start}etc/hostname": b"web\n"}
    archive = _tar(tmp_path / "root.tar", files)
    assert look_into(archive, tmp_path / "disk").disk == ""
    assert not (tmp_path / "disk").exists()


def test_unpacking_extracts_a_disk(tmp_path: Path, ext4: bytes) -> None:
    archive = _tar(tmp_path / "cloud.tar", {"README": b"words", "image/root.img": ext4})
    assert look_into(archive, tmp_path / "disk").disk == "image/root.img"
    assert (tmp_path / "disk").read_bytes() == ext4


def test_unpacking_extracts_a_partitioned_disk(tmp_path: Path) -> None:
    disk = bytes(510) + b"\x55\xaa" + bytes(_MIB)
    archive = _tar(tmp_path / "cloud.tar", {"disk.raw": disk})
    assert look_into(archive, tmp_path / "disk").disk == "disk.raw"
    assert (tmp_path / "disk").read_bytes() == disk


def test_unpacking_extracts_a_sparse_disk(tmp_path: Path, ext4: bytes) -> None:
    (tmp_path / "disk.raw").write_bytes(ext4)
    with (tmp_path / "disk.raw").open("r+b") as file:
        file.truncate(64 * _MIB)
    archive = tmp_path / "sparse.tar"
    command: list[str | Path] = ["tar", "--sparse", "-cf", archive, "-C", tmp_path, "disk.raw"]
    subprocess.run(command, check=True)
    assert archive.stat().st_size < 8 * _MIB
    assert look_into(archive, tmp_path / "taken").disk == "disk.raw"
    assert (tmp_path / "taken").read_bytes() == (tmp_path / "disk.raw").read_bytes()


def test_unpacking_refuses_several_disks(tmp_path: Path, ext4: bytes) -> None:
    archive = _tar(tmp_path / "two.tar", {"a.img": ext4, "b.img": ext4})
    with pytest.raises(FormatError, match=r"^its archive holds 2 disks: a\.img, b\.img$"):
        look_into(archive, tmp_path / "disk")


@pytest.mark.parametrize(
    "files",
    [
        {"oci-layout": b"{}", "index.json": b"{}", "blobs": None},
        {"manifest.json": b"[]", "blobs/sha256/0": b"x"},
        {"manifest.json": b"[]", "0123abc/layer.tar": b"x", "repositories": b"{}"},
        {"0123abc/layer.tar": b"x", "0123abc/json": b"{}"},
    ],
    ids=["oci", "docker 25", "docker 20", "very old"],
)
def test_unpacking_refuses_container_layers(files: dict[str, bytes | None], tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        look_into(_tar(tmp_path / "save.tar", files), tmp_path / "disk")
    assert "an image of docker save" in str(caught.value)
    assert "docker export" in caught.value.hint


def test_unpacking_names_an_appliance(tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {"vm.ovf": b"<Envelope>", "vm-disk1.vmdk": b"KDMV" * 2000}
    with pytest.raises(FormatError) as caught:
        look_into(_tar(tmp_path / "vm.ova", files), tmp_path / "disk")
    assert "a virtual appliance (ova)" in str(caught.value)
    assert "qemu-img convert" in caught.value.hint


def test_unpacking_refuses_a_root_in_a_folder_with_the_command(tmp_path: Path) -> None:
    archive = _tar(tmp_path / "lxc.tar", {"metadata.yaml": b"a: b\n", "rootfs/etc": None})
    with pytest.raises(FormatError) as caught:
        look_into(archive, tmp_path / "disk")
    assert str(caught.value).endswith("at its top: metadata.yaml, rootfs")
    assert "tar -C rootfs -cf root.tar ." in caught.value.hint


@pytest.mark.parametrize("files", [{}, {"src/main.c": b"int main;" * 900}])
def test_unpacking_refuses_archives_without_disk_or_root(
    files: dict[str, bytes | None], tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="its archive holds neither a root filesystem nor a disk"):
        look_into(_tar(tmp_path / "some.tar", files), tmp_path / "disk")


@pytest.mark.parametrize("blocks", [1, 2, 3, 5])
def test_unpacking_refuses_an_archive_truncated_anywhere(blocks: int, tmp_path: Path) -> None:
    archive = _tar(tmp_path / "root.tar", {"etc": None, "etc/a": b"a" * 900, "usr": None})
    archive.write_bytes(archive.read_bytes()[: 512 * blocks])  # at 1, 4 and 5 members are whole
    with pytest.raises(FormatError) as caught:
        look_into(archive, tmp_path / "disk")
    assert "it is not a complete tar archive" in str(caught.value)
    assert caught.value.hint == _SHORT


def test_unpacking_refuses_garbage_between_members(tmp_path: Path) -> None:
    archive = _tar(tmp_path / "root.tar", {"etc": None, "etc/a": b"a" * 900, "usr": None})
    content = bytearray(archive.read_bytes())
    content[512 * 4 : 512 * 5] = b"\xa5" * 512
    archive.write_bytes(content)
    with pytest.raises(FormatError, match="it is a damaged tar archive: no member begins at byte"):
        look_into(archive, tmp_path / "disk")
