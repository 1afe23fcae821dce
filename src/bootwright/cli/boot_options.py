"""The options of every command that boots, and the draft of a recipe that they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bootwright.cli import names, screen
from bootwright.defaults.complete import complete
from bootwright.defaults.kvm_trial import Choice
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.inits.table import INITS
from bootwright.recipes import recipe_file
from bootwright.recipes.draft import FIELDS, Draft, DraftField, merged
from bootwright.recipes.recipe import Recipe

F = TypeVar("F", bound=Callable[..., Any])


def _option(field: DraftField) -> Callable[[F], F]:
    """Return the option that gives a field of a draft."""
    text = field.help
    if field.name == "init":
        text += " " + "; ".join(f"{name}: {init.summary}" for name, init in INITS.items()) + "."
    if field.is_flag:
        return click.option(f"--{field.word}", field.name, is_flag=True, help=text)
    kind: Any = int if field.is_number else str
    return click.option(
        f"--{field.word}",
        field.name,
        help=text,
        type=click.Choice(field.option_values) if field.values else kind,
        metavar=None if field.values else field.metavar,
        multiple=field.is_list,
        shell_complete=getattr(names, field.names) if field.names else None,
    )


_OPTIONS = (
    click.option(
        "--recipe",
        "recipe_file",
        type=click.Path(path_type=Path),
        help="Read options that are not given from this TOML recipe.",
    ),
    *(_option(field) for field in FIELDS.values() if field.is_option),
)


def boot_options(function: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def draft_of(image: str | None, options: dict[str, Any]) -> Draft:
    """Return the draft that the options of `boot_options` describe.

    Raises:
        InputError: there is neither an image nor --tiny, or both, or a value is not accepted.
    """
    said = {field.name: options[field.name] for field in FIELDS.values() if field.is_option}
    said["append"] = tuple(word for words in said["append"] for word in words.split())
    draft = Draft(image=image, **said)
    if options["recipe_file"]:
        draft = merged(recipe_file.read(options["recipe_file"]), draft)
    draft.check_image()
    return draft


def completed(home: Home, draft: Draft, *, quiet: bool = False) -> tuple[Recipe, Choice]:
    """Complete a draft, showing what takes a while."""
    from bootwright.cli import loop  # here: it imports asyncio, which run does later

    with screen.observer("kernel", quiet=quiet) as observe:
        return loop.run(complete(home, draft, observe))


def check_timeout(timeout_s: float | None) -> None:
    """Refuse a --timeout that no start-up could keep.

    Raises:
        InputError: it is not more than 0.
    """
    if timeout_s is not None and timeout_s <= 0:
        raise InputError(
            f"--timeout is {timeout_s:g}, but must be more than 0", hint="give seconds"
        )
