"""Room on the disk, asked for before it is needed, and named when it runs out."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host import space

_TIB = 1 << 40


def test_free_bytes_of_a_missing_folder_is_its_parents() -> None:
    assert space.free_bytes(Path("/proc/not/made/yet")) == shutil.disk_usage("/proc").free == 0


def test_free_bytes_is_that_of_the_disk(tmp_path: Path) -> None:
    free = space.free_bytes(tmp_path / "a" / "b")
    # Others write to the disk between the two looks.
    assert abs(free - shutil.disk_usage(tmp_path).free) < 1 << 30
    assert free > 0


def fits(folder: Path, needed_bytes: int) -> bool:
    try:
        space.require(folder, needed_bytes, "a test")
    except HostError:
        return False
    return True


def test_space_require_accepts_enough(tmp_path: Path) -> None:
    assert fits(tmp_path, 1)


def test_space_require_accepts_exactly_enough() -> None:
    assert fits(Path("/proc"), 0)
    assert not fits(Path("/proc"), 1)


def test_space_require_refuses_too_little() -> None:
    folder = Path("/proc/images")
    with pytest.raises(HostError) as caught:
        space.require(folder, 3 * space.MIB, "building an image")
    assert str(caught.value) == "building an image needs 3 MiB, but /proc/images has 0 MiB free"
    assert caught.value.hint == (
        "free some space (bootwright prune), or put BOOTWRIGHT_HOME on another disk"
    )


def test_space_require_says_what_is_free(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"needs 1073741824 MiB, but \S+ has [1-9]\d* MiB free$"):
        space.require(tmp_path, 1024 * _TIB, "a petabyte")


def test_full_disk_named_names_the_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(HostError) as caught,
        space.disk_full_explained(tmp_path, "an image was built"),
    ):
        Path("/dev/full").write_text("x")
    assert str(caught.value) == f"the disk of {tmp_path} ran full while an image was built"
    assert caught.value.hint == (
        "free some space (bootwright prune), or put BOOTWRIGHT_HOME elsewhere"
    )
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


def test_full_disk_named_includes_quotas(tmp_path: Path) -> None:
    with (
        pytest.raises(HostError, match="ran full while copying"),
        space.disk_full_explained(tmp_path, "copying"),
    ):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")


def test_full_disk_named_leaves_other_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), space.disk_full_explained(tmp_path, "copying"):
        (tmp_path / "missing").read_bytes()


def test_full_disk_named_without_an_error(tmp_path: Path) -> None:
    with space.disk_full_explained(tmp_path, "copying"):
        (tmp_path / "file").write_bytes(b"x")
    assert (tmp_path / "file").exists()


def test_space_require_names_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(HostError) as caught:
        space.require(tmp_path / "new", 1, "building an image")
    assert str(caught.value) == (
        f"building an image needs to write in {tmp_path}, which is not writable for this user"
    )
    assert caught.value.hint == "use another folder: export BOOTWRIGHT_HOME=/another/folder"
