"""A machine's specification, and how it last ended."""

from __future__ import annotations

import os
import re
from typing import Literal

from bootwright.disks.table import disk
from bootwright.errors import InputError
from bootwright.networks.user import Forward
from bootwright.recipes.recipe import Recipe
from bootwright.values import dataclass

_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""One label of a host name. Source: RFC 1123, section 2.1."""


def check_host_name(name: str) -> str:
    """Return *name* if it is valid for a machine, whose host name it will be.

    Raises:
        InputError: it is invalid.
    """
    if not _HOST_NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a machine",
            hint="its name is its host name: up to 63 lower-case letters, digits and -, "
            "a letter or digit at both ends",
        )
    return name


def check_console_login(init: str) -> None:
    """Refuse a root shell on the console of a guest that starts none there.

    Raises:
        InputError: the init is not systemd as installed.
    """
    if init == "systemd":
        return
    why = {
        "none": "a tiny guest runs one command",
        "bare": "init bare runs one command",
        "systemd-trimmed": "a trim leaves out the console's log-in",
    }.get(init, f"init {init} starts no log-in on the console")
    runs_one = init in ("none", "bare")
    raise InputError(
        f"--console-login needs init systemd: {why}",
        hint="boot an image with systemd: bootwright run IMAGE --console-login"
        if runs_one
        else "log in by SSH: bootwright ssh NAME; or boot with --init systemd",
    )


def fresh_name(image: str | None) -> str:
    """Return a unique machine name: the image's name and 30 random bits."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return f"{_base_name(image)}-" + "".join(letters[byte % 32] for byte in os.urandom(6))


def _base_name(image: str | None) -> str:
    if image is None:
        return "tiny"
    kept = "".join(c if c.isalnum() or c == "-" else "-" for c in image.lower())
    return kept.removeprefix("sha256-")[:20].strip("-") or "machine"


MONITOR = "monitor"
"""The monitor's role in its machine's journal."""

Watch = Literal["samples", "accesses"]
"""``samples``: where the vCPU is, repeatedly. ``accesses``: each access to a device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """One machine: a recipe, and what may differ between machines of that recipe."""

    name: str
    recipe: Recipe
    publish: tuple[Forward, ...] = ()
    command: tuple[str, ...] = ()
    """What the tiny guest runs."""
    watch: Watch | None = None
    """What to observe while it boots; this slows the boot."""
    kept: bool = False
    """Whether it remains, with its disk, once it has stopped."""
    console_login: bool = False
    """Whether its console has a root shell, without a password."""

    def __post_init__(self) -> None:
        check_host_name(self.name)
        if self.console_login:
            check_console_login(self.recipe.init)
        if self.kept and self.recipe.disk != "none" and not disk(self.recipe.disk).can_be_kept:
            raise InputError(
                f"disk is {self.recipe.disk!r}, which lives as long as its VM; "
                "such a machine cannot be kept",
                hint="leave out --keep and --detach, or give another disk",
            )


EndReason = Literal["stopped", "ended", "powered-off", "panicked", "vmm-died", "lost"]
"""How a run of a machine ended.

``stopped``: shut down as requested. ``ended``: ended at once. ``powered-off``: by itself.
``panicked``: its kernel panicked or reset. ``vmm-died``: the VMM failed or was killed.
``lost``: its monitor was killed, or the host went down.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEnd:
    """How a kept machine last ended."""

    reason: EndReason
    text: str
    """A description, with details."""
    ended_s: int
    """When, in seconds since 1970; for ``lost``: when it was started."""
    console: str = ""
    """The path of the console's saved log."""

    @property
    def is_crash(self) -> bool:
        """Whether the end was unexpected: no shutdown, and nobody ended it."""
        return self.reason in ("panicked", "vmm-died", "lost")
