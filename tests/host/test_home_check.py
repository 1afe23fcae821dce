"""Homes that cannot be used: what they are, and what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bootwright.errors import BootwrightError, HostError, InputError
from bootwright.home import Home
from bootwright.host import home_check
from bootwright.host.home_check import check_home, explain_refusal


def check(root: Path | str) -> None:
    check_home(Home.below(Path(root)), {"BOOTWRIGHT_HOME": str(root)})


def refusal(root: Path | str) -> BootwrightError:
    with pytest.raises(BootwrightError) as caught:
        check(root)
    assert caught.value.hint
    return caught.value


def test_check_home_accepts_a_home_and_what_can_become_one(tmp_path: Path) -> None:
    check(tmp_path / "not" / "there")
    check(tmp_path)
    (tmp_path / "lost+found").mkdir()
    check(tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "qemu-build").touch()
    check(tmp_path)
    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    check(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    check(tmp_path / "link")
    assert sorted(os.listdir(tmp_path)) == ["cache", "data", "link", "lost+found", "notes.txt"]


def test_check_home_refuses_a_folder_with_other_things(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    error = refusal(tmp_path)
    assert str(error) == f"BOOTWRIGHT_HOME is {tmp_path}, which holds other files ('thesis.tex')"
    assert (
        error.hint == f"use a folder of its own: export BOOTWRIGHT_HOME={tmp_path / 'bootwright'}"
    )
    (tmp_path / "data").mkdir()
    assert "('data' and 1 more)" in str(refusal(tmp_path))
    (tmp_path / "thesis.tex").unlink()
    (tmp_path / "data" / "measurements.csv").touch()
    assert "('data')" in str(refusal(tmp_path))


def test_check_home_refuses_files_and_dangling_links(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "a link"
    file.touch()
    link.symlink_to("nowhere")
    for path in (file, file / "below" / "it"):
        error = refusal(path)
        assert isinstance(error, InputError)
        assert str(error) == f"{file} is a file, but bootwright needs a folder there"
    assert "is a symbolic link to nowhere, which does not exist" in str(refusal(link / "home"))
    assert refusal(link).hint == f"create that folder: mkdir -p {tmp_path / 'nowhere'}"


def test_check_home_refuses_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refusal("here")
    assert "'here', a relative path" in str(error)
    assert error.hint.endswith(f"export BOOTWRIGHT_HOME={tmp_path / 'here'}")
    check_home(Home.below(Path("here")), {})  # a library's caller means it so


def test_check_home_refuses_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    monkeypatch.setattr(home_check.os, "geteuid", lambda: 4_000_000)  # type: ignore[attr-defined]
    error = refusal(tmp_path)
    assert isinstance(error, HostError)
    assert str(error).endswith("but bootwright runs as user 4000000")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EROFS, "its filesystem is read-only"),
        (errno.EACCES, "it is not writable for "),
        (errno.ENOSPC, "no space left in "),
        (errno.ENOTDIR, "a file is where bootwright needs a folder"),
    ],
)
def test_explain_refusal_names_the_path_and_a_way_out(
    number: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "images"
    error = explain_refusal(OSError(number, "no", str(path)), Home.below(tmp_path))
    assert error is not None
    assert said in str(error)
    assert str(path) in str(error)
    assert "export BOOTWRIGHT_HOME=" in error.hint


def test_explain_refusal_leaves_other_files_alone(tmp_path: Path) -> None:
    error = OSError(errno.EACCES, "no", "/etc/shadow")
    assert explain_refusal(error, Home.below(tmp_path)) is None
    assert explain_refusal(OSError(errno.EIO, "no"), Home.below(tmp_path)) is None
