"""All checks of `bootwright doctor`, and its fixes."""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.doctor import blockdevices, fix, host, inventory
from bootwright.doctor.blockdevices import ListedDevice
from bootwright.doctor.check import Check
from bootwright.errors import BootwrightError
from bootwright.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """The results of all checks."""

    checks: tuple[Check, ...]
    devices: tuple[ListedDevice, ...]
    """Loop and device-mapper devices that bootwright created, or that use its files."""
    fixed: tuple[str, ...] = ()
    """What was fixed before the checks ran, one line each."""

    @property
    def has_problem(self) -> bool:
        """Whether bootwright cannot do its job."""
        return any(check.state == "problem" for check in self.checks)


def examine(home: Home, *, mend: bool = False) -> Examination:
    """Check this host and what bootwright created on it.

    Args:
        mend: First reclaim what dead monitors and builds left behind; nothing else is changed.

    Raises:
        HostError: something cannot be fixed.
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
        return ()  # a check reports the error
