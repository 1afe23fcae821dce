"""Baselines: what a budget file's boots took when that was last accepted.

They stand in a file of their own beside the budget file, which people write: ``budget.toml`` has
its own in ``budget.baseline.toml``. It is made to be committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bootwright.errors import HostError, InputError
from bootwright.experiments import figures
from bootwright.history.measurement import Measurement
from bootwright.host.fingerprint import Fingerprint
from bootwright.recipes.clock import CLOCKS
from bootwright.recipes.recipe import Clock

VERSION = 1
_HEAD = "# Written by bootwright check --update: what was accepted. Commit it.\n"


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Of a host what decides whether wall-clock figures compare."""

    cpu: str = ""
    cpus: int = 0
    kernel: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What one boot took."""

    clock: Clock
    boots: int
    first_seed: int | None = None
    bootwright: str
    median_ns: dict[str, int]
    """By phase, and the whole."""
    host: Host
    recipe: dict[str, object]


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    boot: dict[str, Baseline] = {}


def path_of(budget: Path) -> Path:
    """Return where the baselines of a budget file are."""
    return budget.with_name(f"{budget.name.removesuffix('.toml')}.baseline.toml")


def read(path: Path) -> dict[str, Baseline]:
    """Return the baselines by the names of the boots; none where there is no file.

    Raises:
        InputError: it is not what `write` wrote.
    """
    import tomllib

    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), type=_File)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"cannot read the baseline {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InputError(
            f"the baseline {path} is damaged: {error}",
            hint="remove it, then run bootwright check --update",
        ) from error
    if found.version > VERSION:
        raise InputError(
            f"the baseline {path} has version {found.version}; this bootwright supports up to "
            f"{VERSION}",
            hint="use the bootwright that wrote it, or a newer one",
        )
    return found.boot


def check_writable(path: Path) -> None:
    """See that the baselines can be written, before boots are spent on them.

    Raises:
        HostError: they cannot.
    """
    if not os.access(path.parent, os.W_OK):
        raise HostError(f"cannot write the baseline {path}: its folder is not writable")


def write(path: Path, baselines: dict[str, Baseline]) -> None:
    """Write the baselines; after a crash there are the old ones, or the new.

    Raises:
        HostError: the file cannot be written.
    """
    import tomli_w

    plain = _without_none(msgspec.to_builtins(_File(boot=baselines)))
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(_HEAD + tomli_w.dumps(plain), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise HostError(f"cannot write the baseline {path}: {error.strerror}") from error


def of(taken: Measurement) -> Baseline:
    """Return a measurement as a baseline."""
    return Baseline(
        clock=taken.clock,
        boots=len(figures.succeeded(taken)),
        first_seed=taken.plan.first_seed,
        bootwright=taken.bootwright,
        median_ns={phase: one.median_ns for phase, one in figures.figures(taken).items()},
        host=host_of(taken.host),
        recipe=taken.sides["A"].recipe,
    )


def host_of(host: Fingerprint) -> Host:
    """Return what a baseline keeps of a host."""
    return Host(cpu=host.cpu, cpus=host.cpus, kernel=host.kernel)


def why_apart(baseline: Baseline, clock: Clock, accelerator: str, host: Fingerprint) -> str:
    """Say why figures taken now, on *host*, would not compare with a baseline; empty: they do."""
    if baseline.clock != clock:
        return f"its baseline is of the {baseline.clock} clock, this run uses the {clock} clock"
    if CLOCKS[clock].is_repeatable:
        return ""
    if (baseline.host.cpu, baseline.host.cpus) != (host.cpu, host.cpus):
        return (
            f"its baseline was taken on {baseline.host.cpus} x {baseline.host.cpu}, "
            f"this host has {host.cpus} x {host.cpu}"
        )
    if baseline.recipe.get("accelerator") != accelerator:
        accepted = baseline.recipe.get("accelerator")
        return f"its baseline ran on {accepted}, this run uses {accelerator}"
    return ""


def _without_none(value: object) -> dict[str, object]:
    """Return a table without what TOML cannot hold."""
    assert isinstance(value, dict)
    return {
        key: _without_none(item) if isinstance(item, dict) else item
        for key, item in value.items()
        if item is not None
    }
