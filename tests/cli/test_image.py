"""bootwright image: a damaged image is shown beside the others, and can be removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bootwright.digest import Digest, short_digest
from bootwright.home import Home
from bootwright.images.image import Image, image_store
from tests.pruning.samples import add_image

Cli = Callable[..., Any]


@pytest.fixture
def damaged(home: Home) -> Image:
    """Make a sound image called web, and return a damaged one called db."""
    add_image(home, "web")
    image = add_image(home, "db")
    (image.folder / "image.json").write_text("{")
    return image


def test_image_list_shows_images(bootwright: Cli, home: Home) -> None:
    image = add_image(home, "web")
    done = bootwright("image", "list")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[1].split()[:2] == ["web", short_digest(image.digest)]
    assert done.out.endswith("  a test\n")
    [row] = json.loads(bootwright("image", "list", "--json").out)
    assert "damaged" not in row


def test_image_list_shows_damaged_images_beside_others(bootwright: Cli, damaged: Image) -> None:
    done = bootwright("image", "list")
    db, web = done.out.splitlines()[1:]
    assert db.split()[:2] == ["db", short_digest(damaged.digest)]
    assert db.endswith("  damaged: bootwright image rm db")
    assert web.endswith("  a test")
    assert (done.status, done.err) == (1, "")


def test_image_list_json_marks_damaged_images(bootwright: Cli, damaged: Image) -> None:
    done = bootwright("image", "list", "--json")
    db, web = json.loads(done.out)
    told = db.pop("damaged")
    assert told.startswith(f"image 'db' in {damaged.folder} is damaged: ")
    assert db.keys() == web.keys()
    assert db["used_bytes"] > 0
    assert {field for field, value in db.items() if value is None} == {
        *(
            "source",
            "filesystem",
            "partition",
            "subvolume",
            "suite",
            "include",
            "size_bytes",
            "added_s",
        )
    }
    assert (db["name"], db["digest"]) == ("db", damaged.digest)
    assert db["path"] == str(damaged.disk)
    assert (done.status, done.err) == (1, "")


def test_image_list_shows_a_name_without_an_image_as_damaged(bootwright: Cli, home: Home) -> None:
    image_store(home).tag("db", Digest("sha256-" + "0" * 64))
    done = bootwright("image", "list")
    assert done.out.endswith("damaged: bootwright image rm db\n")
    assert done.status == 1
    done = bootwright("image", "rm", "db")
    assert (done.status, done.err) == (0, "image db: removed\n")
    assert image_store(home).names() == {}


@pytest.mark.parametrize("by", ["name", "digest"])
def test_image_rm_removes_a_damaged_image(
    by: str, bootwright: Cli, damaged: Image, home: Home
) -> None:
    reference = "db"
    if by == "digest":
        image_store(home).untag("db")
        reference = short_digest(damaged.digest)
    done = bootwright("image", "rm", reference)
    assert (done.status, done.err) == (0, f"image {reference}: removed\n")
    assert not damaged.folder.exists()
    assert bootwright("image", "list").status == 0


def test_image_list_ignores_foreign_files_among_the_names(bootwright: Cli, home: Home) -> None:
    add_image(home, "web")
    (home.images / "names" / "rubbish").write_text("")
    done = bootwright("image", "list")
    assert (done.status, len(done.out.splitlines())) == (0, 2)
