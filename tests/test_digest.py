"""Names made from content."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.digest import (
    BLOCK_BYTES,
    digest_of_bytes,
    digest_of_disk,
    digest_of_file,
    digest_of_tree,
    is_digest,
    short_digest,
)
from tests.observed import Observed

_ABC = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
_PAGE_BYTES = 4096


def test_of_bytes_is_sha256_with_a_dash() -> None:
    assert digest_of_bytes(b"abc") == _ABC


def test_of_file_equals_of_bytes_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(b"abc")
    assert digest_of_file(tmp_path / "any") == _ABC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_ABC, True),
        (_ABC[:-1], False),
        (_ABC + "0", False),
        (_ABC.upper(), False),
        (_ABC.replace("-", ":"), False),
        (_ABC.removeprefix("sha256-"), False),
        ("sha256-" + "g" * 64, False),
        ("", False),
    ],
)
def test_is_digest_accepts_only_whole_digests(text: str, expected: bool) -> None:
    assert is_digest(text) is expected


def test_short_gives_twelve_digits() -> None:
    assert short_digest(_ABC) == "ba7816bf8f01"


def _tree(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("one")
    (folder / "sub" / "b").write_text("two")
    (folder / "link").symlink_to("a")
    return folder


def test_of_tree_is_equal_for_equal_trees(tmp_path: Path) -> None:
    first, second = _tree(tmp_path / "1"), _tree(tmp_path / "2")
    os.utime(second / "a", (1, 1))
    (second / "empty").mkdir()
    assert digest_of_tree(first) == digest_of_tree(second)


@pytest.mark.parametrize("difference", ["content", "name", "target", "file for link", "swap"])
def test_of_tree_differs_for_different_trees(tmp_path: Path, difference: str) -> None:
    first, second = _tree(tmp_path / "1"), _tree(tmp_path / "2")
    if difference == "content":
        (second / "sub" / "b").write_text("TWO")
    elif difference == "name":
        (second / "a").rename(second / "c")
    elif difference == "target":
        (second / "link").unlink()
        (second / "link").symlink_to("sub/b")
    elif difference == "file for link":
        (second / "link").unlink()
        (second / "link").write_text("one")
    else:
        (second / "a").write_text("two")
        (second / "sub" / "b").write_text("one")
    assert digest_of_tree(first) != digest_of_tree(second)


def test_of_tree_stays_inside_the_tree(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = _tree(tmp_path / "tree")
    (tree / "out").symlink_to(outside)
    before = digest_of_tree(tree)
    (outside / "new").write_text("not ours")
    assert digest_of_tree(tree) == before


def _write_disk(path: Path, content: bytes, holes: list[bool]) -> None:
    """Write *content*, leaving out those of its zero pages that are to be holes."""
    with path.open("wb") as file:
        for index, is_hole in enumerate(holes):
            page = content[index * _PAGE_BYTES : (index + 1) * _PAGE_BYTES]
            if is_hole and not any(page):
                continue
            file.seek(index * _PAGE_BYTES)
            file.write(page)
        file.truncate(len(content))


_PAGES = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 7, 255]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=70,
)


@settings(deadline=None, max_examples=60)
@given(pages=_PAGES, cut=st.integers(0, _PAGE_BYTES - 1))
def test_of_disk_ignores_where_holes_are(pages: list[tuple[int, bool, bool]], cut: int) -> None:
    content = b"".join(bytes([fill]) * _PAGE_BYTES for fill, _, _ in pages)
    content = content[: len(content) - cut]
    with tempfile.TemporaryDirectory() as name:
        first, second = Path(name, "first"), Path(name, "second")
        _write_disk(first, content, [hole for _, hole, _ in pages])
        _write_disk(second, content, [hole for _, _, hole in pages])
        assert digest_of_disk(first) == digest_of_disk(second)


@settings(deadline=None, max_examples=60)
@given(pages=_PAGES, place=st.integers(0), value=st.integers(1, 255))
def test_of_disk_differs_by_one_byte_of_length(
    pages: list[tuple[int, bool, bool]], place: int, value: int
) -> None:
    content = b"".join(bytes([fill]) * _PAGE_BYTES for fill, _, _ in pages)
    changed = bytearray(content)
    changed[place % len(content)] ^= value
    with tempfile.TemporaryDirectory() as name:
        disk, other, longer = (Path(name, word) for word in ("disk", "other", "longer"))
        _write_disk(disk, content, [hole for _, hole, _ in pages])
        _write_disk(other, bytes(changed), [hole for _, _, hole in pages])
        longer.write_bytes(content + bytes(1))
        assert len({digest_of_disk(disk), digest_of_disk(other), digest_of_disk(longer)}) == 3


def test_of_disk_differs_by_the_place_of_data(tmp_path: Path) -> None:
    for index in (0, 1):
        with (tmp_path / str(index)).open("wb") as file:
            file.seek(index * BLOCK_BYTES)
            file.write(b"x" * BLOCK_BYTES)
            file.truncate(4 * BLOCK_BYTES)
    assert digest_of_disk(tmp_path / "0") != digest_of_disk(tmp_path / "1")


def test_of_disk_skips_a_terabyte_of_holes(tmp_path: Path) -> None:
    # Reading it through would take minutes.
    for name, size_bytes in (("one", 1 << 40), ("same", 1 << 40), ("two", 2 << 40)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size_bytes)
    one, same, two = (digest_of_disk(tmp_path / name) for name in ("one", "same", "two"))
    assert one == same != two


def test_of_disk_reports_progress(tmp_path: Path) -> None:
    observed = Observed()
    with (tmp_path / "disk").open("wb") as file:
        for index in (0, 40, 99):
            file.seek(index * BLOCK_BYTES)
            file.write(b"data")
    digest_of_disk(tmp_path / "disk", observed)
    shares = observed.shares
    assert len(shares) >= 3
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
