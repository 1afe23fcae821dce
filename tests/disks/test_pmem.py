"""An image as persistent memory: which images can be, and what is mapped."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.digest import digest_of_bytes
from bootwright.disks import pmem
from bootwright.disks.disk import DiskLocation
from bootwright.errors import HostError, InputError
from bootwright.events import ignore
from bootwright.images.image import Image

MIB = 1 << 20


@pytest.fixture
def ext4(tmp_path: Path) -> Callable[[int], Image]:
    """Return what makes an image of 4 MiB with blocks of a size."""

    def make(block_bytes: int) -> Image:
        disk = str(tmp_path / "disk.raw")
        subprocess.run(["mke2fs", "-qFb", str(block_bytes), disk, "4096k"], check=True)
        return Image(
            digest=digest_of_bytes(b"image"),
            folder=tmp_path,
            source="a test",
            added_s=1,
            size_bytes=4 * MIB,
            filesystem="ext4",
            partition=0,
        )

    return make


def refusal(image: Image, disk_bytes: int) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        pmem.check(image, disk_bytes)
    return str(caught.value), caught.value.hint


def accepted(image: Image, disk_bytes: int) -> bool:
    try:
        pmem.check(image, disk_bytes)
    except InputError:
        return False
    return True


def test_pmem_check_accepts_ext4_with_page_sized_blocks(ext4: Callable[[int], Image]) -> None:
    assert accepted(ext4(4096), 4 * MIB)


def test_pmem_check_reads_the_block_size_of_xfs(ext4: Callable[[int], Image]) -> None:
    image = replace(ext4(4096), filesystem="xfs")
    for size in (4096, 1024):
        (image.folder / "disk.raw").write_bytes(b"XFSB" + struct.pack(">I", size))
        assert accepted(image, 4 * MIB) == (size == 4096)
    assert "the image's xfs has blocks of 1024 bytes" in refusal(image, 4 * MIB)[0]


def test_pmem_check_refuses_small_blocks(ext4: Callable[[int], Image]) -> None:
    assert refusal(ext4(1024), 4 * MIB) == (
        "disk is 'pmem', but the image's ext4 has blocks of 1024 bytes; DAX needs 4096",
        "make the filesystem with mke2fs -b 4096, or import a tar archive",
    )


def test_pmem_check_refuses_other_images(ext4: Callable[[int], Image]) -> None:
    image = ext4(4096)
    assert refusal(replace(image, filesystem="btrfs"), 4 * MIB) == (
        "disk is 'pmem', but the image has btrfs, which does not support DAX",
        "import the image from a tar archive, which makes ext4",
    )
    assert refusal(replace(image, size_bytes=3 * MIB), 3 * MIB) == (
        "disk is 'pmem', but the image is 3145728 bytes, not a multiple of 2 MiB",
        "extend it with truncate --size=%2M FILE, and import it again",
    )
    assert refusal(image, 8 * MIB) == (
        "disk_bytes is 8388608, but disk 'pmem' is the image itself, 4194304 bytes",
        "omit --disk-size",
    )


def place(image: Path) -> DiskLocation:
    size = image.stat().st_size
    return DiskLocation(
        folder=image.parent, image=image, image_bytes=size, size_bytes=size, cache=image.parent
    )


def test_pmem_make_maps_the_image_itself(tmp_path: Path) -> None:
    image = tmp_path / "image.raw"
    image.write_bytes(b"content")
    pmem.make(place(image), ignore)
    assert (tmp_path / "disk.raw").readlink() == image


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image of another user's; for root there is none, so the answer is made up."""
    image = tmp_path / "image.raw"
    with image.open("wb") as file:
        file.truncate(8 * MIB)
        file.write(b"content")
    image.chmod(0o444)
    monkeypatch.setattr("os.access", lambda path, mode: (path, mode) != (image, os.W_OK))
    return image


def test_pmem_make_copies_an_image_that_is_not_writable(unwritable: Path) -> None:
    target = unwritable.with_name("disk.raw")
    pmem.make(place(unwritable), ignore)
    assert not target.is_symlink()
    assert target.read_bytes() == unwritable.read_bytes()
    assert target.stat().st_blocks * 512 < MIB
    assert target.stat().st_mode & 0o777 == 0o600


def test_pmem_make_refuses_a_copy_without_space(
    unwritable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.host.space.free_bytes", lambda folder: 0)
    with pytest.raises(HostError, match=r"^a copy of the image needs 0 MiB, but /"):
        pmem.make(place(unwritable), ignore)


def test_pmem_guest_memory_bytes_counts_the_page_structures() -> None:
    assert pmem.guest_memory_bytes(4 << 30) == 64 * MIB
