"""A budget file: which boots to measure, and how long each of their phases may take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import structs

from bootwright import suggest
from bootwright.errors import InputError
from bootwright.recipes import recipe_file
from bootwright.recipes.draft import FIELDS, Draft, merged
from bootwright.recipes.recipe import Clock
from bootwright.statistics import amount
from bootwright.statistics.summary import SMALLEST_NS

T = TypeVar("T")

_FORMS = {
    "boot": '[[boot]] above the lines name = "web" and image = "web"',
    "name": 'name = "web"',
    "recipe": 'recipe = "web.toml"',
    "with": 'with = ["memory=1G"]',
    "boots": "boots = 10",
    "timeout-s": "timeout-s = 60",
    "budget": 'budget = { whole = "1.5s" }',
    "tolerance": 'tolerance = "2%"',
    "clock": 'clock = "virtual"',
}
"""How each field is written."""
BOOTS = 10
"""Of each, where the file does not say."""


class _Boot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What a [[boot]] has beside the fields of a draft."""

    name: str
    recipe: str | None = None
    """A recipe file, from the budget file's folder."""
    with_: tuple[str, ...] = msgspec.field(default=(), name="with")
    """Changes of the recipe."""
    boots: int | None = None
    timeout_s: float | None = msgspec.field(default=None, name="timeout-s")
    budget: dict[str, str] = {}
    """By phase, or ``whole``, the longest time that its median may take."""
    tolerance: str | None = None
    """By how much each phase may be longer than in the baseline."""


class BudgetedBoot(_Boot, frozen=True, kw_only=True):
    """One boot of the file; what is None is taken from the file's head, or is the default."""

    draft: Draft
    """What is booted, as the boot itself says; its seed is the first one."""

    @property
    def title(self) -> str:
        """What is booted, as `measure` calls it."""
        return self.draft.image or self.recipe or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget file."""

    boot: tuple[BudgetedBoot, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget file as it is written."""

    boot: tuple[dict[str, Any], ...]
    clock: Clock | None = None
    boots: int = BOOTS
    tolerance: str = "1%"


def read(path: Path) -> Budget:
    """Read a budget file, with what its head says filled into each of its boots.

    Raises:
        InputError: it is missing, no TOML, or one of its fields cannot be used.
    """
    table = recipe_file.toml_table(path, "budget", "see bootwright check --help for an example")
    file = _converted(table, _File, str(path))
    budget = Budget(boot=tuple(_wanted(file, one, str(path)) for one in file.boot))
    _check(path, budget)
    return budget


def _wanted(file: _File, table: dict[str, Any], where: str) -> BudgetedBoot:
    """Return one boot, with what the file's head says filled in."""
    said = {key: value for key, value in table.items() if key.replace("-", "_") in FIELDS}
    boot = _converted({key: table[key] for key in table.keys() - said.keys()}, _Boot, where)
    draft = recipe_file.from_table({"clock": file.clock, **said}, f"{where}, boot {boot.name!r}")
    values = structs.asdict(boot)
    if boot.boots is None:
        values["boots"] = file.boots
    if boot.tolerance is None:
        values["tolerance"] = file.tolerance
    return BudgetedBoot(**values, draft=draft)


def _converted(table: dict[str, Any], kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(table, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), table, kind, where) from error


def _invalid(text: str, table: dict[str, Any], kind: type[Any], where: str) -> InputError:
    """Return the error for what msgspec complains of: the field, its value, and its own form."""
    if found := re.search(r"unknown field `([^`]*)`", text):
        known = [field.encode_name for field in structs.fields(kind)]
        known += [field.word for field in FIELDS.values()] if kind is _Boot else []
        return InputError(
            f"{where}: there is no field {found[1]!r}", hint=suggest.hint(found[1], known)
        )
    if found := re.search(r"missing required field `([^`]*)`", text):
        return InputError(f"{where}: {found[1]} is missing", hint=f"such as {_FORMS[found[1]]}")
    found = re.search(r"at `\$\.([a-z-]+)", text)
    name = found[1] if found else ""
    if name not in _FORMS:
        return InputError(f"{where}: {text}", hint="see bootwright check --help for an example")
    values = get_args(Clock) if name == "clock" else ()
    near = suggest.nearest(str(table[name]), values)
    return InputError(
        f"{where}: {name} is {_toml(table[name])}, which is not accepted",
        hint=f"did you mean {near!r}?" if near else f"such as {_FORMS[name]}",
    )


def _toml(value: object) -> str:
    """Return a value as TOML writes it."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _check(path: Path, budget: Budget) -> None:
    if not budget.boot:
        raise InputError(f"{path} has no [[boot]]", hint="add a [[boot]] with a name and an image")
    names = [one.name for one in budget.boot]
    for one in budget.boot:
        where = f"{path}, boot {one.name!r}"
        if not one.name.strip() or names.count(one.name) > 1:
            raise InputError(f"{where}: names must be unique and not empty", hint="name = 'web'")
        draft = one.draft
        if [draft.tiny, draft.image is not None, one.recipe is not None].count(True) != 1:
            raise InputError(
                f"{where}: expected exactly one of image, recipe or tiny",
                hint='such as image = "web", recipe = "web.toml" or tiny = true',
            )
        if one.boots is None or not 1 <= one.boots <= 100_000:
            raise InputError(f"{where}: invalid boots {one.boots}", hint="use 1 to 100000")
        if one.timeout_s is not None and one.timeout_s <= 0:
            raise InputError(
                f"{where}: invalid timeout-s {one.timeout_s:g}", hint="use seconds, above 0"
            )
        for phase, limit in one.budget.items():
            time_ns(limit, f"{where}, budget of {phase}")
        tolerated_ns(one.tolerance or "", 0, where)


def draft_of(wanted: BudgetedBoot, folder: Path) -> Draft:
    """Return the recipe's draft of a boot; its changes are not in it.

    Raises:
        InputError: its recipe file cannot be used.
    """
    if wanted.recipe is None:
        return wanted.draft
    return merged(recipe_file.read(folder / wanted.recipe), wanted.draft)


def time_ns(text: str, where: str) -> int:
    """Return the nanoseconds that a text such as ``900ms`` or ``1.5 s`` means.

    Raises:
        InputError: it is no such text; the message begins with *where*.
    """
    found = amount.parse(text)
    if found is None or found.share is not None:
        raise InputError(
            f"{where}: invalid time {text!r}", hint="use a number and a unit, such as 1.5s"
        )
    return found.ns


def tolerated_ns(text: str, baseline_ns: int, where: str = "tolerance") -> int:
    """Return by how much a phase may be longer than *baseline_ns*.

    A share is never less than 1 ms: two per cent of a phase of 1 ms are no regression.

    Raises:
        InputError: it is neither a share nor a time.
    """
    found = amount.read(text, f"{where}: tolerance")
    least_ns = 0 if found.share is None else SMALLEST_NS
    return max(found.of(baseline_ns), least_ns)
