"""What a machine is made from, and what is known of it while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.networks.user import Forward
from bootwright.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """One machine: a recipe, and what two machines of that recipe may differ in."""

    name: str
    recipe: Recipe
    publish: tuple[Forward, ...] = ()
    command: tuple[str, ...] = ()
    """What the tiny guest runs."""
    kept: bool = False
    """Whether it stays, with its disk, once it has stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is known of a machine while it runs; its monitor writes it down."""

    monitor_pid: int
    vmm_pid: int
    started_s: int
    """When, in seconds since 1970."""
    ports: dict[int, int]
    """Which port of the host's 127.0.0.1 leads to which port of the guest: ``{guest: host}``."""
