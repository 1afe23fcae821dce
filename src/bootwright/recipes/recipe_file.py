"""Recipe files: a draft as TOML, as people write it and as `recipe show` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bootwright.errors import InputError
from bootwright.recipes.draft import FIELDS, Draft
from bootwright.recipes.recipe import Recipe


def read(path: Path) -> Draft:
    """Read a recipe file.

    Raises:
        InputError: it is missing, no TOML, or has a field that is unknown or of the wrong kind;
            the message names the field and what would be accepted.
    """
    table = toml_table(path, "recipe", "bootwright recipe show prints one to begin with")
    return from_table(table, str(path))


def from_table(table: Mapping[str, Any], where: str) -> Draft:
    """Return the draft that a table of a TOML file is; its keys may have ``-`` for ``_``.

    Args:
        where: What messages begin with.

    Raises:
        InputError: a field is unknown, or its value is not accepted.
    """
    values = {key.replace("-", "_"): value for key, value in table.items()}
    for name in values.keys() - FIELDS.keys():
        from bootwright import suggest  # here: no boot waits for it

        raise InputError(f"{where}: there is no field {name!r}", hint=suggest.hint(name, FIELDS))
    try:
        return Draft(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}", hint=error.hint) from error


def toml_table(path: Path, kind: str, hint: str) -> dict[str, Any]:
    """Return what a TOML file says.

    Args:
        kind: What the file is, for people.
        hint: Where one can be had, should it be missing.

    Raises:
        InputError: it cannot be read, or is not valid TOML.
    """
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the {kind} {path}: {error.strerror}", hint=hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is not valid TOML: {error}", hint="see toml.io for the syntax"
        ) from error


def to_toml(recipe: Recipe | Mapping[str, Any]) -> str:
    """Return a recipe, or one as JSON has it, as a TOML file that `read` takes back."""
    import tomli_w

    values = msgspec.to_builtins(recipe)
    table = {}
    for field in FIELDS.values():
        value = values.get(field.recipe) if field.recipe else None
        if value is not None:
            table[field.name] = field.text_of(value) if field.is_size else value
    return tomli_w.dumps(table)
