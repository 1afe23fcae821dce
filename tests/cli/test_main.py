"""The root of the command line: exit statuses, how errors are told, names in the shell."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright import __version__
from bootwright.cli import main
from bootwright.errors import (
    BootwrightError,
    GuestError,
    HostError,
    InputError,
    LostGuestError,
    VmmError,
)
from bootwright.home import Home
from bootwright.kernels.kernel import Kernel
from tests.machines.samples import at_rest

Cli = Callable[..., Any]


def test_main_version_option(bootwright: Cli) -> None:
    done = bootwright("--version")
    assert (done.status, done.out, done.err) == (0, f"bootwright {__version__}\n", "")


def test_main_help_lists_every_command_in_order(bootwright: Cli) -> None:
    done = bootwright("--help")
    assert done.status == 0
    lines = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")]
    assert [word for word in lines if word in main.COMMANDS] == list(main.COMMANDS)
    assert done.out == bootwright("-h").out


def test_main_without_a_command_shows_help_and_returns_2(bootwright: Cli) -> None:
    done = bootwright()
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Usage: bootwright ")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("rnu", "'rnu'\n  hint: did you mean 'run'? bootwright run --help"),
        ("imgae", "'imgae'\n  hint: did you mean 'image'? bootwright image --help"),
        ("zzzzzz", "'zzzzzz'\n  hint: bootwright --help lists them"),
    ],
)
def test_main_misspelt_command_suggests_the_nearest(word: str, said: str, bootwright: Cli) -> None:
    done = bootwright(word)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"bootwright: error: bootwright has no command {said}\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--bogus",), 2),
        (("ps", "--bogus"), 2),
        (("cp",), 2),
        (("stop",), 2),
        (("completion", "tcsh"), 2),
        (("recipe", "bogus"), 2),
        (("stop", "nobody"), 2),
        (("run", "--bogus"), 125),
        (("run", "--vcpus", "many"), 125),
        (("--debug", "run", "--bogus"), 125),
        (("ssh",), 125),
        (("ssh", "nobody"), 125),
    ],
)
def test_main_wrong_usage_returns_2(
    arguments: tuple[str, ...], status: int, bootwright: Cli
) -> None:
    done = bootwright(*arguments)
    assert (done.status, done.out) == (status, "")
    assert "rror: " in done.err


def test_main_prints_an_error_with_evidence_and_hint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main.tell(VmmError("QEMU did not start", hint="look", evidence="first\nsecond"))
    said = capsys.readouterr()
    assert said.err == (
        "bootwright: error: QEMU did not start\n  | first\n  | second\n  hint: look\n"
    )
    assert said.out == ""
    main.tell(InputError("no"))
    assert capsys.readouterr().err == "bootwright: error: no\n"


@pytest.mark.parametrize(
    ("error", "run_status", "ps_status"),
    [
        (InputError("it failed"), 125, 2),
        (HostError("it failed"), 125, 1),
        (GuestError("it failed"), 125, 1),
        (BootwrightError("it failed"), 125, 1),
        (LostGuestError("it failed"), 255, 255),
    ],
)
def test_main_exit_status_of_each_kind_of_error(
    error: BootwrightError,
    run_status: int,
    ps_status: int,
    bootwright: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> Home:
        raise error

    monkeypatch.setattr("bootwright.cli.run.locate_home", fail)
    monkeypatch.setattr("bootwright.cli.machines.locate_home", fail)
    for arguments, status in ((("run", "--tiny", "true"), run_status), (("ps",), ps_status)):
        done = bootwright(*arguments)
        assert (done.status, done.err) == (status, "bootwright: error: it failed\n")


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, "bootwright: interrupted\n"),
     (signal.SIGTERM, 143, "bootwright: terminated\n")],
)  # fmt: skip
def test_main_interrupted_returns_the_signals_status(
    number: int, status: int, line: str, bootwright: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.cli.machines.locate_home", lambda: os.kill(os.getpid(), number))
    done = bootwright("ps")
    assert (done.status, done.err.lstrip()) == (status, line)


def test_main_interrupted_boot_says_that_nothing_is_left(
    bootwright: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "bootwright.cli.run.locate_home", lambda: os.kill(os.getpid(), signal.SIGINT)
    )
    done = bootwright("run", "--tiny", "--", "true")
    assert (done.status, done.err.lstrip()) == (130, "bootwright: interrupted: nothing is left\n")


def test_main_reports_a_folder_that_cannot_be_made_without_traceback(
    bootwright: Cli, home: Home, debian: Kernel
) -> None:
    home.cache.parent.mkdir(exist_ok=True)
    home.cache.write_text("a file where a folder should be")
    done = bootwright("run", "--tiny", "--accelerator", "tcg", "--", "true")
    assert done.status == 125
    assert done.err.startswith(f"bootwright: error: {home.cache} is a file, but bootwright needs")
    assert str(home.cache) in done.err


def test_main_ignores_a_closed_output_pipe(tmp_path: Path) -> None:
    environment = {**os.environ, "BOOTWRIGHT_HOME": str(tmp_path)}
    program = [sys.executable, "-m", "bootwright"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*program, "completion", "bash"], env=environment, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_every_shell(shell: str, bootwright: Cli) -> None:
    done = bootwright("completion", shell)
    assert (done.status, done.err) == (0, "")
    assert f"_BOOTWRIGHT_COMPLETE={shell}_complete" in done.out
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=done.out.encode(), check=True)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("bootwright k", ["kernel"]),
        ("bootwright run --kernel d", ["debian"]),
        ("bootwright run --kernel x", []),
        ("bootwright run w", ["web", "work"]),
        ("bootwright run --dr", ["--dry-run"]),
        ("bootwright ssh ma", ["machine1"]),
        ("bootwright stop machine1 mo", ["more"]),
    ],
)
def test_completion_of_machine_names(
    words: str,
    completed: list[str],
    home: Home,
    debian: Kernel,
    bootwright: Cli,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("web", "work", "other"):
        (home.images / "names").mkdir(parents=True, exist_ok=True)
        (home.images / "names" / name).symlink_to("../sha256-0")
    for name in ("machine1", "more"):
        at_rest(home, name)
    monkeypatch.setenv("_BOOTWRIGHT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        bootwright()
    lines = capsys.readouterr().out.split()
    assert [line.partition(",")[2] for line in lines] == completed
