"""bootwright prune: what it shows, whom it asks, what it removes."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.cli import prune as prune_command
from bootwright.digest import short_digest
from bootwright.errors import HostError
from bootwright.home import Home
from bootwright.images.image import image_store, load_image
from bootwright.pruning import prune as prunes
from bootwright.pruning.prunable import Prunable
from bootwright.reports import text
from tests.pruning.samples import add_image, add_machine, alive

Cli = Callable[..., Any]


@pytest.fixture
def items(home: Home) -> tuple[Prunable, ...]:
    """Make an unnamed image and a cache, and return them as the survey finds them."""
    add_image(home, "web", "old")
    add_image(home, "web", "new")
    home.cache.mkdir(parents=True)
    (home.cache / "qemu-build").write_text("x" * 5000)
    return prunes.find_prunable(home, everything=False).items


def table(items: tuple[Prunable, ...]) -> str:
    """Return what is shown of the two of `items`."""
    image, _ = items
    sizes = [text.size(item.used_bytes) for item in items]
    width = max(map(len, sizes))
    return (
        f"KIND   NAME          {'SIZE'.rjust(width)}  WHY\n"
        f"image  {image.name}  {sizes[0].rjust(width)}  "
        "no name and not used by any machine\n"
        f"cache  qemu-build    {sizes[1].rjust(width)}  recreated when needed\n"
        f"in all {total(items)}\n"
    )


def total(items: tuple[Prunable, ...]) -> str:
    return text.size(sum(item.used_bytes for item in items))


def test_prune_with_nothing_to_remove(bootwright: Cli, home: Home) -> None:
    for arguments in ((), ("--dry-run",), ("--yes",)):
        done = bootwright("prune", *arguments)
        assert (done.status, done.out) == (0, "")
        assert done.err == ("nothing to remove; bootwright prune --all --dry-run looks further\n")
    done = bootwright("prune", "--all")
    assert (done.status, done.out, done.err) == (0, "", "nothing to remove\n")
    done = bootwright("prune", "--json")
    assert json.loads(done.out) == {
        "items": [],
        "removed": [],
        "freed_bytes": 0,
        "notes": [],
        "failed": [],
    }
    assert (done.status, done.err) == (0, "")
    assert not home.data.parent.exists()


def test_prune_dry_run_prints_the_table_and_removes_nothing(
    bootwright: Cli, items: tuple[Prunable, ...]
) -> None:
    for arguments in (("--dry-run",), ("--dry-run", "--yes")):
        done = bootwright("prune", *arguments)
        assert (done.status, done.out, done.err) == (0, table(items), "")
        assert all(item.path.exists() for item in items)


def test_prune_without_a_terminal_removes_nothing_without_yes(
    bootwright: Cli, items: tuple[Prunable, ...]
) -> None:
    done = bootwright("prune")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        f"{table(items)}"
        "bootwright: error: confirmation needed: use --yes without a terminal\n"
        "  hint: use --yes to remove, or --dry-run to list what would be removed\n"
    )
    done = bootwright("prune", "--json")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "bootwright: error: confirmation needed: use --yes with --json\n"
        "  hint: use --yes to remove, or --dry-run to list what would be removed\n"
    )
    assert all(item.path.exists() for item in items)


@pytest.mark.parametrize("yes", ["--yes", "-y"])
def test_prune_yes_removes_what_it_lists(
    yes: str, bootwright: Cli, items: tuple[Prunable, ...], home: Home
) -> None:
    done = bootwright("prune", yes)
    assert (done.status, done.out) == (0, "")
    assert done.err == f"{table(items)}removed 2 things, freed {total(items)}\n"
    assert not any(item.path.exists() for item in items)
    assert load_image(home, "web").disk.exists()


@pytest.mark.parametrize("arguments", [("--dry-run",), ("--yes",)])
def test_prune_json_prints_everything_to_stdout(
    arguments: tuple[str, ...], bootwright: Cli, items: tuple[Prunable, ...]
) -> None:
    done = bootwright("prune", "--json", *arguments)
    assert (done.status, done.err) == (0, "")
    removes = arguments == ("--yes",)
    assert json.loads(done.out) == {
        "items": [
            {
                "kind": item.kind,
                "name": item.name,
                "why": item.why,
                "used_bytes": item.used_bytes,
                "path": str(item.path),
                "changed_ns": item.changed_ns,
                "tags": list(item.tags),
            }
            for item in items
        ],
        "removed": [item.name for item in items] if removes else [],
        "freed_bytes": sum(item.used_bytes for item in items) if removes else 0,
        "notes": [],
        "failed": [],
    }
    assert all(item.path.exists() != removes for item in items)


def test_prune_all_lists_stopped_machines_and_no_running_ones(bootwright: Cli, home: Home) -> None:
    add_image(home, "web")
    add_machine(home, "stopped")
    running = add_machine(home, "running")
    with alive(running):
        done = bootwright("prune", "--all", "--dry-run")
        rows = [line.split(maxsplit=2)[:2] for line in done.out.splitlines()[1:-1]]
        assert rows == [["machine", "stopped"], ["image", "web"]]
        assert bootwright("prune", "--all", "--yes").status == 0
        assert [path.name for path in home.machines.glob("[!.]*")] == ["running"]


def test_prune_notes_machines_that_it_cannot_read(bootwright: Cli, home: Home) -> None:
    folder = add_machine(home, "broken")
    (folder.path / "machine.json").unlink()
    note = (
        "machine broken is damaged, and may need any image, kernel or guest file: "
        "all are kept (to remove it: bootwright rm --force broken)"
    )
    done = bootwright("prune")
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines()[1:] == [f"note: {note}"]
    assert json.loads(bootwright("prune", "--json").out)["notes"] == [note]


def test_prune_keeps_and_names_what_came_into_use(
    bootwright: Cli, items: tuple[Prunable, ...], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = prunes.find_prunable

    def survey_early(*arguments: Any, **options: Any) -> prunes.PruneList:
        found = survey(*arguments, **options)
        image_store(home).tag("again", image_store(home).unnamed()[0])
        return found

    monkeypatch.setattr("bootwright.cli.prune.find_prunable", survey_early)
    done = bootwright("prune", "--yes")
    freed = text.size(items[1].used_bytes)
    assert done.err.splitlines()[-2:] == [
        f"image {items[0].name}: kept, now in use",
        f"removed 1 thing, freed {freed}",
    ]
    assert done.status == 0
    assert short_digest(load_image(home, "again").digest) == items[0].name


def test_prune_removes_the_rest_when_one_thing_fails(
    bootwright: Cli, items: tuple[Prunable, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = prunes.remove_prunable

    def fail_first(home: Home, item: Prunable) -> int:
        if item.kind == "image":
            raise HostError("something is mounted at /x")
        return free(home, item)

    monkeypatch.setattr(prunes, "remove_prunable", fail_first)
    note = f"image {items[0].name}: not removed: something is mounted at /x"
    done = bootwright("prune", "--yes", "--json")
    assert done.status == 1
    assert json.loads(done.out)["notes"] == [note]
    assert json.loads(done.out)["removed"] == ["qemu-build"]
    assert json.loads(done.out)["failed"] == [items[0].name]
    done = bootwright("prune", "--yes")
    assert done.err.splitlines()[-2:] == [note, "removed 0 things, freed 0 B"]
    assert done.status == 1


def test_prune_interrupted_says_what_was_removed(
    bootwright: Cli, items: tuple[Prunable, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = prunes.remove_prunable

    def interrupted_second(home: Home, item: Prunable) -> int:
        if item.kind == "cache":
            raise KeyboardInterrupt
        return free(home, item)

    monkeypatch.setattr(prunes, "remove_prunable", interrupted_second)
    done = bootwright("prune", "--yes")
    freed = text.size(items[0].used_bytes)
    assert done.err.endswith(f"bootwright: interrupted: removed 1 thing, freed {freed}\n")
    assert (done.status, done.out) == (130, "")
    assert [item.path.exists() for item in items] == [False, True]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_prune_shows_progress(
    options: tuple[str, ...],
    bootwright: Cli,
    items: tuple[Prunable, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prune_command, "_PATIENCE_S", 0.0)
    done = bootwright("prune", "--yes", *options)
    shown = [line for line in done.err.splitlines() if line.startswith("prune: ")]
    expected = [f"prune: image {items[0].name}", "prune: cache qemu-build"]
    assert shown == ([] if options else expected)


def on_a_terminal(typed: bytes, *options: str) -> tuple[int, bytes, str]:
    """Run prune on a terminal, answer it, and return its status, stdout and screen."""
    terminal, inside = pty.openpty()
    with subprocess.Popen(
        # --ctty: what is typed as Ctrl-C shall be one.
        ["setsid", "--ctty", sys.executable, "-m", "bootwright", "prune", *options],
        stdin=inside,
        stdout=subprocess.PIPE,
        stderr=inside,
    ) as process:
        os.close(inside)
        shown = b""
        try:
            while not shown.endswith(b"[y/N]: "):
                shown += os.read(terminal, 4096)
            os.write(terminal, typed)
            while True:
                # An interrupt just before Python begins to read the line is noticed only by the
                # next one, as any user would give it.
                while typed == b"\x03" and not select.select([terminal], [], [], 2)[0]:
                    os.write(terminal, typed)
                if not (data := os.read(terminal, 4096)):
                    break
                shown += data
        except OSError:
            pass  # how a terminal ends (EIO)
        finally:
            os.close(terminal)
        assert process.stdout is not None
        out = process.stdout.read()
    return process.returncode, out, shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        (b"y\n", 0, "y\nremoved 2 things, freed "),
        (b"\n", 1, "\nnothing was removed\n"),
        (b"n\n", 1, "n\nnothing was removed\n"),
        (b"\x03", 130, ""),
        (b"\x04", 130, ""),
    ],
)
def test_prune_on_a_terminal_asks(
    typed: bytes, status: int, said: str, items: tuple[Prunable, ...]
) -> None:
    ended, out, shown = on_a_terminal(typed)
    assert shown.startswith(f"{table(items)}Delete these? [y/N]: {said}")
    assert (ended, out) == (status, b"")
    assert all(item.path.exists() == (status != 0) for item in items)


def test_prune_json_on_a_terminal_does_not_ask(items: tuple[Prunable, ...]) -> None:
    ended, out, shown = on_a_terminal(b"", "--json")
    assert shown.startswith("bootwright: error: confirmation needed: use --yes with --json")
    assert (ended, out) == (2, b"")
    assert all(item.path.exists() for item in items)


def test_image_prune_removes_images_alone(
    bootwright: Cli, items: tuple[Prunable, ...], home: Home
) -> None:
    digest = items[0].path.name
    done = bootwright("image", "prune", "--json")
    assert (done.status, done.err) == (0, "")
    freed_bytes = items[0].used_bytes
    assert json.loads(done.out) == {"removed": [digest], "freed_bytes": freed_bytes, "notes": []}
    assert [item.path.exists() for item in items] == [False, True]
    done = bootwright("image", "prune")
    assert (done.status, done.out, done.err) == (0, "", "removed 0 images, freed 0 B\n")


def test_image_prune_keeps_images_of_machines_and_of_damaged_ones(
    bootwright: Cli, items: tuple[Prunable, ...], home: Home
) -> None:
    folder = add_machine(home, "web", image=image_store(home).unnamed()[0])
    assert json.loads(bootwright("image", "prune", "--json").out)["removed"] == []
    (folder.path / "machine.json").write_text("")
    done = bootwright("image", "prune")
    assert done.err.startswith("note: machine web is damaged, and may need any image")
    assert done.err.endswith("\nremoved 0 images, freed 0 B\n")
    assert Path(items[0].path).exists()
