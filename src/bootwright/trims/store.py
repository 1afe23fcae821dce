"""Stored trims: small TOML files that users can read and edit."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from bootwright import suggest
from bootwright.digest import Digest, is_digest
from bootwright.errors import BootwrightError, FormatError, InputError, NotFoundError, find_all
from bootwright.home import Home
from bootwright.store import NAME_PATTERN, check_name
from bootwright.systemd.unitfiles import parse_name
from bootwright.trims.trim import DropIn, DroppedGenerator, Mask, Trim

V = TypeVar("V")

_GENERATOR = re.compile(r"(/[A-Za-z0-9_.+-]+)+")
_DROP_IN = re.compile(r"([^/]+)\.d/[A-Za-z0-9_.-]+\.conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTrim(Trim):
    """A trim in the store."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedTrim:
    """A trim whose file cannot be read."""

    name: str
    damaged: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimDiff:
    """What only one of two trims masks or adds: ``{name: content}``."""

    only_a: dict[str, str]
    only_b: dict[str, str]


def path(home: Home, name: str) -> Path:
    """Return the file of the trim called *name*."""
    return home.trims / f"{name}.toml"


def names(home: Home) -> list[str]:
    """Return the names of all trims, sorted."""
    if not home.trims.is_dir():
        return []
    stems = (entry.stem for entry in home.trims.iterdir() if entry.suffix == ".toml")
    return sorted(stem for stem in stems if NAME_PATTERN.fullmatch(stem))


def save(home: Home, trim: Trim, *, replace: bool = False) -> bool:
    """Store *trim* under its name.

    Args:
        replace: Whether to take the name from another trim that has it.

    Returns:
        Whether it is new; False: the same trim was already stored.

    Raises:
        InputError: another trim has the name.
    """
    check_name(trim.name, "a trim")
    target = path(home, trim.name)
    home.trims.mkdir(parents=True, exist_ok=True)
    staged = home.trims / f".{trim.name}-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        staged.write_text(to_toml(trim))
        os.link(staged, target)  # unlike a rename, this replaces nothing
    except FileExistsError:
        if target.read_text() == to_toml(trim):
            return False
        if not replace:
            raise InputError(
                f"another trim is called {trim.name!r}",
                hint="use another --name, or add --replace to reuse this one",
            ) from None
        staged.rename(target)
    finally:
        staged.unlink(missing_ok=True)
    return True


def every(home: Home) -> tuple[StoredTrim | DamagedTrim, ...]:
    """Return all trims, sorted by name."""
    found: list[StoredTrim | DamagedTrim] = []
    for name in names(home):
        try:
            found.append(stored(home, name))
        except BootwrightError as error:
            found.append(DamagedTrim(name=name, damaged=str(error)))
    return tuple(found)


def stored(home: Home, name: str) -> StoredTrim:
    """Return the trim called *name* with its path; raises as `load`."""
    trim = load(home, name)
    return StoredTrim(
        name=trim.name,
        image=trim.image,
        keep=trim.keep,
        masks=trim.masks,
        generators=trim.generators,
        drop_ins=trim.drop_ins,
        path=path(home, name),
    )


def diff(home: Home, a: str, b: str) -> TrimDiff:
    """Compare two trims; raises as `load`."""
    first, second = (_left_out(load(home, name)) for name in (a, b))
    return TrimDiff(
        only_a={key: value for key, value in first.items() if second.get(key) != value},
        only_b={key: value for key, value in second.items() if first.get(key) != value},
    )


def _left_out(trim: Trim) -> dict[str, str]:
    """Return what a trim masks or adds: ``{name: content}``."""
    return {
        **{mask.unit: "masked" for mask in trim.masks},
        **{generator.path: "does not run" for generator in trim.generators},
        **{drop_in.path: drop_in.content for drop_in in trim.drop_ins},
    }


def load(home: Home, name: str) -> Trim:
    """Read the trim called *name*.

    Raises:
        NotFoundError: there is none.
        FormatError: the file is not a valid trim; the message names the field.
    """
    file = path(home, name)
    if not NAME_PATTERN.fullmatch(name) or not file.is_file():
        raise _unknown(home, name)
    try:
        trim = from_toml(file.read_text())
    except (InputError, UnicodeDecodeError) as error:
        raise FormatError(
            f"trim {name!r} is damaged: {file}: {error}",
            hint=f"fix the file, or: bootwright trim rm {name}",
        ) from error
    if trim.name != name:
        raise FormatError(
            f"trim {name!r} is damaged: {file}: `name` is {trim.name!r}",
            hint=f'set name = "{name}" in the file',
        )
    return trim


