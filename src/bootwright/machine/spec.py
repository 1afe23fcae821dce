"""What a machine is made from, and what is known of it while it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootwright.errors import InputError
from bootwright.networks.user import Forward
from bootwright.recipe import Recipe

_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""One label of a host name. Source: RFC 1123, section 2.1."""


def check_host_name(name: str) -> str:
    """Return *name* where it can name a machine, whose host name it will be.

    Raises:
        InputError: it cannot.
    """
    if not _HOST_NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a machine",
            hint="its name is its host name: up to 63 lower-case letters, digits and -, "
            "a letter or digit at both ends",
        )
    return name


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

    def __post_init__(self) -> None:
        check_host_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is known of a machine while it runs; its monitor writes it down."""

    monitor_pid: int
    vmm_pid: int
    started_s: int
    """When, in seconds since 1970."""
    ports: dict[int, int]
    """Which port of the host's 127.0.0.1 leads to which port of the guest: ``{guest: host}``."""
