"""Source trees: what is one, and how one is named by its content."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.kbuild.source import known_source, source_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "linux"
    (folder / "scripts" / "kconfig").mkdir(parents=True)
    (folder / "Kconfig").write_text("config SMP\n\tbool\n")
    (folder / "link").symlink_to("Kconfig")
    return folder


def test_source_tree_digest_follows_the_content_and_its_key_the_path(tree: Path) -> None:
    before = source_tree(tree)
    (tree / "init.c").write_text("int x;\n")
    after = source_tree(tree)
    assert before.key == after.key
    assert before.digest != after.digest


def test_source_tree_ignores_git(tree: Path) -> None:
    before = source_tree(tree)
    (tree / ".git").mkdir()
    (tree / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    assert source_tree(tree).digest == before.digest


def test_source_tree_refuses_other_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a kernel source tree"):
        source_tree(tmp_path)


def test_source_tree_refuses_a_tree_built_in_place(tree: Path) -> None:
    (tree / ".config").write_text("CONFIG_SMP=y\n")
    with pytest.raises(
        InputError, match="contains an in-tree build, so the kernel refuses to build out of tree"
    ) as raised:
        source_tree(tree)
    assert "make mrproper" in raised.value.hint


def test_source_known_is_the_newest_package_even_without_its_tree(home: Home) -> None:
    assert known_source(home) is None
    folder = home.cache / "kernel-source"
    folder.mkdir(parents=True)
    for version in ("6.1.99-1", "6.1.192-2"):
        note = {"title": f"linux-source {version}", "digest": f"sha256-{version}"}
        (folder / f"debian-{version}.json").write_bytes(msgspec.json.encode(note))
    found = known_source(home)
    assert found is not None
    assert (found.key, found.digest) == ("debian-6.1.192-2", "sha256-6.1.192-2")
