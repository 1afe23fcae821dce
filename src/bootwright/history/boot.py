"""The values that the history stores of a boot.

They are msgspec structs, which are defined faster than dataclasses: each boot imports this module.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bootwright.host.fingerprint import Fingerprint
from bootwright.timelines.evidence import Evidence

Command = Literal["run", "start", "timeline"]


class LongPart(msgspec.Struct, frozen=True, kw_only=True):
    """One of the main parts of a boot, as analysed when it was stored; times in nanoseconds."""

    name: str
    start_ns: int
    duration_ns: int


class BootSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The listed values of a boot, as analysed when it was stored."""

    began_s: int
    """When the command was entered, in seconds since 1970."""
    command: str
    """The command that booted it; see `Command`."""
    image: str
    """The name that the user gave; empty for the tiny guest."""
    kernel: str
    image_digest: str
    """Empty for the tiny guest."""
    kernel_digest: str
    recipe_digest: str
    """The same for boots with the same recipe."""
    init: str
    clock: str
    accelerator: str
    seed: int | None
    """The seed of the guest's random numbers; None if the host provides them."""
    vmm_build: str
    bootwright: str
    total_ns: int | None
    """The total time. ``timeline``: until the first output; ``run``, ``start``: until the machine
    ended or was detached. None: on the virtual clock, without times from the guest."""
    start_up_ns: int | None
    """Until a command could run in the guest; ``timeline``: until the first output."""
    unaccounted_ns: int | None
    """The time that no evidence explains; None if the guest was not traced."""
    stretches: tuple[LongPart, ...]


class ListedBoot(BootSummary, frozen=True, kw_only=True):
    """A stored boot, as it is listed."""

    id: int
    """Increases with each stored boot, and is never reused."""


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """A boot to be stored."""

    summary: BootSummary
    evidence: Evidence
    host: Fingerprint


class StoredBoot(msgspec.Struct, frozen=True, kw_only=True):
    """A stored boot with its recipe, host and evidence."""

    row: ListedBoot
    recipe: dict[str, object]
    """As stored; an older one may not have all fields of `Recipe`."""
    host: Fingerprint
    evidence: Evidence


class BootFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Selects boots; a field that is None matches all."""

    image: str | None = None
    """Its name, or a prefix of its digest of at least eight digits."""
    kernel: str | None = None
    """Likewise."""
    init: str | None = None
    clock: str | None = None
    since_s: float | None = None
    """Begun at this time or later, in seconds since 1970."""
    before_s: float | None = None
    """Begun before this time, in seconds since 1970."""
    skip: int = 0
    """Skip this many of the newest."""
    limit: int | None = None
    """The maximum number of boots, the newest first."""


EVERY = BootFilter()