def remove(home: Home, *wanted: str) -> None:
    """Remove trims by their names, all of them or none; damaged ones too.

    Raises:
        NotFoundError: there is none of a name.
    """

    def existing(name: str) -> Path:
        file = path(home, name)
        if not NAME_PATTERN.fullmatch(name) or not file.is_file():
            raise _unknown(home, name)
        return file

    for file in find_all(wanted, existing).values():
        file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _DropIn:
    """A drop-in, in the file."""

    content: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The content of a trim's file: one line for each mask, with its reason."""

    name: str
    image: Digest
    keep: tuple[str, ...] = ()
    masks: dict[str, object] = field(default_factory=dict)
    generators: dict[str, object] = field(default_factory=dict)
    drop_ins: dict[str, _DropIn] = field(default_factory=dict)


def to_toml(trim: Trim) -> str:
    """Encode *trim* as TOML, for `from_toml`."""
    import tomli_w

    table = {
        "name": trim.name,
        "image": trim.image,
        "keep": trim.keep,
        "masks": {mask.unit: mask.reason for mask in trim.masks},
        "generators": {g.path: g.reason for g in trim.generators},
        "drop_ins": {d.path: {"content": d.content, "reason": d.reason} for d in trim.drop_ins},
    }
    head = "# What a boot does not start, and why. Delete a line to start it again.\n"
    return head + tomli_w.dumps({key: value for key, value in table.items() if value})


def from_toml(text: str) -> Trim:
    """Read a trim.

    Raises:
        InputError: it is not TOML, or a field is missing, unknown or invalid.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"invalid TOML: {error}") from error
    known = _File.__dataclass_fields__
    if unknown := sorted(set(table) - set(known)):
        near = suggest.nearest(unknown[0], known)
        raise InputError(
            f"unknown field `{unknown[0]}`"
            + (f"; did you mean `{near}`?" if near else f"; the fields are {', '.join(known)}")
        )
    try:
        file = msgspec.convert(table, type=_File)
    except msgspec.ValidationError as error:
        text = str(error).replace("`$.", "`").replace("Object missing", "missing")
        raise InputError(text) from error
    if not is_digest(file.image):
        raise InputError(f"`image` is {file.image!r}, not a digest")
    return Trim(
        name=file.name,
        image=file.image,
        keep=file.keep,
        masks=tuple(
            Mask(unit=unit, reason=reason)
            for unit, reason in _reasons("masks", file.masks, _is_unit, "ssh.service")
        ),
        generators=tuple(
            DroppedGenerator(path=path, reason=reason)
            for path, reason in _reasons(
                "generators", file.generators, _is_absolute, "/usr/lib/systemd/system-generators/x"
            )
        ),
        drop_ins=tuple(
            DropIn(path=path, content=drop_in.content, reason=drop_in.reason)
            for path, drop_in in _checked(
                "drop_ins", file.drop_ins, _is_drop_in, "ssh.service.d/10-a.conf"
            )
        ),
    )


def _reasons(
    key: str, table: dict[str, object], is_valid: Callable[[str], bool], example: str
) -> Iterator[tuple[str, str]]:
    for name, reason in _checked(key, table, is_valid, example):
        if not isinstance(reason, str):
            raise InputError(f"`{key}.{name!r}` is {reason!r}; a reason must be a string")
        yield name, reason


def _checked(
    key: str, table: dict[str, V], is_valid: Callable[[str], bool], example: str
) -> Iterator[tuple[str, V]]:
    for name, value in table.items():
        if not is_valid(name):
            raise InputError(
                f"`{key}` has the invalid name {name!r}; expected a name such as {example}"
            )
        yield name, value


def _is_unit(text: str) -> bool:
    name = parse_name(text)
    return name is not None and not name.is_template


def _is_absolute(text: str) -> bool:
    return _GENERATOR.fullmatch(text) is not None and "/." not in text


def _is_drop_in(text: str) -> bool:
    found = _DROP_IN.fullmatch(text)
    return found is not None and parse_name(found[1]) is not None


def _unknown(home: Home, name: str) -> NotFoundError:
    known = names(home)
    others = "" if known else "make one: bootwright trim IMAGE --name NAME"
    return NotFoundError(f"no trim is called {name!r}", hint=suggest.hint(name, known, others))
