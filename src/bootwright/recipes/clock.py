"""GuestClock: what a guest's time is made of, and all that follows from it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from bootwright.values import dataclass

ClockName = Literal["wall", "virtual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a field of a recipe must be on a clock."""

    accepted: tuple[object, ...]
    """The first one is the default there."""
    hint: str
    """Why, and what to do about another value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestClock:
    """One of the clocks that a guest can have.

    Code asks for the property that it depends on, not for the clock's name.
    """

    name: ClockName
    counts_instructions: bool
    """Guest time is a nanosecond an instruction; else it is the host's."""
    is_closed: bool
    """Nothing reaches the guest while it runs: no packet, no key press, no log-in."""
    is_repeatable: bool
    """One seed takes one time, on any host, whatever else runs there: boots may run side by side,
    and are compared seed by seed. Else they run one at a time and in turns, on one host."""
    timed_by_guest: bool
    """How long a boot takes is in the guest's own log, and the host's times do not tell."""
    shares_identity: bool
    """All its machines have the same name, keys and addresses: others are other bytes to read."""
    needs: Mapping[str, Need] = field(default_factory=dict)
    """By field of the recipe. Nothing may happen in the guest at a moment that the host decides."""
    random_seed: int | None = None
    """The random seed where none is given. None: the host's randomness, and no seed is needed."""
    cmdline: tuple[str, ...] = ()
    """Kernel arguments that are there by default."""


WALL = GuestClock(
    name="wall",
    counts_instructions=False,
    is_closed=False,
    is_repeatable=False,
    timed_by_guest=False,
    shares_identity=False,
)
VIRTUAL = GuestClock(
    name="virtual",
    counts_instructions=True,
    is_closed=True,
    is_repeatable=True,
    timed_by_guest=True,
    shares_identity=True,
    needs={
        "accelerator": Need(
            accepted=("tcg",), hint="only TCG counts instructions; leave out --accelerator"
        ),
        "vcpus": Need(
            accepted=(1,),
            hint="the host would decide when two vCPUs take turns; leave out --vcpus",
        ),
        "network": Need(
            accepted=("none",), hint="packets come when the host sends them; leave network out"
        ),
        "disk": Need(
            accepted=("pmem", "none"),
            hint="other disks answer when the host does; leave disk out",
        ),
    },
    random_seed=1,
    # Where a kernel and its programs lie in memory changes how many instructions they take: one
    # thing less that differs between two seeds.
    cmdline=("nokaslr", "norandmaps"),
)
CLOCKS: Mapping[str, GuestClock] = {clock.name: clock for clock in (WALL, VIRTUAL)}
