"""A trim in a new image, as debugfs and e2fsck see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.host import tools
from bootwright.images import imported
from bootwright.images.image import Image, load_image
from bootwright.images.reading import Wanted, read
from bootwright.trims import image, store, trimming
from bootwright.trims.trim import DropIn, DroppedGenerator, Mask, Trim


@pytest.fixture
def web(home: Home, tmp_path: Path) -> Image:
    (tmp_path / "tree/etc/systemd/system").mkdir(parents=True)
    [mke2fs] = tools.require("mke2fs")
    disk = tmp_path / "root.ext4"
    subprocess.run(
        [mke2fs, "-q", "-t", "ext4", "-d", tmp_path / "tree", disk, "4M"],
        check=True,
        capture_output=True,
    )
    return imported.add(home, "web", disk)


def _trim(image: Image) -> Trim:
    return Trim(
        name="t",
        image=image.digest,
        keep=(),
        masks=(Mask(unit=r"a\x2db@c.service", reason="x"), Mask(unit="d.timer", reason="x")),
        generators=(DroppedGenerator(path="/usr/lib/systemd/system-generators/g", reason="x"),),
        drop_ins=(DropIn(path="ssh.service.d/10-a.conf", content="[Unit]\n", reason="x"),),
    )


def test_bake_writes_a_trim_into_a_copy_of_the_image(home: Home, web: Image) -> None:
    before = web.disk.read_bytes()
    new = image.apply_trim(home, web, _trim(web), name="small")
    assert web.disk.read_bytes() == before
    assert load_image(home, "small") == new
    assert new.digest != web.digest
    assert new.source.startswith("trim t of ")
    files = read(new, Wanted(contents=("/etc",)))
    for path in (
        r"/etc/systemd/system.control/a\x2db@c.service",
        "/etc/systemd/system.control/d.timer",
        "/etc/systemd/system-generators/g",
    ):
        assert files.target(path) == "/dev/null"
    assert files.read("/etc/systemd/system.control/ssh.service.d/10-a.conf") == b"[Unit]\n"
    e2fsck = tools.find("e2fsck") or Path("e2fsck")
    checked = subprocess.run([e2fsck, "-fn", new.disk], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert list((home.images / "staging").iterdir()) == []


def test_apply_takes_a_name_in_use_only_with_replace(home: Home, web: Image) -> None:
    made = _trim(web)
    store.save(home, made)
    with pytest.raises(InputError, match="an image is already called 'web'"):
        trimming.apply(home, "web", "t", name="web")
    assert load_image(home, "web") == web
    assert trimming.apply(home, "web", "t", name="web", replace=True).digest != web.digest
    assert load_image(home, "web").digest != web.digest


def test_bake_does_not_replace_existing_files(home: Home, web: Image) -> None:
    new = image.apply_trim(home, web, _trim(web), name="small")
    with pytest.raises(InputError, match=r"the image already has /etc/systemd/system\.control/a"):
        image.apply_trim(home, new, _trim(web), name="smaller")
