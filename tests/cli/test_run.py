"""bootwright run, as far as it goes without booting: what is refused, and what would be run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.home import Home
from bootwright.images.image import Image, image_store, store_image
from bootwright.kernels.kernel import Kernel

Cli = Callable[..., Any]
TINY = ("run", "--tiny", "--accelerator", "tcg")


@pytest.fixture
def web(home: Home, debian: Kernel) -> Image:
    with image_store(home).staged() as staged:
        (staged / "disk.raw").write_bytes(bytes(1 << 20))
        return store_image(home, staged, name="web", source="a test", filesystem="ext4")


def assert_refused(done: Any, message: str, hint: str) -> None:
    """See that exactly this was said, and nothing was done."""
    assert done.err == f"bootwright: error: {message}\n  hint: {hint}\n"
    assert (done.status, done.out) == (125, "")


def test_run_unknown_image_is_one_error_with_a_hint(
    bootwright: Cli, home: Home, debian: Kernel
) -> None:
    assert_refused(
        bootwright("run", "nosuch", "--", "true"),
        "no image is called 'nosuch'",
        "bootwright image build nosuch --debian bookworm",
    )
    assert not home.machines.exists()


def test_run_misspelt_image_suggests_the_nearest(bootwright: Cli, web: Image) -> None:
    assert_refused(bootwright("run", "wep"), "no image is called 'wep'", "did you mean 'web'?")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            (),
            "no image was given",
            "bootwright image list shows them; --tiny boots without one",
        ),
        (
            ("--tiny",),
            "a tiny guest needs a command",
            "such as: bootwright run --tiny -- uname -a",
        ),
        (
            ("--tiny", "--keep", "--", "true"),
            "a tiny guest ends with its command; it cannot be kept or detached",
            "leave out --keep and --detach, or boot an image",
        ),
        (
            ("web", "--init", "bare"),
            "a guest with --init bare needs a command",
            "such as: bootwright run IMAGE --init bare -- uname -a",
        ),
        (
            ("web", "--init", "bare", "--keep", "--", "true"),
            "a guest with --init bare ends with its command; it cannot be kept or detached",
            "leave out --keep and --detach, or boot an image with another init",
        ),
        (
            ("--tiny", "--detach", "--", "true"),
            "a tiny guest ends with its command; it cannot be kept or detached",
            "leave out --keep and --detach, or boot an image",
        ),
        (
            ("web", "--detach", "--", "true"),
            "a detached machine runs no command",
            "bootwright run IMAGE --detach, then bootwright ssh NAME -- COMMAND",
        ),
        (
            ("web", "--json"),
            "--json needs a command",
            "add one, such as -- true, or use --detach",
        ),
        (("web", "--timeout", "0"), "--timeout is 0, but must be more than 0", "give seconds"),
        (
            ("web", "--timeout", "-1.5"),
            "--timeout is -1.5, but must be more than 0",
            "give seconds",
        ),
        (
            ("web", "--memory", "lots"),
            "memory: invalid size 'lots'",
            'such as memory = "512M", or --memory 512M as an option',
        ),
        (
            ("web", "--disk-size", "-1"),
            "disk_size: invalid size '-1'",
            'such as disk_size = "20G", or --disk-size 20G as an option',
        ),
    ],
)
def test_run_refuses_conflicting_options_before_looking_anything_up(
    arguments: tuple[str, ...], message: str, hint: str, bootwright: Cli, home: Home
) -> None:
    assert_refused(bootwright("run", *arguments), message, hint)
    assert not home.data.exists()


@pytest.mark.parametrize("rule", ["80", "80:", ":80", "a:b", "127.0.0.1:80:80", "-1:80"])
def test_run_publish_refuses_what_is_no_pair_of_ports(
    rule: str, bootwright: Cli, debian: Kernel
) -> None:
    assert_refused(
        bootwright("run", "web", f"--publish={rule}", "--", "true"),
        f"--publish {rule!r} is not a pair of ports",
        "such as --publish 8080:80",
    )


def test_run_publish_refuses_ports_out_of_range(bootwright: Cli, debian: Kernel) -> None:
    assert_refused(
        bootwright("run", "web", "--publish", "65536:80", "--", "true"),
        "65536:80 is not a pair of ports",
        "ports are 1 to 65535, such as --publish 8080:80",
    )


def test_run_recipe_of_a_tiny_guest_is_checked_as_one(
    bootwright: Cli, debian: Kernel, tmp_path: Path
) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text('init = "none"\n')
    assert_refused(
        bootwright("run", "--recipe", str(file)),
        "a tiny guest needs a command",
        "such as: bootwright run --tiny -- uname -a",
    )
    assert_refused(
        bootwright("run", "--recipe", str(file), "--keep", "--", "true"),
        "a tiny guest ends with its command; it cannot be kept or detached",
        "leave out --keep and --detach, or boot an image",
    )


def test_run_tiny_refuses_publish(bootwright: Cli) -> None:
    assert_refused(
        bootwright(*TINY, "--publish", "8080:80", "--", "true"),
        "a tiny guest has no network, so no port can lead into it",
        "leave out --publish, or boot an image",
    )


@pytest.mark.parametrize("name", ["Web", "a/b", "-x", "a.b", "", "x" * 64])
def test_run_name_must_be_a_host_name(
    name: str, bootwright: Cli, debian: Kernel, home: Home
) -> None:
    done = bootwright(*TINY, "--dry-run", f"--name={name}", "--", "true")
    if name == "":
        assert done.status == 0  # as if it had not been given
        return
    assert done.status == 125
    assert done.err.startswith(f"bootwright: error: {name!r} cannot name a machine\n  hint: ")
    assert not home.machines.exists()


def test_run_recipe_names_a_missing_file(bootwright: Cli, tmp_path: Path) -> None:
    assert_refused(
        bootwright("run", "--recipe", str(tmp_path / "absent"), "--", "true"),
        f"cannot read the recipe {tmp_path / 'absent'}: No such file or directory",
        "bootwright recipe show prints one to begin with",
    )


def planned(done: Any) -> dict[str, list[str]]:
    """Return the commands of a dry run by the program's name."""
    assert (done.status, done.err) == (0, "")
    lines = [line for line in done.out.splitlines() if not line.startswith("#")]
    argvs = [shlex.split(line) for line in lines]
    return {Path(argv[0]).name: argv for argv in argvs}


