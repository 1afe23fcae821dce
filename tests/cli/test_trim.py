"""bootwright trim: a small ext4 system, from the image to the file and back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from bootwright.cli.main import cli
from bootwright.digest import short_digest
from bootwright.home import Home
from bootwright.host import tools
from bootwright.images import imported
from bootwright.images.image import Image, load_image
from bootwright.trims import store
from tests.pruning.samples import add_image

Cli = Callable[..., Any]


def _image(home: Home, name: str, tree: Path) -> Image:
    """Make an ext4 image of what is in *tree*."""
    [mke2fs] = tools.require("mke2fs")
    disk = tree.with_suffix(".ext4")
    subprocess.run(
        [mke2fs, "-q", "-t", "ext4", "-d", tree, disk, "4M"], check=True, capture_output=True
    )
    return imported.add(home, name, disk)


@pytest.fixture
def web(home: Home, tmp_path: Path) -> Image:
    """An image called web, which starts ssh, cron and a timer."""
    units = tmp_path / "tree/usr/lib/systemd/system"
    wants = units / "multi-user.target.wants"
    wants.mkdir(parents=True)
    (tmp_path / "tree/etc/systemd").mkdir(parents=True)
    (units.parent / "systemd").write_text("systemd")
    (units / "default.target").symlink_to("multi-user.target")
    (units / "multi-user.target").write_text("[Unit]\n")
    for unit in ("ssh.service", "cron.service", "backup.timer", "backup.service"):
        (units / unit).write_text("[Unit]\n")
    for unit in ("ssh.service", "cron.service", "backup.timer"):
        (wants / unit).symlink_to(f"../{unit}")
    return _image(home, "web", tmp_path / "tree")


def test_trim_makes_shows_and_removes_a_trim(bootwright: Cli, home: Home, web: Image) -> None:
    done = bootwright("trim", "web")
    file = home.trims / "web.toml"
    assert (done.status, done.err) == (0, f"trim web: written ({file})\n")
    assert done.out == (
        "goes (2):\n"
        "  wanted by multi-user.target:\n"
        "    backup.timer cron.service\n"
        "stays (1), besides targets, slices and devices:\n"
        "  ssh.service  kept by ssh.service\n"
    )
    assert '"cron.service" = "wanted by multi-user.target"\n' in file.read_text()
    shown = bootwright("trim", "show", "web")
    assert shown.status == 0
    assert "backup.timer cron.service" in shown.out
    assert shown.out.startswith("trim web of image ")
    listed = bootwright("trim", "list").out.splitlines()
    assert listed[1].split() == ["web", web.digest[7:19], "2", "0"]
    again = bootwright("trim", "make", "web")
    assert again.err == f"trim web: was there already ({file})\n"
    assert bootwright("trim", "rm", "web").err == "trim web: removed\n"
    assert not file.exists()
    assert bootwright("trim", "list").err == ("no trims; make one: bootwright trim IMAGE\n")


def test_trim_dry_run_writes_nothing(bootwright: Cli, home: Home, web: Image) -> None:
    for words in (("web", "--dry-run"), ("--dry-run", "web")):
        done = bootwright("trim", *words)
        assert done.out.startswith("goes (2):")
        assert (done.status, done.err) == (0, "nothing was written (--dry-run)\n")
    assert not home.trims.exists()


def test_trim_json_of_each_subcommand(bootwright: Cli, home: Home, web: Image) -> None:
    made = json.loads(bootwright("trim", "web", "--json").out)
    assert [mask["unit"] for mask in made["masks"]] == ["backup.timer", "cron.service"]
    assert made["kept_units"] == [{"unit": "ssh.service", "reason": "kept by ssh.service"}]
    assert (made["name"], made["image"], made["notes"]) == ("web", web.digest, [])
    assert made["path"] == str(home.trims / "web.toml")
    [row] = json.loads(bootwright("trim", "list", "--json").out)
    shown = json.loads(bootwright("trim", "show", "web", "--json").out)
    assert shown == {**row, "path": made["path"]}


def test_trim_diff_compares_two_trims(bootwright: Cli, web: Image) -> None:
    bootwright("trim", "web")
    bootwright("trim", "web", "--keep", "ssh*", "--keep", "cron.service", "--name", "more")
    assert bootwright("trim", "diff", "web", "more").out == "- cron.service\n"
    assert bootwright("trim", "diff", "more", "web").out == "+ cron.service\n"
    assert bootwright("trim", "diff", "web", "web").err == "web and web do not differ\n"
    found = json.loads(bootwright("trim", "diff", "web", "more", "--json").out)
    assert found == {"only_a": {"cron.service": "masked"}, "only_b": {}}


def test_trim_refuses_to_overwrite_another_trim(bootwright: Cli, web: Image) -> None:
    bootwright("trim", "web")
    done = bootwright("trim", "web", "--keep", "ssh.service", "--keep", "cron.service")
    assert done.status == 2
    assert "another trim is called 'web'" in done.err
    assert "hint: use another --name, or add --replace to reuse this one" in done.err


def test_trim_keep_adds_to_what_is_kept_by_default(bootwright: Cli, web: Image) -> None:
    done = bootwright("trim", "web", "--dry-run", "--json", "--keep", "cron")
    kept = {unit["unit"]: unit["reason"] for unit in json.loads(done.out)["kept_units"]}
    assert kept == {
        "cron.service": "kept by cron.service",
        "ssh.service": "kept by ssh.service",
    }


def test_trim_keep_only_replaces_what_is_kept_by_default(bootwright: Cli, web: Image) -> None:
    done = bootwright("trim", "web", "--keep-only", "cron", "--keep", "backup.timer")
    assert done.status == 0
    assert (
        "note: no SSH server is kept: bootwright run refuses this trim, as nobody could log in\n"
    ) in done.err
    shown = json.loads(bootwright("trim", "show", "web", "--json").out)
    assert shown["keep"] == ["cron.service", "backup.timer"]
    assert [mask["unit"] for mask in shown["masks"]] == ["ssh.service"]
    done = bootwright("trim", "apply", "web", "web", "--name", "deaf")
    assert "note: trim 'web' masks ssh.service, so nobody could log in to the machine\n" in done.err


@pytest.mark.parametrize(
    ("word", "said", "hint"),
    [
        ("crom", "the image has no unit crom.service", "did you mean cron.service?"),
        ("back", "the image has no unit back.service", "or backup.timer?"),
        ("nothing*", "no unit of the image matches nothing*", "lists the units of a boot"),
        ("a/b", "'a/b' cannot name a unit", "give a name such as nginx or nginx.service"),
    ],
)
def test_trim_keep_refuses_an_unknown_unit(
    word: str, said: str, hint: str, bootwright: Cli, home: Home, web: Image
) -> None:
    done = bootwright("trim", "web", "--keep", word)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"bootwright: error: {said}\n  hint: ")
    assert done.err.endswith(f"{hint}\n")
    assert not home.trims.exists()


def test_trim_names_what_is_wrong_in_the_image_with_its_path(
    bootwright: Cli, home: Home, web: Image, tmp_path: Path
) -> None:
    lib = "/usr/lib/systemd/system"
    units = tmp_path / f"tree{lib}"
    (units / "multi-user.target.wants/gone.service").symlink_to("../gone.service")
    (units / "old.service").symlink_to("gone.service")
    (units / "cron.service.d").mkdir()
    (units / "cron.service.d/a.conf").symlink_to("/nowhere")
    (units / "ssh.service").write_text("[Unit]\nWants=cron.service\n")
    (units / "cron.service").write_text("[Unit]\nWants=ssh.service\n")
    _image(home, "sick", tmp_path / "tree")
    done = bootwright("trim", "sick", "--dry-run", "--keep-only", "ssh*")
    assert done.status == 0
    assert done.err.splitlines() == [
        f"note: {lib}/old.service is a dangling link to gone.service",
        f"note: {lib}/cron.service.d/a.conf is a dangling link or not a file",
        f"note: {lib}/multi-user.target.wants/gone.service is a dangling link to ../gone.service",
        f"note: {lib}/ssh.service is in a dependency cycle: "
        "ssh.service -> cron.service -> ssh.service",
        "nothing was written (--dry-run)",
    ]


def test_trim_refuses_an_image_without_systemd(bootwright: Cli, home: Home, tmp_path: Path) -> None:
    (tmp_path / "tree/etc").mkdir(parents=True)
    _image(home, "plain", tmp_path / "tree")
    done = bootwright("trim", "plain", "--dry-run")
    assert done.out.startswith("goes (0):\nstays (")
    assert (
        "note: /usr/lib/systemd/systemd is missing: the image has no systemd\n"
        "note: /etc/systemd/system/default.target is missing: the image has no default target\n"
    ) in done.err


def test_trim_list_shows_damaged_trims_beside_others(
    bootwright: Cli, home: Home, web: Image
) -> None:
    bootwright("trim", "web")
    (home.trims / "bad.toml").write_text("name = 3")
    done = bootwright("trim", "list")
    assert done.status == 1
    assert "bad   damaged" in done.out
    assert "\nweb " in done.out
    rows = json.loads(bootwright("trim", "list", "--json").out)
    assert rows[0]["damaged"].startswith("trim 'bad' is damaged: ")
    done = bootwright("trim", "show", "bad")
    assert (done.status, done.out) == (1, "")
    assert bootwright("trim", "rm", "bad").status == 0
    assert store.names(home) == ["web"]


def test_trim_bake_writes_a_new_image(bootwright: Cli, home: Home, web: Image) -> None:
    bootwright("trim", "web")
    done = bootwright("trim", "apply", "web", "web", "--name", "small")
    small = load_image(home, "small")
    assert (done.status, done.out) == (0, "")
    assert done.err == f"image small: web with trim web ({short_digest(small.digest)})\n"
    planned = bootwright("trim", "small", "--dry-run")
    assert planned.out.startswith("goes (0):\nstays (1)")
    done = bootwright("trim", "apply", "small", "web", "--name", "smaller")
    assert done.status == 2
    assert "the image already has /etc/systemd/system.control/backup.timer" in done.err
    done = bootwright("trim", "apply", "web", "web", "--name", "small")
    assert (done.status, "an image is already called 'small'" in done.err) == (2, True)


def test_trim_suggests_near_names_of_images_and_trims(bootwright: Cli, home: Home) -> None:
    done = bootwright("trim", "wep")
    assert (done.status, done.out) == (2, "")
    assert "no image is called 'wep'" in done.err
    assert "no trim is called 'wep'" in bootwright("trim", "show", "wep").err


def test_trim_refuses_an_image_without_a_filesystem(bootwright: Cli, home: Home) -> None:
    add_image(home, "bad")
    done = bootwright("trim", "bad")
    assert done.status == 1
    assert "disk.raw cannot be read" in done.err


def test_trim_names_are_completed(bootwright: Cli, home: Home, web: Image) -> None:
    bootwright("trim", "web", "--name", "small")
    completion = ShellComplete(cli, {}, "bootwright", "_BOOTWRIGHT_COMPLETE")

    def complete(*words: str) -> list[str]:
        return [item.value for item in completion.get_completions(list(words[:-1]), words[-1])]

    assert complete("trim", "show", "s") == ["small"]
    assert complete("trim", "w") == ["web"]
    assert "make" in complete("trim", "m")
