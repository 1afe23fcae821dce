"""Evidence: what a boot left behind, raw, so that it can be read again by a later analysis."""

from __future__ import annotations

import msgspec

VERSION = 1
"""Of what is written; a newer bootwright reads older ones."""


class MarkSeen(msgspec.Struct, frozen=True):
    """A mark: the host's monotonic clock when it was taken, in nanoseconds."""

    name: str
    time_ns: int
    detail: str = ""


class Exchange(msgspec.Struct, frozen=True):
    """One look at the guest's clock from outside.

    The guest wrote ``bootwright: exchange N`` into its kernel log between *before_ns* and
    *after_ns* of the host's monotonic clock.
    """

    number: int
    before_ns: int
    after_ns: int


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One boot, as seen from outside and as the guest tells it afterwards."""

    marks: tuple[MarkSeen, ...] = ()
    kernel_log: str = ""
    """As dmesg(1) prints it."""
    monotonic: str = ""
    """Between the lines ``bootwright: monotonic begin`` and ``end`` of its kernel log the guest
    read this from /proc/timer_list: CLOCK_MONOTONIC, ``now at N nsecs``."""
    manager: str = ""
    """``systemctl show``: the manager's own properties; empty without systemd."""
    units: str = ""
    """``systemctl show`` of every unit, some properties; a blank line between two."""
    processes: str = ""
    """The lines of ``/proc/*/stat``."""
    exchanges: tuple[Exchange, ...] = ()
    ssh: tuple[MarkSeen, ...] = ()
    """What ssh told of its log-in, as ``ssh -v`` says it, each line with the host's time."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a boot: a clean pass, and one that was watched more closely."""

    version: int = VERSION
    bootwright: str = ""
    clock: str = "wall"
    recipe: dict[str, object] = {}
    clean: Pass = Pass()
    instrumented: Pass | None = None
