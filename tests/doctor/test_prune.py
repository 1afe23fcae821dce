"""What nobody uses is found and removed; what anybody uses, or came to use, stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

import pytest

from bootwright.digest import Digest, of_bytes, short
from bootwright.doctor.prune import Kind, Prunable, Survey, free, survey
from bootwright.errors import HostError
from bootwright.guest import seed
from bootwright.home import Home, locate
from bootwright.host import processes
from bootwright.images import image as images
from bootwright.inits import systemd
from bootwright.journal import Row
from bootwright.kernels import kernel as kernels
from bootwright.machine import folder as folders
from bootwright.machine.folder import MachineFolder
from bootwright.store import Store
from tests.doctor.samples import DAY_S, add_image, add_kernel, add_machine, alive

UNUSED = "no name stands for it and no machine uses it"


def told(found: Survey) -> list[tuple[Kind, str, str]]:
    return [(item.kind, item.name, item.why) for item in found.items]


def only(found: Survey, kind: Kind) -> Prunable:
    """Return the one thing of its kind."""
    [item] = [item for item in found.items if item.kind == kind]
    return item


def all_files(home: Home) -> dict[Path, int]:
    """Return what there is, with when it changed."""
    base = home.data.parent
    return {path: path.lstat().st_mtime_ns for path in base.rglob("*")}


def test_nothing_is_found_where_there_is_nothing(home: Home) -> None:
    for everything in (False, True):
        assert survey(home, everything=everything) == Survey(items=(), notes=())
    assert not home.data.parent.exists()


def test_what_no_name_and_no_machine_stands_for(home: Home) -> None:
    old = add_image(home, "web", "old")
    add_image(home, "web", "new")
    old_kernel = add_kernel(home, "debian", "old")
    add_kernel(home, "debian", "new")
    before = all_files(home)
    found = survey(home, everything=False)
    assert told(found) == [
        ("image", short(old.digest), UNUSED),
        ("kernel", short(old_kernel.digest), UNUSED),
    ]
    assert [item.path for item in found.items] == [old.folder, old_kernel.folder]
    assert found.items[0].used_bytes >= old.size_bytes
    assert found.notes == ()
    assert all_files(home) == before
    for item in found.items:
        assert free(home, item) == item.used_bytes
        assert not item.path.exists()
    assert images.load(home, "web").folder.is_dir()
    assert kernels.load(home, "debian").folder.is_dir()
    assert survey(home, everything=False) == Survey(items=())


@pytest.mark.parametrize("is_alive", [False, True])
def test_what_a_machine_uses_is_not_listed(is_alive: bool, home: Home) -> None:
    old, old_kernel = add_image(home, "web", "old"), add_kernel(home, "debian", "old")
    add_image(home, "web", "new")
    add_kernel(home, "debian", "new")
    folder = add_machine(home, "web", image=old.digest, kernel=old_kernel.digest)
    with ExitStack() as stack:
        if is_alive:
            stack.enter_context(alive(folder))
        assert survey(home, everything=False) == Survey(items=())


def test_everything_is_all_that_no_running_machine_uses(home: Home) -> None:
    web, db, spare = (add_image(home, name) for name in ("web", "db", "spare"))
    debian, mine = add_kernel(home, "debian"), add_kernel(home, "mine")
    images.shelf(home).tag("copy", spare.digest)
    running = add_machine(home, "running", image=web.digest, kernel=debian.digest)
    add_machine(home, "stopped", image=db.digest, kernel=debian.digest)
    add_machine(home, "older", image=db.digest, kernel=mine.digest, days=1)
    with alive(running):
        found = survey(home, everything=True)
        assert told(found) == [
            ("machine", "older", "stopped 1 day ago; its disk is lost with it"),
            ("machine", "stopped", "stopped 3 days ago; its disk is lost with it"),
            ("image", "copy, spare", "no machine uses it"),
            ("image", "db", "only older, stopped used it"),
            ("kernel", "mine", "only older used it"),
        ]
        assert [free(home, item) for item in found.items] == [i.used_bytes for i in found.items]
        assert survey(home, everything=True) == Survey(items=())
    assert images.shelf(home).names() == {"web": web.digest}
    assert kernels.shelf(home).names() == {"debian": debian.digest}
    assert [folder.name for folder in folders.every(home)] == ["running"]
    assert folders.unfinished(home) == []
    assert [path.name for path in (home.images / "staging").iterdir()] == []


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "less than a day ago"), (1, "1 day ago"), (1.9, "1 day ago"), (40, "40 days ago")],
)
def test_when_a_machine_was_stopped(days: float, said: str, home: Home) -> None:
    folder = add_machine(home, "web", days=days)
    why = f"stopped {said}; its disk is lost with it"
    assert only(survey(home, everything=True), "machine").why == why
    # One from before ends were written down tells by its folder.
    (folder.path / "end.json").unlink()
    os.utime(folder.path, (0, time.time() - days * DAY_S - 60))
    assert only(survey(home, everything=True), "machine").why == why


def test_a_damaged_machine_holds_on_to_all_it_may_need(home: Home) -> None:
    old = add_image(home, "web", "old")
    add_image(home, "web", "new")
    add_kernel(home, "debian", "old")
    add_kernel(home, "debian", "new")
    seed.remember(home, {"/init": (b"old", 0o755)})
    folder = add_machine(home, "broken", image=old.digest)
    unused = survey(home, everything=False)
    assert [item.kind for item in unused.items] == ["kernel", "guest file"]
    (folder.path / "machine.json").write_text("{")
    note = (
        "machine broken is damaged, and nothing tells what it needs: all images, kernels and "
        "guest files are kept (bootwright rm --force broken removes it)"
    )
    assert survey(home, everything=False) == Survey(items=(), notes=(note,))
    with alive(folder):
        assert survey(home, everything=True) == Survey(items=(), notes=(note,))
    for item in unused.items:
        assert free(home, item) == 0
        assert item.path.exists()
    found = survey(home, everything=True)
    assert told(found)[:2] == [
        ("machine", "broken", "damaged; its disk is lost with it"),
        ("image", short(old.digest), "no name stands for it and no machine is known to use it"),
    ]
    assert found.notes == ()
    assert all(free(home, item) == item.used_bytes for item in found.items)
    assert (images.shelf(home).digests(), kernels.shelf(home).digests()) == ([], [])
    assert list(home.files.iterdir()) == []
    assert folders.every(home) == []


def test_a_machine_behind_a_link_stays_and_keeps_its_image(home: Home, tmp_path: Path) -> None:
    image = add_image(home, "web")
    folder = add_machine(home, "web", image=image.digest)
    folder.path.rename(tmp_path / "elsewhere")
    folder.path.symlink_to(tmp_path / "elsewhere")
    assert survey(home, everything=True) == Survey(items=())
    (tmp_path / "elsewhere" / "machine.json").unlink()
    found = survey(home, everything=True)
    assert (found.items, len(found.notes)) == ((), 1)


def test_a_machine_whose_monitor_was_killed_and_what_it_left_running(home: Home) -> None:
    image = add_image(home, "web", "old")
    add_image(home, "web", "new")
    folder = add_machine(home, "gone", image=image.digest, kept=False)
    token = processes.new_token()
    with subprocess.Popen(["sleep", "60"], env=processes.marked(token)) as process:
        folder.journal.write(Row(event="take", kind="process", name="vmm", token=token))
        found = survey(home, everything=False)
        assert told(found) == [
            ("machine", "gone", "its monitor was killed, and it was not to be kept"),
            ("image", short(image.digest), "no name stands for it and only gone used it"),
        ]
        # The image before the machine: it is still used.
        assert free(home, found.items[1]) == 0
        assert process.poll() is None
        assert [free(home, item) > 0 for item in found.items] == [True, True]
    assert process.returncode == -signal.SIGKILL
    assert folders.every(home) == []


@pytest.mark.parametrize("name", [".new-01234567", ".gone-01234567"])
def test_a_machine_that_is_half_made_or_half_removed(name: str, home: Home) -> None:
    folder = add_machine(home, "web")
    folder.path.rename(home.machines / name)
    half = MachineFolder(home.machines / name)
    item = only(survey(home, everything=False), "machine")
    assert (item.name, item.path) == (name, half.path)
    assert item.why == "half made or half removed: whoever did that was killed"
    assert free(home, item) == item.used_bytes
    assert [path.name for path in home.machines.iterdir()] in ([], [".beginning"])


_STAGE = """
import sys
from pathlib import Path
from bootwright.store import Store
with Store(Path(sys.argv[1]), "image").staged() as folder:
    (folder / "root.tar").write_text("x" * 10000)
    print(folder.name, flush=True)
    sys.stdin.readline()
