"""Keyword arguments of the library's functions, each written once, in a class.

A function that takes a recipe's fields names the class of its options. Its signature, for people
and for type checkers, is made from that class.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, TypeVar

import msgspec

from bootwright import home as homes
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.home import Home
from bootwright.machine import draft as drafts
from bootwright.machine.draft import Draft
from bootwright.recipe import MIB, Accelerator, Clock, Disk, InitName, MachineType, Network, Recipe

P = ParamSpec("P")
A = TypeVar("A")
Options = TypeVar("Options")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecipeOptions:
    """What boots: an image or the tiny guest, and what its recipe is to say.

    Raises:
        InputError: by `draft`: there is neither an image nor *tiny*, or both; or a value cannot be
            used.
    """

    image: str | Path | Recipe | None = None
    """An image by its name; a recipe, or a TOML file of one, whose fields the others replace."""
    _: KW_ONLY
    tiny: bool = False
    """No image: a guest that runs one command and ends."""
    kernel: str | None = None
    init: InitName | None = None
    trim: str | None = None
    memory: str | int | None = None
    """Such as ``"1G"``, or MiB."""
    vcpus: int | None = None
    append: str | Sequence[str] = ()
    """Words to add to the kernel's command line."""
    without: str | Sequence[str] = ()
    """Defaults that are there for speed, and are to be switched off."""
    accelerator: Accelerator | Literal["auto"] = "auto"
    machine_type: MachineType | None = None
    cpu: str | None = None
    disk: Disk | Literal["auto"] | None = None
    disk_size: str | None = None
    """Of a disk that is larger than the image, such as ``"20G"``."""
    network: Network | None = None
    clock: Clock | None = None
    seed: int | None = None
    """Of the guest's random numbers."""
    vmm_options: Sequence[str] = ()

    def draft(self) -> Draft:
        """Return the recipe with gaps that the options are."""
        given = _draft(
            image=self.image if isinstance(self.image, str) else None,
            kernel=self.kernel,
            init=self.init,
            trim=self.trim,
            memory_mib=_mib(self.memory),
            vcpus=self.vcpus,
            append=tuple(_words(self.append)),
            without=tuple(_words(self.without)),
            accelerator=None if self.accelerator == "auto" else self.accelerator,
            machine=self.machine_type,
            cpu=self.cpu,
            disk=self.disk,
            disk_bytes=None if self.disk_size is None else drafts.parse_size(self.disk_size),
            network=self.network,
            clock=self.clock,
            random_seed=self.seed,
            vmm_options=tuple(self.vmm_options) or None,
        )
        if isinstance(self.image, Path):
            given = drafts.merged(drafts.read(self.image), given)
        elif isinstance(self.image, Recipe):
            given = drafts.merged(_draft(**msgspec.to_builtins(self.image)), given)
        if self.tiny and given.image is not None:
            raise InputError(
                f"a tiny guest has no image, but {given.image!r} was given",
                hint="leave out the image, or tiny=True",
            )
        if given.image is None and not self.tiny and given.init != "seed":
            raise InputError(
                "no image was given",
                hint="bootwright image list shows them; tiny=True boots without one",
            )
        return given


@dataclass(frozen=True, slots=True)
class RunOptions(RecipeOptions):
    """What boots, and how its machine is run."""

    _: KW_ONLY
    name: str | None = None
    """The machine's name and host name; left out: one is made from the image's."""
    publish: str | Sequence[str] = ()
    """Ports of 127.0.0.1 that lead into the guest, as ``"8080:80"``; 0: any that is free."""
    keep: bool = False
    """Keep the machine and its disk when it has stopped."""
    timeout: float | None = None
    """How many seconds the start-up may take."""
    home: Home | Path | str | None = None
    """Where bootwright keeps things; left out: as the environment says."""
    observer: Observer = ignore
    """Given what happens, on the event loop that runs the machine."""


@dataclass(frozen=True, slots=True)
class BootOptions(RunOptions):
    """The same, of a machine that is used for the length of a block."""

    _: KW_ONLY
    command: str | Sequence[str] = ()
    """What a guest runs that nobody can log in to: a tiny one, or one with init ``bare``."""


def home_of(home: Home | Path | str | None) -> Home:
    """Return the folders that are meant."""
    if home is None:
        return homes.locate()
    return home if isinstance(home, Home) else Home.below(Path(home))


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
        close = difflib.get_close_matches(name, signature.parameters, n=1)
        hint = f"did you mean {close[0]!r}?" if close else ", ".join(signature.parameters)
        raise InputError(f"{function}() takes no argument {name!r}", hint=hint)


def _draft(**values: object) -> Draft:
    try:
        return msgspec.convert(values, type=Draft)
    except msgspec.ValidationError as error:
        raise InputError(re.sub(r"`\$\.?", "`", str(error))) from error


def _words(text: str | Sequence[str]) -> list[str]:
    return [word for words in words_of(text) for word in words.split()]


def _mib(size: str | int | None) -> int | None:
    return drafts.parse_size(size, unit="m") // MIB if isinstance(size, str) else size
