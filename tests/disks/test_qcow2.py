"""qcow2 overlays, judged by the real qemu-img and written to by the real qemu-io."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bootwright.disks import qcow2
from bootwright.errors import InputError

MIB = 1 << 20


def image(folder: Path, size_bytes: int = MIB, name: str = "image.raw") -> Path:
    """Make a raw image that has something at its beginning and its end."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.write(b"first")
        file.seek(size_bytes - 4)
        file.write(b"last")
    return path


def info(path: Path) -> dict[str, Any]:
    argv = ["qemu-img", "info", "--output=json", str(path)]
    done = subprocess.run(argv, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(path: Path) -> dict[str, Any]:
    """Return qemu-img's verdict; a leak or an error makes this fail."""
    argv = ["qemu-img", "check", "--output=json", str(path)]
    done = subprocess.run(argv, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def same(one: Path, one_format: str, two: Path) -> bool:
    argv = ["qemu-img", "compare", "-f", one_format, "-F", "raw", str(one), str(two)]
    return subprocess.run(argv, stdout=subprocess.DEVNULL).returncode == 0


def test_qcow2_create_is_understood_by_qemu_img(tmp_path: Path) -> None:
    base, disk = image(tmp_path), tmp_path / "disk.qcow2"
    qcow2.create(disk, base, MIB)
    seen = info(disk)
    assert seen["format"] == "qcow2"
    assert seen["virtual-size"] == MIB
    assert seen["backing-filename"] == str(base)
    assert seen["backing-filename-format"] == "raw"
    assert seen["cluster-size"] == 65536
    assert not seen["dirty-flag"]
    assert seen["format-specific"]["data"]["compat"] == "1.1"


def test_qcow2_create_reads_as_its_image(tmp_path: Path) -> None:
    base, disk = image(tmp_path), tmp_path / "disk.qcow2"
    qcow2.create(disk, base, MIB)
    assert same(disk, "qcow2", base)
    assert not same(disk, "qcow2", image(tmp_path, 2 * MIB, "other.raw"))


def test_qcow2_create_reads_zeros_beyond_its_image(tmp_path: Path) -> None:
    base, disk = image(tmp_path), tmp_path / "disk.qcow2"
    qcow2.create(disk, base, 40 * MIB)
    longer = tmp_path / "longer.raw"
    longer.write_bytes(base.read_bytes())
    with longer.open("ab") as file:
        file.truncate(40 * MIB)
    assert same(disk, "qcow2", longer)


def test_qcow2_create_keeps_writes_in_the_overlay(tmp_path: Path) -> None:
    base, disk = image(tmp_path), tmp_path / "disk.qcow2"
    before = base.read_bytes()
    size = 3 << 30  # more than one L2 table
    qcow2.create(disk, base, size)
    writes = ["write -P 1 0 64k", "write -P 2 1g 128k", f"write -P 3 {size - 65536} 64k"]
    reads = ["read -P 1 0 64k", "read -P 2 1g 128k", f"read -P 3 {size - 65536} 64k"]
    for lines in (writes, reads):
        argv = ["qemu-io", *(word for line in lines for word in ("-c", line)), str(disk)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        assert "verification failed" not in done.stdout
    assert check(disk)["check-errors"] == 0
    assert base.read_bytes() == before


def test_qcow2_create_makes_a_small_file_for_any_size(tmp_path: Path) -> None:
    base, disk = image(tmp_path), tmp_path / "disk.qcow2"
    qcow2.create(disk, base, 1 << 40)
    assert disk.stat().st_size == 4 * 65536
    assert disk.stat().st_blocks * 512 <= 4 * 65536


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=2048, max_value=1 << 36))
@example(2048)
@example((1 << 29) // 512)  # what one L2 table can place
@example((1 << 29) // 512 + 1)
@example((1 << 42) // 512)  # what one cluster of L1 table can place
@example((1 << 42) // 512 + 1)
@example((1 << 51) // 512)  # the largest that QEMU takes
def test_qcow2_create_makes_a_valid_disk_of_any_size(sectors: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base, disk = image(Path(folder)), Path(folder, "disk.qcow2")
        qcow2.create(disk, base, sectors * 512)
        assert check(disk)["check-errors"] == 0
        assert info(disk)["virtual-size"] == sectors * 512


@pytest.mark.parametrize("name", ["with space/x", "comma,colon:per%cent/x", "ümläut/日本"])
def test_qcow2_create_accepts_any_path_of_the_image(name: str, tmp_path: Path) -> None:
    base, disk = image(tmp_path, MIB, name), tmp_path / "disk.qcow2"
    qcow2.create(disk, base, MIB)
    assert info(disk)["full-backing-filename"] == str(base)
    assert same(disk, "qcow2", base)


def test_qcow2_create_refuses_a_path_that_is_too_long(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 1023 - 200:
        folder /= "d" * 100
    longest = folder / ("f" * (1023 - len(str(folder)) - 1))
    folder.mkdir(parents=True)
    image(folder, MIB, longest.name)
    assert len(str(longest)) == 1023
    qcow2.create(tmp_path / "disk", longest, MIB)
    assert info(tmp_path / "disk")["backing-filename"] == str(longest)

    too_long = longest.with_name(longest.name + "f")
    with pytest.raises(InputError) as bad:
        qcow2.create(tmp_path / "other", too_long, MIB)
    assert str(bad.value) == f"the path {too_long} is too long for a qcow2 header"
    assert not (tmp_path / "other").exists()


def test_qcow2_create_refuses_a_disk_smaller_than_its_image(tmp_path: Path) -> None:
    base, disk = image(tmp_path), tmp_path / "disk.qcow2"
    with pytest.raises(InputError) as bad:
        qcow2.create(disk, base, MIB - 512)
    assert str(bad.value) == (
        f"a disk of 1048064 bytes is smaller than its image {base} of 1048576 bytes"
    )
    assert not disk.exists()


def test_qcow2_create_does_not_overwrite_a_disk(tmp_path: Path) -> None:
    base, disk = image(tmp_path), tmp_path / "disk.qcow2"
    disk.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        qcow2.create(disk, base, MIB)
    assert disk.read_bytes() == b"precious"
