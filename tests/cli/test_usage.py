"""Wrong input: one style over all commands, near names, and hints that fit two lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.images.image import Image

Cli = Callable[..., Any]

_TWO_LINES = 2 * 80 - len("  hint: ")
_LONG = "x" * 3000
_COMMANDS = (
    *(("run",), ("ssh",), ("stop",), ("start",), ("rm",), ("logs",), ("console",), ("timeline",)),
    *(("measure",), ("compare",), ("check",), ("recipe", "show"), ("trim", "show"), ("trim", "rm")),
    *(("image", "show"), ("image", "rm"), ("image", "import", "a"), ("kernel", "show")),
    *(("kernel", "rm"), ("kernel", "add"), ("kernel", "build"), ("kernel", "config", "diff", "b")),
    *(("history", "show"), ("history", "rm"), ("timeline", "diff", "1")),
    *(
        ("prune",),
        ("ps",),
        ("disk",),
        ("completion",),
        ("timeline", "--boot"),
        ("trim", "diff", "a"),
    ),
)


def assert_one_error(done: Any) -> None:
    assert done.status in (1, 2, 125)
    assert re.fullmatch(
        r"bootwright: error: [^\n]+\n(  \| [^\n]*\n)*(  hint: [^\n]+\n)", done.err
    ), done.err
    message, *_, hint = done.err.splitlines()
    assert len(hint.removeprefix("  hint: ")) <= _TWO_LINES
    assert len(message) <= 400


@pytest.mark.parametrize("word", ["", "nosuch", "a\nb", _LONG, "ünïcödé ✓", "--", "--nosuch", "-1"])
@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
def test_usage_of_unknown_words_is_one_error_with_a_hint(
    command: tuple[str, ...], word: str, bootwright: Cli, tmp_path: Path
) -> None:
    words = (*command, word)
    if word == "--" and command in (("prune",), ("ps",), ("disk",)):
        pytest.skip("nothing is given")
    assert_one_error(bootwright(*words))


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ("image", "buid", "web"),
            "bootwright image has no command 'buid'",
            "did you mean 'build'? bootwright image build --help",
        ),
        (
            ("kernel", "config", "wyh", "SMP"),
            "bootwright kernel config has no command 'wyh'",
            "did you mean 'why'? bootwright kernel config why --help",
        ),
        (
            ("run", "web", "--memry", "1G"),
            "bootwright run has no option --memry",
            "did you mean --memory?",
        ),
        (
            ("image", "build", "web"),
            "bootwright image build: missing --debian",
            "usage: bootwright image build NAME --debian SUITE",
        ),
        (
            ("cp",),
            "bootwright cp: missing SOURCE... TARGET",
            "usage: bootwright cp SOURCE... TARGET",
        ),
        (
            ("ps", "x"),
            "bootwright ps: unexpected argument x",
            "usage: bootwright ps",
        ),
        (
            ("run", "web", "--clock", "virtal"),
            "--clock is 'virtal', but must be one of wall, virtual",
            "did you mean 'virtual'?",
        ),
        (
            ("completion", "bsh"),
            "SHELL is 'bsh', but must be one of bash, zsh, fish",
            "did you mean 'bash'?",
        ),
        (
            ("measure", "--tiny", "-n", "0"),
            "-n is 0, which is out of range",
            "use a whole number from 1 to 100000",
        ),
        (
            ("run", "web", "--vcpus", "two"),
            "--vcpus is 'two', but must be a whole number",
            "such as --vcpus 2",
        ),
        (("run", "web", "--memory"), "--memory needs a value", "write --memory VALUE"),
        (
            ("run", "--tiny", "--kernel", "debain", "true"),
            "no kernel is called 'debain'",
            "bootwright kernel add debian",
        ),
        (
            ("run", "--tiny", "--kernel", "mirco", "true"),
            "no kernel is called 'mirco'",
            "bootwright kernel build micro",
        ),
        (("kernel", "add", "debain"), "no such file: debain", "did you mean 'debian'?"),
        (
            ("run", "wep"),
            "no image is called 'wep'",
            "did you mean 'web'?",
        ),
        (
            ("run", "db"),
            "no image is called 'db'",
            "there are: web; or bootwright image build db --debian bookworm",
        ),
        (
            ("image", "build", "db", "--debian", "Bookworm"),
            "'Bookworm' is not a Debian suite",
            "did you mean bookworm?",
        ),
        (("run", ""), "image is empty", 'such as image = "web"'),
    ],
)
def test_usage_names_what_was_given_and_what_helps(
    words: tuple[str, ...],
    message: str,
    hint: str,
    bootwright: Cli,
    add_image: Callable[..., Image],
) -> None:
    add_image()
    done = bootwright(*words)
    assert done.err == f"bootwright: error: {message}\n  hint: {hint}\n"
    assert_one_error(done)