"""


def test_what_a_killed_build_left_and_what_a_living_one_makes(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STAGE, home.images],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as builder:
        assert builder.stdout is not None
        name = builder.stdout.readline().strip()
        assert survey(home, everything=True) == Survey(items=())
        builder.kill()
    item = only(survey(home, everything=False), "image")
    assert (item.name, item.path) == (f"staging/{name}", home.images / "staging" / name)
    assert item.why == "half made or half removed: whoever did that was killed"
    assert free(home, item) == item.used_bytes >= 10000
    assert list((home.images / "staging").iterdir()) == []


def test_guest_files_that_neither_a_machine_nor_this_bootwright_names(home: Home) -> None:
    seed.remember(home, seed.program_files() | systemd.guest_files())
    used = seed.remember(home, {"/init": (b"of a machine", 0o755)})
    seed.remember(home, {"/init": (b"old", 0o755)})
    add_machine(home, "web", guest_files=used)
    item = only(survey(home, everything=False), "guest file")
    assert (item.name, item.path.read_bytes()) == (short(of_bytes(b"old")), b"old")
    assert item.why == "no machine uses it; a recipe file that names it would miss it"
    assert free(home, item) == item.used_bytes > 0
    assert not item.path.exists()
    assert [(i.kind, i.why) for i in survey(home, everything=True).items] == [
        ("machine", "stopped 3 days ago; its disk is lost with it"),
        ("guest file", "only web used it; a recipe file that names it would miss it"),
    ]


def test_without_busybox_its_file_is_like_any_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed.remember(home, seed.program_files() | systemd.guest_files())

    def no_busybox() -> None:
        raise HostError("there is no busybox here that runs without libraries")

    monkeypatch.setattr(seed, "_busybox", no_busybox)
    contents = [item.path.read_bytes() for item in survey(home, everything=False).items]
    assert len(contents) == 2
    assert (files("bootwright.guest") / "seed.sh").read_bytes() in contents


def test_a_guest_file_with_a_temporary_name_may_have_a_writer(home: Home) -> None:
    home.files.mkdir(parents=True)
    writing, left, other = (home.files / name for name in (".sha256-1-7", ".sha256-2-7", "notes"))
    for path in (writing, left, other):
        path.write_text("half")
    for path in (left, other):
        os.utime(path, (0, time.time() - 2 * 3600))
    item = only(survey(home, everything=True), "guest file")
    assert (item.name, item.path) == (".sha256-2-7", left)
    assert item.why == "half made or half removed: whoever did that was killed"
    free(home, item)
    assert sorted(home.files.iterdir()) == [writing, other]


def test_every_cache_is_one_thing_and_a_link_is_no_more_than_a_link(
    home: Home, tmp_path: Path
) -> None:
    (home.cache / "initramfs").mkdir(parents=True)
    (home.cache / "initramfs" / "one.cpio").write_text("x" * 5000)
    (home.cache / "kvm-trial.json").write_text("{}")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("x" * 50000)
    (home.cache / "link").symlink_to(tmp_path / "elsewhere")
    found = survey(home, everything=False)
    assert told(found) == [
        ("cache", name, "made again when it is needed")
        for name in ("initramfs", "kvm-trial.json", "link")
    ]
    assert 5000 <= found.items[0].used_bytes < 50000
    assert found.items[2].used_bytes < 5000
    for item in found.items:
        assert free(home, item) == item.used_bytes
    assert list(home.cache.iterdir()) == []
    assert (tmp_path / "elsewhere" / "precious").exists()


@pytest.mark.parametrize("variable", ["XDG_DATA_HOME", "XDG_STATE_HOME"])
def test_a_cache_folder_that_is_more_than_a_cache_is_left_alone(
    variable: str, tmp_path: Path
) -> None:
    home = locate({"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), variable: str(tmp_path)})
    add_image(home, "web")
    add_machine(home, "web")
    (home.cache / "initramfs").mkdir()
    found = survey(home, everything=False)
    assert found.items == ()
    assert found.notes == (
        f"{tmp_path}/bootwright holds more than caches, so nothing in it is removed",
    )


def test_the_consoles_of_machines_that_failed(home: Home, tmp_path: Path) -> None:
    home.logs.mkdir(parents=True)
    console = home.logs / "web-20260101T000000-7.console"
    console.write_text("Kernel panic")
    os.utime(console, (0, time.time() - 2 * DAY_S - 60))
    (home.logs / "monitors.log").write_text("a line")
    (home.logs / "folder.console").mkdir()
    (tmp_path / "precious").write_text("x")
    (home.logs / "link.console").symlink_to(tmp_path / "precious")
    found = survey(home, everything=False)
    assert told(found) == [
        ("log", "link.console", "the console of a machine that failed less than a day ago"),
        ("log", console.name, "the console of a machine that failed 2 days ago"),
    ]
    for item in found.items:
        free(home, item)
    assert sorted(path.name for path in home.logs.iterdir()) == ["folder.console", "monitors.log"]
    assert (tmp_path / "precious").exists()


def test_an_image_behind_a_link_goes_as_a_link(home: Home, tmp_path: Path) -> None:
    image = add_image(home, "web")
    images.shelf(home).untag("web")
    image.folder.rename(tmp_path / "elsewhere")
    image.folder.symlink_to(tmp_path / "elsewhere")
    free(home, only(survey(home, everything=False), "image"))
    assert not image.folder.is_symlink()
    assert (tmp_path / "elsewhere" / "disk.raw").exists()


def test_which_image_was_built_how_is_forgotten_with_the_image(home: Home) -> None:
    web, old = add_image(home, "web"), add_image(home, "old")
    built = home.images / "built"
    built.mkdir()
    (built / "one").symlink_to(web.digest)
    (built / "two").symlink_to(old.digest)
    (built / "no link").write_text("")
    images.shelf(home).untag("old")
    free(home, only(survey(home, everything=False), "image"))
    assert sorted(path.name for path in built.iterdir()) == ["no link", "one"]


# What happens between the survey and the removal


def test_a_machine_that_was_started_meanwhile_stays(home: Home) -> None:
    folder = add_machine(home, "web")
    item = only(survey(home, everything=True), "machine")
    with alive(folder):
        assert free(home, item) == 0
    assert folder.disk.exists()
    # It has run meanwhile, as its monitor's files tell.
    folder.control.touch()
    folder.control.unlink()
    assert free(home, item) == 0
    assert folder.disk.exists()
    assert free(home, only(survey(home, everything=True), "machine")) > 0


def unnamed_image(home: Home) -> None:
    add_image(home, "web", "old")
    add_image(home, "web", "new")


def unnamed_kernel(home: Home) -> None:
    add_kernel(home, "debian", "old")
    add_kernel(home, "debian", "new")


def old_guest_file(home: Home) -> None:
    seed.remember(home, {"/init": (b"old", 0o755)})


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
def test_what_vanished_meanwhile_is_no_error(make: Callable[[Home], None], home: Home) -> None:
    make(home)
    [item] = survey(home, everything=False).items
    assert free(home, item) == item.used_bytes > 0
    before = all_files(home)
    assert free(home, item) == 0
    assert all_files(home) == before


@pytest.mark.parametrize("make", MAKERS)
def test_what_changed_meanwhile_is_in_use(make: Callable[[Home], None], home: Home) -> None:
    make(home)
    [item] = survey(home, everything=False).items
    os.utime(item.path, ns=(0, item.changed_ns + 1))
    before = all_files(home)
    assert free(home, item) == 0
    assert all_files(home) == before


@pytest.mark.parametrize("make", [unnamed_image, unnamed_kernel, old_guest_file])
def test_what_a_machine_came_to_use_meanwhile_stays(
    make: Callable[[Home], None], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(home)
    [item] = survey(home, everything=False).items
    digest = Digest(item.path.name)
    match item.kind:
        case "image":
            add_machine(home, "web", image=digest)
        case "kernel":
            add_machine(home, "web", kernel=digest)
        case _:
            add_machine(home, "web", guest_files=seed.remember(home, {"/init": (b"old", 0o755)}))
    # Not even hidden for a moment: the machine may be looking for it.
    monkeypatch.setattr(Store, "remove", interrupt)
    assert free(home, item) == 0
    assert item.path.exists()


@pytest.mark.parametrize("everything", [False, True])
def test_an_image_that_got_another_name_meanwhile_stays(everything: bool, home: Home) -> None:
    image = add_image(home, "web")
    if not everything:
        images.shelf(home).untag("web")
    item = only(survey(home, everything=everything), "image")
    images.shelf(home).tag("other", image.digest)
    assert free(home, item) == 0
    assert images.load(home, "other") == image
    assert ("web" in images.shelf(home).names()) == everything


@pytest.mark.parametrize("use", ["machine", "name"])
def test_an_image_that_came_into_use_while_it_was_removed_is_put_back_with_its_names(
    use: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add_image(home, "web")
    images.shelf(home).tag("copy", image.digest)
    item = only(survey(home, everything=True), "image")
    remove = Store.remove

    def remove_late(store: Store, *arguments: object, **options: object) -> bool:
        if use == "machine":
            add_machine(home, "late", image=image.digest)
        else:
            store.tag("copy", image.digest)
        return remove(store, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "remove", remove_late)
    assert free(home, item) == 0
    assert images.shelf(home).names() == {"copy": image.digest, "web": image.digest}
    assert images.load(home, "web") == images.load(home, "copy")
    assert image.disk.exists()


def test_an_interruption_before_the_removal_leaves_all(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add_image(home, "web")
    item = only(survey(home, everything=True), "image")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "remove", interrupt)
        with pytest.raises(KeyboardInterrupt):
            free(home, item)
    assert images.load(home, "web") == image


def interrupt(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("image", "bootwright.store.remove_tree"),
        ("machine", "bootwright.machine.folder.remove_tree"),
        ("cache", "bootwright.doctor.prune.remove_tree"),
    ],
)
def test_an_interruption_in_the_middle_leaves_nothing_half_removed(
    kind: Kind, where: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = add_image(home, "web")
    add_machine(home, "web")
    a_cache(home)
    item = only(survey(home, everything=True), kind)
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            free(home, item)
    assert not item.path.exists()
    match kind:
        case "image":
            assert images.shelf(home).names() == {}
            assert images.shelf(home).digests() == []
        case "machine":
            assert folders.every(home) == []
            assert images.load(home, "web") == image
        case _:
            assert not (home.cache / "initramfs").exists()
    # What is left of it is found, and goes the next time.
    rest = only(survey(home, everything=False), kind)
    assert free(home, rest) == rest.used_bytes > 0
    assert [i for i in survey(home, everything=True).items if i.kind == kind] == []


def test_only_what_is_listed_is_removed(home: Home) -> None:
    unnamed_image(home)
    add_image(home, "db")
    a_cache(home)
    before = all_files(home)
    item = only(survey(home, everything=False), "image")
    free(home, item)
    gone = {path for path in before if not os.path.lexists(path)}
    assert gone == {path for path in before if path.is_relative_to(item.path)}
