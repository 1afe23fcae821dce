"""Keyword arguments of the library's functions, each written once, in a class.

A function that takes a recipe's fields names the class of its options. Its signature, for people
and for type checkers, is made from that class.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from bootwright import suggest
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.home import Home, locate_home
from bootwright.host.home_check import check_home
from bootwright.recipes import recipe_file
from bootwright.recipes.draft import FIELDS, Draft, DraftFields, merged, of_recipe
from bootwright.recipes.recipe import Recipe

P = ParamSpec("P")
A = TypeVar("A")
Options = TypeVar("Options")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunOptions(DraftFields):
    """What boots, what its recipe is to say, and how its machine is run."""

    image: str | Path | Recipe | None = None
    """An image by its name; a recipe, or a TOML file of one, whose fields the others replace."""
    _: KW_ONLY
    name: str | None = None
    """The machine's name and host name; left out: one is made from the image's."""
    publish: str | Sequence[str] = ()
    """Ports of 127.0.0.1 that lead into the guest, as ``"8080:80"``; 0: any that is free."""
    input: str | bytes = ""
    """What the command reads on its standard input."""
    keep: bool = False
    """Keep the machine and its disk after it stops."""
    console_login: bool = False
    """Give the console a root shell without a password, for who attaches to it."""
    timeout: float | None = None
    """How many seconds the start-up may take."""
    home: Home | Path | str | None = None
    """Folders for bootwright's data; default: from the environment."""
    observer: Observer = ignore
    """Given what happens, on the event loop that runs the machine."""

    def draft(self) -> Draft:
        """Return the recipe with gaps that the options are.

        Raises:
            InputError: there is neither an image nor *tiny*, or both.
        """
        image = self.image if isinstance(self.image, str) else None
        given = Draft(image=image, **{n: getattr(self, n) for n in FIELDS if n != "image"})
        if isinstance(self.image, Path):
            given = merged(recipe_file.read(self.image), given)
        elif isinstance(self.image, Recipe):
            given = merged(of_recipe(self.image), given)
        given.check_image()
        return given


@dataclass(frozen=True, slots=True)
class BootOptions(RunOptions):
    """The same, of a machine that is used for the length of a block."""

    _: KW_ONLY
    command: str | Sequence[str] = ()
    """What a guest runs that nobody can log in to: a tiny one, or one with init ``bare``."""


def home_of(home: Home | Path | str | None) -> Home:
    """Return the folders that are meant."""
    if home is None:
        found = locate_home()
        check_home(found)
        return found
    return home if isinstance(home, Home) else Home.below(Path(home))


def bytes_of(input: str | bytes) -> bytes:
    """Return what a command reads as bytes; text as UTF-8."""
    return input.encode() if isinstance(input, str) else input


def words_of(command: str | Sequence[str]) -> tuple[str, ...]:
    """Return a command as its words; one alone is a line for the guest's shell."""
    return (command,) if isinstance(command, str) else tuple(command)


def takes(options: Callable[P, Options]) -> Callable[[Callable[[Options], T]], Callable[P, T]]:
    """Let a function of *options* be called with their fields."""
    signature = inspect.signature(options)

    def decorate(function: Callable[[Options], T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            check_names(function.__name__, kwargs, signature)
            return function(options(*args, **kwargs))

        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return decorate


def takes_first_and(
    options: Callable[P, Options],
) -> Callable[[Callable[[A, Options], T]], Callable[Concatenate[A, P], T]]:
    """Let a function of one thing and *options* be called with that and their fields."""
    signature = inspect.signature(options)

    def decorate(function: Callable[[A, Options], T]) -> Callable[Concatenate[A, P], T]:
        first, *_ = inspect.signature(function).parameters.values()
        whole = signature.replace(parameters=[first, *signature.parameters.values()])

        @wraps(function)
        def call(given: A, /, *args: P.args, **kwargs: P.kwargs) -> T:
            check_names(function.__name__, kwargs, signature)
            return function(given, options(*args, **kwargs))

        call.__signature__ = whole  # type: ignore[attr-defined]
        return call

    return decorate


def check_names(function: str, given: Mapping[str, object], signature: inspect.Signature) -> None:
    """Refuse a keyword that *function* does not take.

    Raises:
        InputError: there is one; the nearest that it takes is named.
    """
    for name in given.keys() - signature.parameters.keys():
        raise InputError(
            f"{function}() takes no argument {name!r}",
            hint=suggest.hint(name, signature.parameters),
        )