def test_run_dry_run_prints_the_exact_commands_and_starts_nothing(
    bootwright: Cli, web: Image, home: Home
) -> None:
    done = bootwright(
        *("run", "web", "--accelerator", "tcg", "--name", "w1", "--publish", "8080:80"),
        *("--vcpus", "1", "--memory", "1G", "--append", "debug loglevel=7"),
        *("--dry-run", "--", "echo", "a b"),
    )
    commands = planned(done)
    vmm, log_in = commands["setpriv"], commands["ssh"]
    assert vmm[vmm.index("-name") + 1] == "w1"
    assert vmm[vmm.index("-m") + 1] == "1024"
    assert vmm[vmm.index("-smp") + 1] == "1"
    assert vmm[vmm.index("-append") + 1].endswith(" debug loglevel=7")
    assert vmm[vmm.index("-netdev") + 1].endswith("hostfwd=tcp:127.0.0.1:8080-:80")
    assert log_in[-3:] == ["root@127.0.0.1", "--", "echo 'a b'"]
    assert not home.machines.exists()
    assert not home.keys.exists()


@pytest.mark.parametrize("image", ["web", "sha256-", ""])
def test_run_names_a_machine_after_its_image(image: str, bootwright: Cli, web: Image) -> None:
    reference = [web.digest if image == "sha256-" else image] if image else ["--tiny"]
    commands = planned(
        bootwright("run", *reference, "--accelerator=tcg", "--dry-run", "--", "true")
    )
    vmm = commands["setpriv"]
    name = vmm[vmm.index("-name") + 1]
    begin = {"web": "web", "sha256-": web.digest[7:27], "": "tiny"}[image]
    assert re.fullmatch(f"{begin}-[a-z2-7]{{6}}", name)


