"""A measurement: its plan, its recipes and its samples."""

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
    """With its changes applied; on the virtual clock, each boot has another seed."""
    changes: tuple[str, ...] = ()


class MeasurementPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided before the first boot."""

    looks: tuple[int, ...]
    """The numbers of boots per side after which it may stop; the last is the maximum."""
    first_seed: int | None = None
    """The seed of the first boot on the virtual clock; each next boot adds 1."""
    timeout_s: float
    """The time limit of one boot, in seconds."""
    smallest_share: float = 0.01
    """As a share of A's median; the larger of this and *smallest_ns* applies."""
    smallest_ns: int = 1_000_000


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One boot of a measurement."""

    side: SideName
    number: int
    """From 0; samples of both sides with the same number are a pair."""
    seed: int | None
    began_s: float
    """In seconds since 1970."""
    phases: dict[str, int] = {}
    """In order, without gaps, in nanoseconds; empty if the boot failed."""
    failure: str = ""
    """Why it failed."""

    @property
    def total_ns(self) -> int | None:
        return sum(self.phases.values()) if self.phases else None


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Boots of one recipe, or of two beside each other."""

    id: int = 0
    """0 if not yet stored."""
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
        """The properties of its clock."""
        return CLOCKS[self.clock]
