"""Profiles: small pieces of kernel config, each line with its reason, and what they start from."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.home import Home
from bootwright.kernels import kernel as kernels

_LINE = re.compile(r"CONFIG_(?P<name>\w+)=(?P<value>\"[^\"]*\"|[^\s\"]+)\s+# (?P<reason>\S.*)")
_SUFFIX = ".fragment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One line of a profile."""

    name: str
    """Without ``CONFIG_``."""
    value: str
    """As a ``.config`` has it: y, n, m, a number, or text in quotes."""
    reason: str

    @property
    def line(self) -> str:
        """The line that the kernel's own scripts read."""
        return f"CONFIG_{self.name}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a kernel is built from, beside its source."""

    name: str
    title: str
    base: str
    """``allnoconfig``, or a whole config: ``kernel NAME``, or a file among the profiles."""
    options: tuple[Option, ...]

    @property
    def kind(self) -> Literal["allnoconfig", "config"]:
        """Whether the base is nothing at all, or a whole config."""
        return "allnoconfig" if self.base == "allnoconfig" else "config"

    def fragment(self) -> str:
        """Return the options alone, as the kernel's own scripts read them."""
        return "".join(f"{option.line}\n" for option in self.options)

    def base_config(self, home: Home) -> str:
        """Return the whole config that the profile starts from; empty for ``allnoconfig``.

        Raises:
            NotFoundError: it is a stored kernel's, and there is none.
            FormatError: that kernel came without its config.
        """
        if self.kind == "allnoconfig":
            return ""
        if not self.base.startswith("kernel "):
            return _folder().joinpath(self.base).read_text()
        reference = self.base.removeprefix("kernel ")
        try:
            kernel = kernels.load(home, reference)
        except NotFoundError as error:
            raise NotFoundError(
                f"profile {self.name} starts from the config of kernel {reference!r}, "
                "which is not here",
                hint=f"bootwright kernel add {reference}",
            ) from error
        if "config" not in kernel.parts:
            raise FormatError(
                f"kernel {reference!r} came without its config, from which {self.name} starts",
                hint="add it again with --config",
            )
        return (kernel.folder / "config").read_text()


def names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in _folder().iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def load(name: str) -> Profile:
    """Return the profile called *name*.

    Raises:
        InputError: there is none.
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        raise InputError(
            f"there is no kernel profile {name!r}",
            hint=f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}",
        )
    return parse(name, _folder().joinpath(name + _SUFFIX).read_text())


def parse(name: str, text: str) -> Profile:
    """Read a profile.

    Lines are ``CONFIG_NAME=value  # reason``; the first comment begins with the profile's name and
    is its title, ``# base:`` says what it starts from, other comments are for people.

    Raises:
        FormatError: a line has no reason, or an option stands twice.
    """
    title = base = ""
    options: dict[str, Option] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(f"# {name}: "):
            title = line.removeprefix(f"# {name}: ")
        elif line.startswith("# base: "):
            base = line.removeprefix("# base: ").strip()
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if not found:
            raise FormatError(
                f"profile {name}, line {number}: {line!r} is no option with a reason",
                hint="write CONFIG_NAME=value  # why",
            )
        option = Option(**found.groupdict())
        if option.name in options:
            raise FormatError(f"profile {name}, line {number}: CONFIG_{option.name} stands twice")
        options[option.name] = option
    if not base:
        raise FormatError(f"profile {name} has no base", hint="write # base: allnoconfig")
    return Profile(name=name, title=title, base=base, options=tuple(options.values()))


def _folder() -> Path:
    # Our package is always unpacked: the kernel's scripts are given files, not streams.
    return Path(str(files("bootwright.kernels").joinpath("profiles")))