def test_run_passes_options_after_the_image_to_the_guest(bootwright: Cli, web: Image) -> None:
    done = bootwright(
        "run", "web", "--accelerator=tcg", "--dry-run", "--", "ls", "--json", "--", "-l"
    )
    assert planned(done)["ssh"][-1] == "ls --json -- -l"


def test_run_recipe_reads_what_recipe_show_prints(
    bootwright: Cli, web: Image, tmp_path: Path
) -> None:
    shown = bootwright("recipe", "show", "web", "--accelerator", "tcg", "--memory", "1G")
    assert shown.status == 0
    file = tmp_path / "recipe.toml"
    file.write_text(shown.out)
    again = bootwright("recipe", "show", "--recipe", str(file))
    assert (again.status, again.out) == (0, shown.out)
    changed = bootwright("recipe", "show", "--recipe", str(file), "--memory", "2G")
    assert changed.out == shown.out.replace('memory = "1G"', 'memory = "2G"')


@pytest.mark.parametrize("init", [(), ("--init", "tini")])
def test_run_on_the_virtual_clock_refuses_login(
    init: tuple[str, ...], bootwright: Cli, web: Image
) -> None:
    assert_refused(
        bootwright("run", "web", "--clock", "virtual", *init, "--", "true"),
        "nobody can log in to a guest on the virtual clock: it has no network, and its time "
        "advances too fast for a waiting connection",
        "one command runs on it: add --init bare, or --tiny without an image",
    )


def test_run_on_the_virtual_clock_refuses_publish(bootwright: Cli, web: Image) -> None:
    words = ("run", "web", "--init", "bare", "--clock", "virtual", "--publish", "80:80")
    assert_refused(
        bootwright(*words, "--", "true"),
        "a guest on the virtual clock has no network, so no port can lead into it",
        "leave out --publish, or --clock virtual",
    )


def test_run_on_the_virtual_clock_refuses_kvm(bootwright: Cli, debian: Kernel) -> None:
    assert_refused(
        bootwright("run", "--tiny", "--accelerator", "kvm", "--clock", "virtual", "--", "true"),
        "accelerator is 'kvm', but the virtual clock needs 'tcg'",
        "only TCG counts instructions; leave out --accelerator",
    )


def test_run_keep_refuses_a_pmem_disk(
    bootwright: Cli, debian: Kernel, home: Home, tmp_path: Path
) -> None:
    with image_store(home).staged() as staged:
        with (staged / "disk.raw").open("wb") as disk:
            disk.truncate(2 << 20)
            disk.seek(1024 + 24)
            disk.write(b"\2\0\0\0")
        store_image(home, staged, name="map", source="a test", filesystem="ext4")
    file = tmp_path / "recipe.toml"
    file.write_text('disk = "pmem"\n')
    for how in ("--keep", "--detach"):
        assert_refused(
            bootwright("run", "map", "--accelerator", "tcg", "--recipe", str(file), how),
            "disk is 'pmem', which lives as long as its VM; such a machine cannot be kept",
            "leave out --keep and --detach, or give another disk",
        )


def test_run_seed_option_seeds_the_guests_random_numbers(bootwright: Cli, debian: Kernel) -> None:
    virtual = planned(bootwright(*TINY, "--clock", "virtual", "--dry-run", "--", "true"))["setpriv"]
    assert virtual[virtual.index("-seed") + 1] == "1"
    wall = planned(bootwright(*TINY, "--seed", "7", "--dry-run", "--", "true"))["setpriv"]
    assert wall[wall.index("-seed") + 1] == "7"
    assert "-icount" in virtual
    assert "-icount" not in wall


@pytest.mark.parametrize(
    "options",
    [
        ("--tiny", "--", "true"),
        ("web", "--init", "bare", "--", "true"),
        ("web", "--init", "tini"),
        ("web", "--init", "systemd-trimmed", "--trim", "least"),
        ("web", "--trim", "least"),
    ],
)
def test_run_refuses_a_console_login_that_nothing_starts(
    options: tuple[str, ...], bootwright: Cli
) -> None:
    done = bootwright("run", "--console-login", *options)
    assert done.status == 125
    assert done.err.startswith("bootwright: error: --console-login needs init systemd: ")
    assert "  hint: " in done.err
