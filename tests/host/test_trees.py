"""Folders with all below them, whoever owns what is in there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host.namespaces import as_namespace_root
from bootwright.host.trees import remove_tree, used_bytes
from tests.machines.fakes import finish, together

_NOBODY = 65534


@pytest.fixture
def ordinary() -> Iterator[Path]:
    """Make the test an ordinary user's (where it is root's), who owns the folder returned."""
    folder = Path(tempfile.mkdtemp(prefix="trees-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, _NOBODY, _NOBODY)
        os.setegid(_NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
            os.setegid(0)
        subprocess.run(["chmod", "-R", "u+rwx", folder], check=True)
        shutil.rmtree(folder)


def test_used_bytes_counts_data_not_holes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "data").write_bytes(b"x" * 8192)
    (tmp_path / "sub" / "more").write_bytes(b"x" * 4096)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    for path in (tmp_path / "data", tmp_path / "sub" / "more"):
        with path.open() as file:
            os.fsync(file.fileno())  # some filesystems allocate only now
    assert 12288 <= used_bytes(tmp_path) < 1 << 20


def test_used_bytes_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (1 << 20))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "big")
    (tmp_path / "folder" / "broken").symlink_to("nowhere")
    assert used_bytes(tmp_path / "folder") < 1 << 16


def test_remove_tree_accepts_a_missing_folder(tmp_path: Path) -> None:
    remove_tree(tmp_path / "never made")
    assert list(tmp_path.iterdir()) == []


def test_remove_tree_does_not_follow_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "out").symlink_to(outside)
    remove_tree(tmp_path / "tree")
    assert outside.stat().st_mode & 0o777 == 0o500
    assert not (tmp_path / "tree").exists()


_REMOVE = """
import sys; from pathlib import Path
from bootwright.host.trees import remove_tree
begin()
remove_tree(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("times", range(3))
def test_remove_tree_by_two_callers_at_once(times: int, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(300):
        folder = tree / str(number % 7) / str(number)
        folder.mkdir(parents=True)
        (folder / "file").touch()
    finish(together(_REMOVE, tree))
    assert not tree.exists()


def test_remove_tree_continues_past_what_another_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "file").touch()
    real = shutil.rmtree
    calls = []

    def slow(folder: Path) -> None:
        calls.append(folder)
        if len(calls) == 1:
            raise FileNotFoundError(folder / "sub")
        real(folder)

    monkeypatch.setattr(shutil, "rmtree", slow)
    remove_tree(tmp_path / "tree")
    assert len(calls) == 2
    assert not (tmp_path / "tree").exists()


def test_remove_tree_removes_read_only_folders(ordinary: Path) -> None:
    tree = ordinary / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("x")
    (tree / "a" / "b").chmod(0o000)
    (tree / "a").chmod(0o500)
    remove_tree(tree)
    assert not tree.exists()


def test_remove_tree_uses_a_user_namespace_for_foreign_files(
    ordinary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ordinary / "tree"
    (tree / "sub").mkdir(parents=True)
    # A folder that may not be written to stands for one of another user; this unshare(1) stands
    # for the real one, which needs subordinate ids.
    tree.chmod(0o500)
    program = ordinary / "bin" / "unshare"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >{ordinary}/arguments\nchmod u+w {tree}\n'
        'while [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    remove_tree(tree)
    assert not tree.exists()
    assert (ordinary / "arguments").read_text() == (
        f"--map-root-user --map-auto -- rm -rf -- {tree}\n"
    )


def test_remove_tree_raises_for_what_it_cannot_remove(
    ordinary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ordinary / "tree"
    (tree / "sub").mkdir(parents=True)
    tree.chmod(0o500)
    monkeypatch.setattr("bootwright.host.namespaces.as_namespace_root", lambda: ["false"])
    with pytest.raises(HostError, match=rf"^cannot remove {tree}: ") as caught:
        remove_tree(tree)
    assert caught.value.hint == f"does it belong to another user? sudo rm -r {tree}"
    assert tree.exists()


def test_as_namespace_root_maps_an_ordinary_user(ordinary: Path) -> None:
    unshare, *options = as_namespace_root()
    assert Path(unshare).name == "unshare"
    assert options == ["--map-root-user", "--map-auto", "--"]


@pytest.mark.skipif(os.geteuid() != 0, reason="says what root gets")
def test_as_namespace_root_leaves_root_alone() -> None:
    assert as_namespace_root() == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts something, which needs root")
def test_remove_tree_does_not_cross_mounts(tmp_path: Path) -> None:
    mounted = tmp_path / "tree" / "proc"
    mounted.mkdir(parents=True)
    (tmp_path / "tree" / "file").touch()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], check=True)
    try:
        (mounted / "precious").touch()
        with pytest.raises(HostError) as caught:
            remove_tree(tmp_path / "tree")
        assert str(caught.value) == f"something is mounted at {mounted}"
        assert caught.value.hint == f"umount {mounted}"
        assert (mounted / "precious").exists()
        assert (tmp_path / "tree" / "file").exists()
    finally:
        subprocess.run(["umount", mounted], check=True)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
