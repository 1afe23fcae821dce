"""Everything that the doctor looks at, and what it mends."""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.doctor import blockdevices, fix, host, inventory
from bootwright.doctor.blockdevices import ListedDevice
from bootwright.doctor.check import Check
from bootwright.errors import BootwrightError
from bootwright.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """How this host is, and what bootwright has on it."""

    checks: tuple[Check, ...]
    devices: tuple[ListedDevice, ...]
    """The loop and device-mapper devices that have to do with bootwright."""
    fixed: tuple[str, ...] = ()
    """What was mended before, a line each."""

    @property
    def has_problem(self) -> bool:
        """Whether something keeps bootwright from doing its job."""
        return any(check.state == "problem" for check in self.checks)


def examine(home: Home, *, mend: bool = False) -> Examination:
    """Look at this host and at what bootwright has on it.

    Args:
        mend: First give back what dead monitors and builds left; nothing else is ever changed.

    Raises:
        HostError: what is to be mended cannot be.
    """
    fixed = fix.fix(home) if mend else []
    return Examination(
        checks=(*host.examine(home), *inventory.examine(home)),
        devices=_devices(home),
        fixed=tuple(fixed),
    )


def _devices(home: Home) -> tuple[ListedDevice, ...]:
    try:
        return tuple(blockdevices.listed(home))
    except (BootwrightError, OSError):
        return ()  # a check says that they could not be looked at, and why
