"""What nobody uses is found and removed; what anybody uses, or came to use, stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from bootwright.digest import short_digest
from bootwright.guest import initramfs
from bootwright.home import Home
from bootwright.host import processes
from bootwright.images.image import image_store, load_image
from bootwright.journal import JournalEntry
from bootwright.kernels.kernel import kernel_store, load_kernel
from bootwright.machines.folder import MachineFolder, all_machines, unfinished_folders
from bootwright.pruning.prune import PruneList, find_prunable, remove_prunable
from bootwright.reports import text
from tests.history.samples import boot, filled
from tests.pruning.samples import (
    DAY_S,
    add_image,
    add_kernel,
    add_machine,
    alive,
    all_files,
    listed,
    only,
)

UNUSED = "no name and not used by any machine"


def test_survey_of_an_empty_home_finds_nothing(home: Home) -> None:
    for everything in (False, True):
        assert find_prunable(home, everything=everything) == PruneList(items=(), notes=())
    assert not home.data.parent.exists()


def test_survey_lists_what_has_no_name_and_no_machine(home: Home) -> None:
    old = add_image(home, "web", "old")
    add_image(home, "web", "new")
    old_kernel = add_kernel(home, "debian", "old")
    add_kernel(home, "debian", "new")
    before = all_files(home)
    found = find_prunable(home, everything=False)
    assert listed(found) == [
        ("image", short_digest(old.digest), UNUSED),
        ("kernel", short_digest(old_kernel.digest), UNUSED),
    ]
    assert [item.path for item in found.items] == [old.folder, old_kernel.folder]
    assert found.items[0].used_bytes >= old.size_bytes
    assert found.notes == ()
    assert all_files(home) == before
    for item in found.items:
        assert remove_prunable(home, item) == item.used_bytes
        assert not item.path.exists()
    assert load_image(home, "web").folder.is_dir()
    assert load_kernel(home, "debian").folder.is_dir()
    assert find_prunable(home, everything=False) == PruneList(items=())


@pytest.mark.parametrize("is_alive", [False, True])
def test_survey_omits_what_a_machine_uses(is_alive: bool, home: Home) -> None:
    old, old_kernel = add_image(home, "web", "old"), add_kernel(home, "debian", "old")
    add_image(home, "web", "new")
    add_kernel(home, "debian", "new")
    folder = add_machine(home, "web", image=old.digest, kernel=old_kernel.digest)
    with ExitStack() as stack:
        if is_alive:
            stack.enter_context(alive(folder))
        assert find_prunable(home, everything=False) == PruneList(items=())


def test_survey_everything_lists_all_that_no_running_machine_uses(home: Home) -> None:
    web, db, spare = (add_image(home, name) for name in ("web", "db", "spare"))
    debian, mine = add_kernel(home, "debian"), add_kernel(home, "mine")
    image_store(home).tag("copy", spare.digest)
    running = add_machine(home, "running", image=web.digest, kernel=debian.digest)
    add_machine(home, "stopped", image=db.digest, kernel=debian.digest)
    add_machine(home, "older", image=db.digest, kernel=mine.digest, days=1)
    with alive(running):
        found = find_prunable(home, everything=True)
        assert listed(found) == [
            ("machine", "older", "stopped 1 day ago; its disk is lost too"),
            ("machine", "stopped", "stopped 3 days ago; its disk is lost too"),
            ("image", "copy, spare", "not used by any machine"),
            ("image", "db", "only older, stopped used it"),
            ("kernel", "mine", "only older used it"),
        ]
        assert [remove_prunable(home, item) for item in found.items] == [
            i.used_bytes for i in found.items
        ]
        assert find_prunable(home, everything=True) == PruneList(items=())
    assert image_store(home).names() == {"web": web.digest}
    assert kernel_store(home).names() == {"debian": debian.digest}
    assert [folder.name for folder in all_machines(home)] == ["running"]
    assert unfinished_folders(home) == []
    assert [path.name for path in (home.images / "staging").iterdir()] == []


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "less than a day ago"), (1, "1 day ago"), (1.9, "1 day ago"), (40, "40 days ago")],
)
def test_survey_dates_a_machine_by_its_stop(days: float, said: str, home: Home) -> None:
    folder = add_machine(home, "web", days=days)
    why = f"stopped {said}; its disk is lost too"
    assert only(find_prunable(home, everything=True), "machine").why == why
    # One from before ends were written down tells by its folder.
    (folder.path / "end.json").unlink()
    os.utime(folder.path, (0, time.time() - days * DAY_S - 60))
    assert only(find_prunable(home, everything=True), "machine").why == why


def test_survey_keeps_all_that_a_damaged_machine_may_need(home: Home) -> None:
    old = add_image(home, "web", "old")
    add_image(home, "web", "new")
    add_kernel(home, "debian", "old")
    add_kernel(home, "debian", "new")
    initramfs.store_guest_files(home, {"/init": (b"old", 0o755)})
    folder = add_machine(home, "broken", image=old.digest)
    unused = find_prunable(home, everything=False)
    assert [item.kind for item in unused.items] == ["kernel", "guest file"]
    (folder.path / "machine.json").write_text("{")
    note = (
        "machine broken is damaged, and may need any image, kernel or guest file: "
        "all are kept (to remove it: bootwright rm --force broken)"
    )
    assert find_prunable(home, everything=False) == PruneList(items=(), notes=(note,))
    with alive(folder):
        assert find_prunable(home, everything=True) == PruneList(items=(), notes=(note,))
    for item in unused.items:
        assert remove_prunable(home, item) == 0
        assert item.path.exists()
    found = find_prunable(home, everything=True)
    assert listed(found)[:2] == [
        ("machine", "broken", "damaged; its disk is lost too"),
        (
            "image",
            short_digest(old.digest),
            "no name and not known to be used by a machine",
        ),
    ]
    assert found.notes == ()
    assert all(remove_prunable(home, item) == item.used_bytes for item in found.items)
    assert (image_store(home).digests(), kernel_store(home).digests()) == ([], [])
    assert list(home.files.iterdir()) == []
    assert all_machines(home) == []


def test_survey_keeps_a_linked_machine_and_its_image(home: Home, tmp_path: Path) -> None:
    image = add_image(home, "web")
    folder = add_machine(home, "web", image=image.digest)
    folder.path.rename(tmp_path / "elsewhere")
    folder.path.symlink_to(tmp_path / "elsewhere")
    assert find_prunable(home, everything=True) == PruneList(items=())
    (tmp_path / "elsewhere" / "machine.json").unlink()
    found = find_prunable(home, everything=True)
    assert (found.items, len(found.notes)) == ((), 1)


def test_free_ends_processes_of_a_machine_with_a_killed_monitor(home: Home) -> None:
    image = add_image(home, "web", "old")
    add_image(home, "web", "new")
    folder = add_machine(home, "gone", image=image.digest, kept=False)
    token = processes.new_token()
    with subprocess.Popen(["sleep", "60"], env=processes.environment_with_token(token)) as process:
        folder.journal.write(JournalEntry(event="take", kind="process", name="vmm", token=token))
        found = find_prunable(home, everything=False)
        assert listed(found) == [
            ("machine", "gone", "its monitor was killed, and it was not kept"),
            ("image", short_digest(image.digest), "no name and only gone used it"),
        ]
        # The image before the machine: it is still used.
        assert remove_prunable(home, found.items[1]) == 0
        assert process.poll() is None
        assert [remove_prunable(home, item) > 0 for item in found.items] == [True, True]
    assert process.returncode == -signal.SIGKILL
    assert all_machines(home) == []


@pytest.mark.parametrize("name", [".new-01234567", ".gone-01234567"])
def test_survey_lists_half_made_and_half_removed_machines(name: str, home: Home) -> None:
    folder = add_machine(home, "web")
    folder.path.rename(home.machines / name)
    half = MachineFolder(home.machines / name)
    item = only(find_prunable(home, everything=False), "machine")
    assert (item.name, item.path) == (name, half.path)
    assert item.why == "incomplete: left behind by a killed process"
    assert remove_prunable(home, item) == item.used_bytes
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


def test_survey_lists_staging_of_killed_builds_only(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STAGE, home.images],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as builder:
        assert builder.stdout is not None
        name = builder.stdout.readline().strip()
        assert find_prunable(home, everything=True) == PruneList(items=())
        builder.kill()
    item = only(find_prunable(home, everything=False), "image")
    assert (item.name, item.path) == (f"staging/{name}", home.images / "staging" / name)
    assert item.why == "incomplete: left behind by a killed process"
    assert remove_prunable(home, item) == item.used_bytes >= 10000
    assert list((home.images / "staging").iterdir()) == []


def test_free_removes_a_linked_image_as_a_link(home: Home, tmp_path: Path) -> None:
    image = add_image(home, "web")
    image_store(home).untag("web")
    image.folder.rename(tmp_path / "elsewhere")
    image.folder.symlink_to(tmp_path / "elsewhere")
    remove_prunable(home, only(find_prunable(home, everything=False), "image"))
    assert not image.folder.is_symlink()
    assert (tmp_path / "elsewhere" / "disk.raw").exists()


def test_free_forgets_the_build_of_a_removed_image(home: Home) -> None:
    web, old = add_image(home, "web"), add_image(home, "old")
    built = home.images / "built"
    built.mkdir()
    (built / "one").symlink_to(web.digest)
    (built / "two").symlink_to(old.digest)
    (built / "no link").write_text("")
    image_store(home).untag("old")
    remove_prunable(home, only(find_prunable(home, everything=False), "image"))
    assert sorted(path.name for path in built.iterdir()) == ["no link", "one"]


@pytest.mark.parametrize("everything", [False, True])
def test_survey_keeps_the_history_and_reports_its_size(everything: bool, home: Home) -> None:
    history = filled(home, boot())
    found = find_prunable(home, everything=everything)
    assert found.items == ()
    assert found.notes == (
        f"the history is kept ({text.size(history.used_bytes())}); "
        "to remove old boots: bootwright history prune",
    )
