"""Help texts on narrow terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from bootwright.cli.helptext import Formatter
from bootwright.cli.main import cli

Cli = Callable[..., Any]

EPILOG = """\b
Examples:
  bootwright ps                 all of them
  bootwright ps --json | jq '.[] | select(.state == "running") | .name'
  bootwright run web --detach --publish 8080:80 --name a
                                in the background,
                                and its name
"""


def _written(width: int) -> list[str]:
    formatter = Formatter(width=width)
    with formatter.indentation():
        formatter.write_text(EPILOG)
    return formatter.getvalue().rstrip("\n").splitlines()


def test_examples_stay_beside_their_meaning_where_there_is_room() -> None:
    assert _written(100)[1] == "    bootwright ps                 all of them"
    assert _written(100)[4] == " " * 34 + "in the background,"


def test_examples_are_folded_where_there_is_none() -> None:
    assert _written(50)[1:] == [
        "    bootwright ps                 all of them",
        "    bootwright ps --json | jq '.[] | \\",
        '        select(.state == "running") | .name\'',
        "    bootwright run web --detach --publish \\",
        "        8080:80 --name a",
        "          in the background, and its name",
    ]


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _commands(below, (*path, name))


@pytest.mark.parametrize("columns", [60, 80])
def test_every_help_screen_fits_the_terminal(
    columns: int, bootwright: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    wide = {
        line
        for path in _commands(cli, ())
        for line in bootwright(*path, "--help").out.splitlines()
        if len(line) > columns and not line.lstrip().startswith(("--", "[", "-"))
    }
    assert wide == set()
