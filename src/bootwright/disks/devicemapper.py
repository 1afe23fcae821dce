"""Device-mapper devices, as sysfs tells of them. The ioctls come with the devices branch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import HostError

UUID_PREFIX = "BOOTWRIGHT-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A device-mapper device."""

    name: str
    uuid: str
    major: int
    minor: int
    suspended: bool
    read_only: bool
    active: bool
    open_count: int | None
    holders: tuple[str, ...]
    slaves: tuple[str, ...]


def available() -> str:
    """Return why there is no device mapper, or nothing."""
    return "" if os.path.exists("/dev/mapper/control") else "there is no /dev/mapper/control"


def every() -> list[Mapped]:
    """Return all device-mapper devices. Source: Documentation/ABI/testing/sysfs-block-dm."""
    found = []
    for sysfs in sorted(Path("/sys/block").glob("dm-*")):
        try:
            major, _, minor = (sysfs / "dev").read_text().strip().partition(":")
            found.append(
                Mapped(
                    name=(sysfs / "dm/name").read_text().strip(),
                    uuid=(sysfs / "dm/uuid").read_text().strip(),
                    major=int(major),
                    minor=int(minor),
                    suspended=(sysfs / "dm/suspended").read_text().strip() == "1",
                    read_only=(sysfs / "ro").read_text().strip() == "1",
                    active=True,
                    open_count=None,
                    holders=tuple(sorted(os.listdir(sysfs / "holders"))),
                    slaves=tuple(sorted(os.listdir(sysfs / "slaves"))),
                )
            )
        except OSError:
            continue  # removed just now
    return found


def remove(name: str, *, deferred: bool) -> None:
    """Remove a device.

    Raises:
        HostError: always, until the ioctls are here.
    """
    raise HostError(f"{name} cannot be removed yet", hint=f"sudo dmsetup remove {name}")
