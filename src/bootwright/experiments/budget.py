"""A budget file: which boots to measure, and how long each of their phases may take."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bootwright.errors import InputError
from bootwright.experiments import amount
from bootwright.experiments.statistics import SMALLEST_NS
from bootwright.machine import draft as drafts
from bootwright.machine.draft import Draft
from bootwright.recipe import MIB, Clock, InitName

BOOTS = 10
"""Of each, where the file does not say."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One boot of the file; what is None is taken from the file's head, or is the default."""

    name: str
    tiny: bool = False
    image: str | None = None
    recipe: str | None = None
    """A recipe file, from the budget file's folder."""
    kernel: str | None = None
    init: InitName | None = None
    trim: str | None = None
    memory: str | None = None
    append: tuple[str, ...] = ()
    with_: tuple[str, ...] = msgspec.field(default=(), name="with")
    """Changes of the recipe."""
    clock: Clock | None = None
    boots: int | None = None
    seed: int | None = None
    """The first one."""
    timeout_s: float | None = msgspec.field(default=None, name="timeout-s")
    budget: dict[str, str] = {}
    """By phase, or ``whole``, the longest time that its median may take."""
    tolerance: str | None = None
    """By how much each phase may be longer than in the baseline."""

    @property
    def title(self) -> str:
        """What is booted, as `measure` calls it."""
        return self.image or self.recipe or ""


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget file."""

    boot: tuple[Wanted, ...]
    clock: Clock | None = None
    boots: int = BOOTS
    tolerance: str = "1%"


def read(path: Path) -> Budget:
    """Read a budget file, with what its head says filled into each of its boots.

    Raises:
        InputError: it is missing, no TOML, or one of its fields cannot be used.
    """
    table = drafts.toml_table(path, "budget", "bootwright check --help has one to begin with")
    try:
        found = msgspec.convert(table, type=Budget)
    except msgspec.ValidationError as error:
        text = str(error).replace("`$.", "`").replace("Object ", "it ")
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(Wanted))
        raise InputError(f"{path}: {text}", hint=f"a [[boot]] has {fields}") from error
    whole = msgspec.structs.replace(found, boot=tuple(_filled(found, one) for one in found.boot))
    _check(path, whole)
    return whole


def _filled(budget: Budget, one: Wanted) -> Wanted:
    return msgspec.structs.replace(
        one,
        clock=one.clock or budget.clock,
        boots=budget.boots if one.boots is None else one.boots,
        tolerance=budget.tolerance if one.tolerance is None else one.tolerance,
    )


def _check(path: Path, budget: Budget) -> None:
    if not budget.boot:
        raise InputError(f"{path} has no boot", hint="write [[boot]], then name and image")
    names = [one.name for one in budget.boot]
    for one in budget.boot:
        where = f"{path}, boot {one.name!r}"
        if not one.name.strip() or names.count(one.name) > 1:
            raise InputError(f"{where}: names are not empty, and unlike", hint="name = 'web'")
        if [one.tiny, one.image is not None, one.recipe is not None].count(True) != 1:
            raise InputError(
                f"{where} says not one thing to boot",
                hint='give one of image = "web", recipe = "web.toml", tiny = true',
            )
        if one.boots is None or not 1 <= one.boots <= 100_000:
            raise InputError(f"{where}: boots is {one.boots}", hint="give 1 to 100000")
        if one.timeout_s is not None and one.timeout_s <= 0:
            raise InputError(f"{where}: timeout-s is {one.timeout_s:g}", hint="give seconds")
        for phase, limit in one.budget.items():
            time_ns(limit, f"{where}, budget of {phase}")
        tolerated_ns(one.tolerance or "", 0, where)


def draft_of(wanted: Wanted, folder: Path) -> Draft:
    """Return the recipe's draft of a boot; its changes are not in it.

    Raises:
        InputError: its recipe file cannot be used, or its memory is no size.
    """
    memory = wanted.memory
    given = Draft(
        image=wanted.image,
        kernel=wanted.kernel,
        init=wanted.init,
        trim=wanted.trim,
        append=wanted.append,
        memory_mib=None if memory is None else drafts.parse_size(memory, unit="m") // MIB,
        random_seed=wanted.seed,
        clock=wanted.clock,
    )
    if wanted.recipe is None:
        return given
    return drafts.merged(drafts.read(folder / wanted.recipe), given)


def time_ns(text: str, where: str) -> int:
    """Return the nanoseconds that a text such as ``900ms`` or ``1.5 s`` means.

    Raises:
        InputError: it is no such text; the message begins with *where*.
    """
    found = amount.parse(text)
    if found is None or found.share is not None:
        raise InputError(f"{where}: {text!r} is no time", hint="such as '900ms' or '1.5s'")
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
