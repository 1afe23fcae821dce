"""Guest files, caches and consoles that nobody uses are found and removed."""

from __future__ import annotations

import os
import time
from importlib.resources import files
from pathlib import Path

import pytest

from bootwright.digest import digest_of_bytes, short_digest
from bootwright.errors import HostError
from bootwright.guest import initramfs
from bootwright.home import Home, locate_home
from bootwright.host import locks
from bootwright.inits import systemd
from bootwright.kbuild import build
from bootwright.kbuild.source import sources_folder
from bootwright.pruning.prune import find_prunable, remove_prunable
from tests.pruning.samples import (
    DAY_S,
    add_image,
    add_machine,
    listed,
    only,
)


def test_survey_finds_guest_files_that_nothing_names(home: Home) -> None:
    initramfs.store_guest_files(home, initramfs.program_files() | systemd.guest_files())
    used = initramfs.store_guest_files(home, {"/init": (b"of a machine", 0o755)})
    initramfs.store_guest_files(home, {"/init": (b"old", 0o755)})
    add_machine(home, "web", guest_files=used)
    item = only(find_prunable(home, everything=False), "guest file")
    assert (item.name, item.path.read_bytes()) == (short_digest(digest_of_bytes(b"old")), b"old")
    assert item.why == "not used by any machine; recipe files that name it will not work"
    assert remove_prunable(home, item) == item.used_bytes > 0
    assert not item.path.exists()
    assert [(i.kind, i.why) for i in find_prunable(home, everything=True).items] == [
        ("machine", "stopped 3 days ago; its disk is lost too"),
        ("guest file", "only web used it; recipe files that name it will not work"),
    ]


def test_survey_without_busybox_treats_its_guest_file_as_any_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    initramfs.store_guest_files(home, initramfs.program_files() | systemd.guest_files())

    def no_busybox() -> None:
        raise HostError("no statically linked busybox on this host")

    monkeypatch.setattr(initramfs, "_busybox", no_busybox)
    contents = [item.path.read_bytes() for item in find_prunable(home, everything=False).items]
    assert len(contents) == 2
    assert (files("bootwright.guest") / "init.sh").read_bytes() in contents


def test_survey_lists_temporary_guest_files_only_when_old(home: Home) -> None:
    home.files.mkdir(parents=True)
    writing, left, other = (home.files / name for name in (".sha256-1-7", ".sha256-2-7", "notes"))
    for path in (writing, left, other):
        path.write_text("half")
    for path in (left, other):
        os.utime(path, (0, time.time() - 2 * 3600))
    item = only(find_prunable(home, everything=True), "guest file")
    assert (item.name, item.path) == (".sha256-2-7", left)
    assert item.why == "incomplete: left behind by a killed process"
    remove_prunable(home, item)
    assert sorted(home.files.iterdir()) == [writing, other]


def test_survey_lists_each_cache_once_and_free_follows_no_links(home: Home, tmp_path: Path) -> None:
    (home.cache / "initramfs").mkdir(parents=True)
    (home.cache / "initramfs" / "one.cpio").write_text("x" * 5000)
    (home.cache / "kvm-trial.json").write_text("{}")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("x" * 50000)
    (home.cache / "link").symlink_to(tmp_path / "elsewhere")
    found = find_prunable(home, everything=False)
    assert listed(found) == [
        ("cache", name, "recreated when needed") for name in ("initramfs", "kvm-trial.json", "link")
    ]
    assert 5000 <= found.items[0].used_bytes < 50000
    assert found.items[2].used_bytes < 5000
    for item in found.items:
        assert remove_prunable(home, item) == item.used_bytes
    assert list(home.cache.iterdir()) == []
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_free_keeps_the_folder_of_a_running_kernel_build(home: Home) -> None:
    tree = sources_folder(home) / "debian-6.1"
    folder = build.builds(home) / "debian-6.1" / "micro"
    for path in (tree, folder):
        path.mkdir(parents=True)
    before = find_prunable(home, everything=True).items
    assert [item.path for item in before] == [build.builds(home), sources_folder(home)]
    lock = locks.take(folder / ".bootwright-lock")
    try:
        assert build.under_way(home)
        assert find_prunable(home, everything=True).items == ()
        assert [remove_prunable(home, item) for item in before] == [0, 0]
        assert tree.is_dir()
        assert folder.is_dir()
    finally:
        os.close(lock)
    for item in find_prunable(home, everything=True).items:
        remove_prunable(home, item)
    assert not build.under_way(home)
    assert list(home.cache.iterdir()) == []


@pytest.mark.parametrize("variable", ["XDG_DATA_HOME", "XDG_STATE_HOME"])
def test_survey_leaves_a_cache_folder_that_holds_other_things(
    variable: str, tmp_path: Path
) -> None:
    home = locate_home(
        {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), variable: str(tmp_path)}
    )
    add_image(home, "web")
    add_machine(home, "web")
    (home.cache / "initramfs").mkdir()
    found = find_prunable(home, everything=False)
    assert found.items == ()
    assert found.notes == (
        f"{tmp_path}/bootwright does not hold only caches: nothing in it is removed",
    )


def test_survey_lists_consoles_of_failed_machines(home: Home, tmp_path: Path) -> None:
    home.logs.mkdir(parents=True)
    console = home.logs / "web-20260101T000000-7.console"
    console.write_text("Kernel panic")
    os.utime(console, (0, time.time() - 2 * DAY_S - 60))
    (home.logs / "monitors.log").write_text("a line")
    (home.logs / "folder.console").mkdir()
    (tmp_path / "precious").write_text("x")
    (home.logs / "link.console").symlink_to(tmp_path / "precious")
    found = find_prunable(home, everything=False)
    assert listed(found) == [
        ("log", "link.console", "console of a machine that failed less than a day ago"),
        ("log", console.name, "console of a machine that failed 2 days ago"),
    ]
    for item in found.items:
        remove_prunable(home, item)
    assert sorted(path.name for path in home.logs.iterdir()) == ["folder.console", "monitors.log"]
    assert (tmp_path / "precious").exists()
