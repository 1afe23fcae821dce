"""Profiles: small pieces of kernel config, each line with its reason, and what they start from.

bootwright's profiles are files of the package; users write their own, often from one of those
(``# base: profile micro``) and a few lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

from bootwright import suggest
from bootwright.errors import FormatError, InputError, NotFoundError
from bootwright.home import Home
from bootwright.kernels.kernel import load_kernel

_LINE = re.compile(r"CONFIG_(?P<name>\w+)=(?P<value>\"[^\"]*\"|[^\s\"]+)\s+# (?P<reason>\S.*)")
_SUFFIX = ".fragment"
_PROFILE = "profile "
_KERNEL = "kernel "


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
    """The config that a kernel is built with: a base, and options on top of it."""

    name: str
    title: str
    base: str
    """``allnoconfig``, or a whole config: ``kernel NAME``, or a file among the profiles."""
    options: tuple[Option, ...]

    @property
    def kind(self) -> Literal["allnoconfig", "config"]:
        """Whether the base is empty or a complete config."""
        return "allnoconfig" if self.base == "allnoconfig" else "config"

    def fragment(self) -> str:
        """Return the options alone, as the kernel's own scripts read them."""
        return "".join(f"{option.line}\n" for option in self.options)

    def base_config(self, home: Home) -> str:
        """Return the whole config that the profile starts from; empty for ``allnoconfig``.

        Raises:
            NotFoundError: it is a stored kernel's, and there is none.
            FormatError: that kernel was added without a config.
        """
        if self.kind == "allnoconfig":
            return ""
        if not self.base.startswith(_KERNEL):
            return _folder().joinpath(self.base).read_text()
        reference = self.base.removeprefix(_KERNEL)
        try:
            kernel = load_kernel(home, reference)
        except NotFoundError as error:
            raise NotFoundError(
                f"profile {self.name} starts from the config of kernel {reference!r}, "
                "which is not in the store",
                hint=f"bootwright kernel add {reference}",
            ) from error
        if "config" not in kernel.parts:
            raise FormatError(
                f"profile {self.name} starts from kernel {reference!r}, "
                "which was added without a config",
                hint="add it again with --config",
            )
        return (kernel.folder / "config").read_text()


def profile_names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in _folder().iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def is_profile_file(what: str) -> bool:
    """Return whether *what* is the path of a profile, not a name."""
    return what.endswith(_SUFFIX)


def load_profile(what: str) -> Profile:
    """Return the profile called *what*, or the one in a user's file, ``NAME.fragment``.

    Raises:
        InputError: there is none.
        FormatError: the file is not a profile.
    """
    if is_profile_file(what):
        path = Path(what)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read the profile {what}: {getattr(error, 'strerror', None) or error}",
                hint="a profile is a text file with lines such as CONFIG_SMP=y  # why",
            ) from error
        return _with_base(parse_profile(path.name.removesuffix(_SUFFIX), text))
    known = profile_names()
    if what not in known:
        raise InputError(
            f"no kernel profile is called {what!r}",
            hint=suggest.hint(
                what, known, f"use one of {', '.join(known)}, or the path of a file NAME{_SUFFIX}"
            ),
        )
    return _with_base(parse_profile(what, _folder().joinpath(what + _SUFFIX).read_text()))


def _with_base(profile: Profile) -> Profile:
    """Return *profile* with the options and the base of the profile that it starts from.

    Where both set an option, *profile* wins.
    """
    if not profile.base.startswith(_PROFILE):
        return profile
    below = load_profile(profile.base.removeprefix(_PROFILE))
    options = {option.name: option for option in (*below.options, *profile.options)}
    return replace(profile, base=below.base, options=tuple(options.values()))


def parse_profile(name: str, text: str) -> Profile:
    """Read a profile.

    Lines are ``CONFIG_NAME=value  # reason``; the first comment begins with the profile's name and
    is its title, ``# base:`` says what it starts from (``allnoconfig``, ``profile NAME``,
    ``kernel NAME``), other comments are for people.

    Raises:
        FormatError: a line has no reason, an option is set twice, or the base is unknown.
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
                f"profile {name}, line {number}: invalid line {line!r}",
                hint="write CONFIG_NAME=value  # reason",
            )
        option = Option(**found.groupdict())
        if option.name in options:
            raise FormatError(f"profile {name}, line {number}: CONFIG_{option.name} is set twice")
        options[option.name] = option
    if not _is_base(base):
        raise FormatError(
            f"profile {name} has the unknown base {base!r}"
            if base
            else f"profile {name} has no base",
            hint="write # base: allnoconfig, # base: kernel NAME, or # base: profile NAME "
            f"({', '.join(profile_names())})",
        )
    return Profile(name=name, title=title, base=base, options=tuple(options.values()))


def _is_base(base: str) -> bool:
    if base.startswith(_PROFILE):
        return base.removeprefix(_PROFILE) in profile_names()
    is_whole = base == "allnoconfig" or base.startswith(_KERNEL)
    return is_whole or (bool(base) and _folder().joinpath(base).is_file())


def _folder() -> Path:
    # The package is always unpacked: the kernel's scripts need files, not streams.
    return Path(str(files("bootwright.kbuild").joinpath("profiles")))
