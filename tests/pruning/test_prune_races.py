"""What comes into use, vanishes or is interrupted between the survey and the removal."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from bootwright.digest import Digest
from bootwright.guest import initramfs
from bootwright.home import Home
from bootwright.images.image import image_store, load_image
from bootwright.machines.folder import all_machines
from bootwright.pruning.prunable import PrunableKind
from bootwright.pruning.prune import find_prunable, remove_prunable
from bootwright.store import Store
from tests.pruning.samples import (
    add_image,
    add_kernel,
    add_machine,
    alive,
    all_files,
    only,
)


def test_free_keeps_a_machine_started_since_the_survey(home: Home) -> None:
    folder = add_machine(home, "web")
    item = only(find_prunable(home, everything=True), "machine")
    with alive(folder):
        assert remove_prunable(home, item) == 0
    assert (folder.path / "disk.qcow2").exists()
    # It has run meanwhile, as its monitor's files tell.
    folder.control.touch()
    folder.control.unlink()
    assert remove_prunable(home, item) == 0
    assert (folder.path / "disk.qcow2").exists()
    assert remove_prunable(home, only(find_prunable(home, everything=True), "machine")) > 0


def unnamed_image(home: Home) -> None:
    add_image(home, "web", "old")
    add_image(home, "web", "new")


def unnamed_kernel(home: Home) -> None:
    add_kernel(home, "debian", "old")
    add_kernel(home, "debian", "new")


def old_guest_file(home: Home) -> None:
    initramfs.store_guest_files(home, {"/init": (b"old", 0o755)})


def a_cache(home: Home) -> None:
    (home.cache / "initramfs").mkdir(parents=True)
    (home.cache / "initramfs" / "one.cpio").write_text("x")


def a_console(home: Home) -> None:
    home.logs.mkdir(parents=True)
    (home.logs / "web-20260101T000000-7.console").write_text("x")


def a_machine(home: Home) -> None:
    add_machine(home, "web", kept=False)


MAKERS: list[Callable[[Home], None]] = [
    *(unnamed_image, unnamed_kernel, old_guest_file, a_cache, a_console, a_machine)
]


@pytest.mark.parametrize("make", MAKERS)
def test_free_accepts_things_gone_since_the_survey(
    make: Callable[[Home], None], home: Home
) -> None:
    make(home)
    [item] = find_prunable(home, everything=False).items
    assert remove_prunable(home, item) == item.used_bytes > 0
    before = all_files(home)
    assert remove_prunable(home, item) == 0
    assert all_files(home) == before


@pytest.mark.parametrize("make", MAKERS)
def test_free_keeps_things_changed_since_the_survey(
    make: Callable[[Home], None], home: Home
) -> None:
    make(home)
    [item] = find_prunable(home, everything=False).items
    os.utime(item.path, ns=(0, item.changed_ns + 1))
    before = all_files(home)
    assert remove_prunable(home, item) == 0
    assert all_files(home) == before


@pytest.mark.parametrize("make", [unnamed_image, unnamed_kernel, old_guest_file])
def test_free_keeps_things_that_a_machine_uses_since_the_survey(
    make: Callable[[Home], None], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(home)
    [item] = find_prunable(home, everything=False).items
    digest = Digest(item.path.name)
    match item.kind:
        case "image":
            add_machine(home, "web", image=digest)
        case "kernel":
            add_machine(home, "web", kernel=digest)
        case _:
            add_machine(
                home,
                "web",
                guest_files=initramfs.store_guest_files(home, {"/init": (b"old", 0o755)}),
            )
    # Not even hidden for a moment: the machine may be looking for it.
    monkeypatch.setattr(Store, "remove", interrupt)
    assert remove_prunable(home, item) == 0
    assert item.path.exists()


@pytest.mark.parametrize("everything", [False, True])
def test_free_keeps_an_image_renamed_since_the_survey(everything: bool, home: Home) -> None:
    image = add_image(home, "web")
    if not everything:
        image_store(home).untag("web")
    item = only(find_prunable(home, everything=everything), "image")
    image_store(home).tag("other", image.digest)
    assert remove_prunable(home, item) == 0
    assert load_image(home, "other") == image
    assert ("web" in image_store(home).names()) == everything


@pytest.mark.parametrize("use", ["machine", "name"])
def test_free_restores_an_image_used_during_its_removal(
    use: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add_image(home, "web")
    image_store(home).tag("copy", image.digest)
    item = only(find_prunable(home, everything=True), "image")
    remove = Store.remove

    def remove_late(store: Store, *arguments: object, **options: object) -> bool:
        if use == "machine":
            add_machine(home, "late", image=image.digest)
        else:
            store.tag("copy", image.digest)
        return remove(store, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "remove", remove_late)
    assert remove_prunable(home, item) == 0
    assert image_store(home).names() == {"copy": image.digest, "web": image.digest}
    assert load_image(home, "web") == load_image(home, "copy")
    assert image.disk.exists()


def test_free_interrupted_before_the_removal_leaves_all(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add_image(home, "web")
    item = only(find_prunable(home, everything=True), "image")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "remove", interrupt)
        with pytest.raises(KeyboardInterrupt):
            remove_prunable(home, item)
    assert load_image(home, "web") == image


def interrupt(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("image", "bootwright.store.remove_tree"),
        ("machine", "bootwright.machines.folder.remove_tree"),
        ("cache", "bootwright.pruning.files.remove_tree"),
    ],
)
def test_free_interrupted_leaves_nothing_half_removed(
    kind: PrunableKind, where: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add_image(home, "web")
    add_machine(home, "web")
    a_cache(home)
    item = only(find_prunable(home, everything=True), kind)
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            remove_prunable(home, item)
    assert not item.path.exists()
    match kind:
        case "image":
            assert image_store(home).names() == {}
            assert image_store(home).digests() == []
        case "machine":
            assert all_machines(home) == []
            assert load_image(home, "web") == image
        case _:
            assert not (home.cache / "initramfs").exists()
    # What is left of it is found, and goes the next time.
    rest = only(find_prunable(home, everything=False), kind)
    assert remove_prunable(home, rest) == rest.used_bytes > 0
    assert [i for i in find_prunable(home, everything=True).items if i.kind == kind] == []


def test_free_removes_only_what_is_listed(home: Home) -> None:
    unnamed_image(home)
    add_image(home, "db")
    a_cache(home)
    before = all_files(home)
    item = only(find_prunable(home, everything=False), "image")
    remove_prunable(home, item)
    gone = {path for path in before if not os.path.lexists(path)}
    assert gone == {path for path in before if path.is_relative_to(item.path)}
