"""A boot as the history knows it: what is listed of it, and all that is kept. Values only.

They are structs because those are made faster than dataclasses: each boot pays for this import.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bootwright.host.fingerprint import Fingerprint
from bootwright.timelines.evidence import Evidence

Command = Literal["run", "start", "timeline"]


class LongPart(msgspec.Struct, frozen=True, kw_only=True):
    """One of the few long parts of a boot, as today's analysis cut it; times in nanoseconds."""

    name: str
    start_ns: int
    duration_ns: int


class BootSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What is listed of a boot. Figures are those of the analysis of the day it was stored."""

    began_s: int
    """When its command was entered, in seconds since 1970."""
    command: str
    """The command that booted it; see `Command`."""
    image: str
    """As the user gave it; empty for the tiny guest."""
    kernel: str
    image_digest: str
    """Empty for the tiny guest."""
    kernel_digest: str
    recipe_digest: str
    """Equal for boots of one recipe."""
    init: str
    clock: str
    accelerator: str
    seed: int | None
    """Of the guest's random numbers; None: the host's own."""
    vmm_build: str
    bootwright: str
    total_ns: int | None
    """The whole. Of ``timeline``, until the first output; of ``run`` and ``start``, until the
    machine was gone or was left alone. None: the clock is virtual, and the guest was not asked."""
    start_up_ns: int | None
    """Until a command could run in the guest; of ``timeline``, until the first output."""
    unaccounted_ns: int | None
    """What no evidence explains; None: nobody looked inside."""
    stretches: tuple[LongPart, ...]


class ListedBoot(BootSummary, frozen=True, kw_only=True):
    """A stored boot, as it is listed."""

    id: int
    """Grows with each boot that is stored; never given twice."""


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """A boot to be stored."""

    summary: BootSummary
    evidence: Evidence
    host: Fingerprint


class StoredBoot(msgspec.Struct, frozen=True, kw_only=True):
    """A stored boot with all that is known of it."""

    row: ListedBoot
    recipe: dict[str, object]
    """As it was; an older one may lack fields that `Recipe` has today."""
    host: Fingerprint
    evidence: Evidence


class BootFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which boots are wanted; what is None does not matter."""

    image: str | None = None
    """The name it was given by, or the beginning of its digest, eight digits or more."""
    kernel: str | None = None
    """Likewise."""
    init: str | None = None
    clock: str | None = None
    since_s: float | None = None
    """Begun then or later, in seconds since 1970."""
    before_s: float | None = None
    """Begun before."""
    skip: int = 0
    """How many of the newest are left out."""
    limit: int | None = None
    """How many at most, the newest first."""


EVERY = BootFilter()
