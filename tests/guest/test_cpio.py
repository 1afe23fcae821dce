"""cpio archives, read back by busybox's own cpio."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.guest import cpio


def listed(archive: bytes) -> dict[str, str]:
    """Return what busybox finds in *archive*: ``{path: mode and owner}``, in its order."""
    done = subprocess.run(
        ["busybox", "cpio", "-tv"], input=archive, capture_output=True, check=True
    )
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return {" ".join(words[5:]): f"{words[0]} {words[1]}" for words in lines}


def unpacked(archive: bytes, folder: Path) -> None:
    subprocess.run(["busybox", "cpio", "-id"], input=archive, cwd=folder, check=True)


def header(archive: bytes) -> list[int]:
    """Return the thirteen fields of an archive's first entry."""
    assert archive[:6] == b"070701"
    return [int(archive[6 + 8 * index : 14 + 8 * index], 16) for index in range(13)]


def test_cpio_archive_keeps_kinds_modes_and_order() -> None:
    archive = cpio.archive(
        [
            cpio.file("init", b"#!/bin/sh\n", 0o755),
            cpio.file("secret", b"s", 0o600),
            cpio.link("sh", "busybox"),
            cpio.folder("proc", 0o555),
            cpio.character_device("console", 5, 1),
        ]
    )
    assert list(listed(archive).items()) == [
        ("init", "-rwxr-xr-x 0/0"),
        ("secret", "-rw------- 0/0"),
        ("sh -> busybox", "lrwxrwxrwx 0/0"),
        ("proc", "dr-xr-xr-x 0/0"),
        ("console", "crw------- 0/0"),
    ]


def test_cpio_archive_adds_missing_folders_once_and_first() -> None:
    archive = cpio.archive([cpio.file("a/b/c", b""), cpio.file("a/b/d", b""), cpio.folder("a")])
    assert list(listed(archive)) == ["a", "a/b", "a/b/c", "a/b/d"]


def test_cpio_archive_keeps_the_mode_of_a_given_folder() -> None:
    archive = cpio.archive([cpio.folder("root", 0o700), cpio.file("root/x", b"")])
    assert listed(archive)["root"] == "drwx------ 0/0"


def test_cpio_archive_keeps_the_first_of_equal_paths(tmp_path: Path) -> None:
    archive = cpio.archive([cpio.file("x", b"first"), cpio.file("x", b"second")])
    unpacked(archive, tmp_path)
    assert (tmp_path / "x").read_bytes() == b"first"
    # A kernel would take the second one, so it must not be there at all.
    assert b"second" not in archive


def test_cpio_archive_carries_device_numbers() -> None:
    fields = header(cpio.archive([cpio.character_device("ttyS1", 4, 65)]))
    assert fields[9:11] == [4, 65]


def test_cpio_archive_is_reproducible() -> None:
    entries = [cpio.file("x", b"content")]
    fields = header(cpio.archive(entries))
    assert fields[2:4] == [0, 0]  # uid, gid
    assert fields[5] == 0  # mtime
    assert cpio.archive(entries) == cpio.archive(list(entries))


def test_cpio_archive_empty_is_only_its_trailer() -> None:
    archive = cpio.archive([])
    assert listed(archive) == {}
    assert b"TRAILER!!!" in archive


_FOLDERS = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3).map("/".join)
_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).map("f".__add__)
"""Begin with another letter than folders do, so that no path is both a file and a folder."""


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.tuples(_FOLDERS, _NAMES), st.binary(max_size=300), max_size=6))
def test_cpio_archive_unpacks_to_what_was_packed(contents: dict[tuple[str, str], bytes]) -> None:
    files = {
        f"{folder}/{name}" if folder else name: content
        for (folder, name), content in contents.items()
    }
    archive = cpio.archive([cpio.file(path, content) for path, content in files.items()])
    assert len(archive) % 4 == 0
    with tempfile.TemporaryDirectory() as folder:
        unpacked(archive, Path(folder))
        found = {
            os.path.relpath(os.path.join(parent, name), folder): Path(parent, name).read_bytes()
            for parent, _, names in os.walk(folder)
            for name in names
        }
    assert found == files
