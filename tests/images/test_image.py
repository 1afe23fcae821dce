"""Stored images: named by what a guest could read, described beside it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bootwright.digest import short_digest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.home import Home
from bootwright.images.image import Image, image_store, load_image, store_image
from tests.observed import Observed


def _add(
    home: Home,
    name: str,
    content: bytes,
    *,
    source: str = "a test",
    partition: int = 0,
    replace: bool = False,
) -> Image:
    with image_store(home).staged() as staged:
        folder = staged / "image"
        folder.mkdir()
        (folder / "disk.raw").write_bytes(content)
        return store_image(
            home,
            folder,
            name=name,
            source=source,
            filesystem="xfs",
            partition=partition,
            replace=replace,
        )


def test_image_load_returns_what_shelve_stored(home: Home) -> None:
    before = int(time.time())
    stored = _add(home, "web", b"x" * 1024, partition=3)
    assert load_image(home, "web") == load_image(home, stored.digest) == stored
    assert stored.disk == home.images / stored.digest / "disk.raw"
    assert stored.disk.read_bytes() == b"x" * 1024
    assert (stored.size_bytes, stored.filesystem, stored.partition) == (1024, "xfs", 3)
    assert (stored.source, before <= stored.added_s <= time.time()) == ("a test", True)


@pytest.mark.parametrize(
    ("source", "suite"),
    [
        ("Debian trixie", "trixie"),
        ("Debian trixie minimal + htop", "trixie"),
        ("/home/me/Debian trixie.qcow2", ""),
    ],
)
def test_image_load_knows_the_suite_of_older_builds(home: Home, source: str, suite: str) -> None:
    _add(home, "web", b"x" * 512, source=source)
    assert load_image(home, "web").suite == suite


def test_shelve_makes_the_disk_read_only(home: Home) -> None:
    assert _add(home, "web", b"x" * 512).disk.stat().st_mode & 0o777 == 0o444


def test_shelve_stores_equal_content_once(home: Home) -> None:
    one, two = _add(home, "one", b"x" * 512), _add(home, "two", b"x" * 512, source="elsewhere")
    assert one.digest == two.digest
    assert image_store(home).digests() == [one.digest]


def test_shelve_moves_a_name_only_when_told_to(home: Home) -> None:
    old = _add(home, "web", b"old")
    with pytest.raises(InputError) as caught:
        _add(home, "web", b"new")
    assert str(caught.value) == f"an image is already called 'web' ({short_digest(old.digest)})"
    assert caught.value.hint == "use another name, or add --replace to reuse this one"
    assert (load_image(home, "web"), image_store(home).digests()) == (old, [old.digest])
    assert _add(home, "web", b"old") == old
    new = _add(home, "web", b"new", replace=True)
    assert load_image(home, "web") == new
    assert image_store(home).unnamed() == [old.digest]


def test_shelve_reports_progress(home: Home) -> None:
    observed = Observed()
    with image_store(home).staged() as staged:
        (staged / "image").mkdir()
        (staged / "image" / "disk.raw").write_bytes(b"x" * 512)
        store_image(
            home,
            staged / "image",
            name="web",
            source="",
            filesystem="ext4",
            observe=observed,
        )
    assert observed.shares == [0.0, 1.0, 1.0]


def test_image_load_names_an_unknown_image(home: Home) -> None:
    _add(home, "web", b"x")
    with pytest.raises(NotFoundError, match=r"^no image is called 'wen'$") as caught:
        load_image(home, "wen")
    assert caught.value.hint == "did you mean 'web'?"


def test_shelve_refuses_an_invalid_name(home: Home) -> None:
    with pytest.raises(InputError, match=r"^'a b' cannot name an image$"):
        _add(home, "a b", b"x")


@pytest.mark.parametrize(
    "content", [None, "", "{}", '{"source":"","added_s":0,"size_bytes":1,"filesystem":"ntfs"}']
)
def test_image_load_reports_a_damaged_description(home: Home, content: str | None) -> None:
    image = _add(home, "web", b"x")
    description: Path = image.folder / "image.json"
    if content is None:
        description.unlink()
    else:
        description.write_text(content)
    with pytest.raises(FormatError) as caught:
        load_image(home, "web")
    assert str(caught.value).startswith(f"image 'web' in {image.folder} is damaged: ")
    assert caught.value.hint == "bootwright image rm web, then make it again"


@pytest.mark.parametrize("size_bytes", [None, 1])
def test_image_load_reports_a_truncated_disk(home: Home, size_bytes: int | None) -> None:
    image = _add(home, "web", b"xyz")
    image.disk.chmod(0o600)
    if size_bytes is None:
        image.disk.unlink()
    else:
        image.disk.write_bytes(b"x" * size_bytes)
    with pytest.raises(FormatError) as caught:
        load_image(home, "web")
    has = f"{image.disk} has {size_bytes or 0} bytes, not {image.size_bytes}"
    assert str(caught.value) == f"image 'web' is damaged: {has}"
    assert caught.value.hint == "bootwright image rm web, then make it again"
