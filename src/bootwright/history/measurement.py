"""A measurement as the history knows it: what was asked for, of which recipes, and each sample."""

from __future__ import annotations

from typing import Literal

import msgspec

from bootwright.host.fingerprint import Fingerprint
from bootwright.recipes.clock import CLOCKS, ClockName, GuestClock

SideName = Literal["A", "B"]


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the recipes that are measured."""

    title: str
    """The image or the recipe file, as the user gave it; empty for the tiny guest."""
    recipe: dict[str, object]
    """With its changes; each boot of the virtual clock has a seed of its own in its place."""
    changes: tuple[str, ...] = ()


class MeasurementPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided before the first boot."""

    looks: tuple[int, ...]
    """After how many boots of each side one looks, and may stop; the last is how many at most."""
    first_seed: int | None = None
    """On the virtual clock the i-th boot has the i-th seed from here."""
    timeout_s: float
    """How long one boot may take."""
    smallest_share: float = 0.01
    """Of A's median; the larger of the two counts."""
    smallest_ns: int = 1_000_000


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One boot of a measurement."""

    side: SideName
    number: int
    """From 0; those of two sides with one number are a pair."""
    seed: int | None
    began_s: float
    """In seconds since 1970."""
    phases: dict[str, int] = {}
    """In order, without gaps, in nanoseconds; empty where the boot failed."""
    failure: str = ""
    """Why it failed."""

    @property
    def total_ns(self) -> int | None:
        return sum(self.phases.values()) if self.phases else None


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Boots of one recipe, or of two beside each other."""

    id: int = 0
    """0: not yet stored."""
    began_s: int
    command: Literal["measure", "compare"]
    clock: ClockName
    plan: MeasurementPlan
    sides: dict[SideName, Side]
    host: Fingerprint
    bootwright: str
    samples: tuple[Sample, ...] = ()

    @property
    def guest_clock(self) -> GuestClock:
        """What its clock means for a boot."""
        return CLOCKS[self.clock]
