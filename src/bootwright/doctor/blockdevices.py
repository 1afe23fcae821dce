"""Loop and device-mapper devices that are ours, look like ours, or lie on our files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bootwright.disks.devicemapper import Mapped
from bootwright.disks.loop import Bound
from bootwright.doctor import holders as holding
from bootwright.doctor.check import Check
from bootwright.doctor.holders import Sight
from bootwright.doctor.owners import Fate, Folders, Owner, of_loop, of_mapped
from bootwright.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device that has to do with us."""

    kind: Literal["loop", "device mapper"]
    name: str
    fate: Fate
    machine: str = ""
    role: str = ""
    called: str = ""
    """A device-mapper device's own name."""
    backing_file: str = ""
    holders: tuple[str, ...] = ()
    """Devices that lie on it."""
    mounts: tuple[str, ...] = ()
    why: str = ""
    """Why it is none of ours, although it looks so or lies on a file of ours."""


def listed(home: Home, sight: Sight | None = None) -> list[Device]:
    """Return the devices that have to do with us, changing nothing; the lowest layer first."""
    sight = sight or holding.look()
    ours = Folders.of(home)
    found = []
    for bound in sorted(sight.loops, key=lambda b: b.number):
        if owner := of_loop(bound, ours):
            found.append(_loop(bound, owner, sight))
    for mapped in sight.mapped:
        if owner := of_mapped(mapped, sight.loops, sight.mapped, ours):
            found.append(_mapped(mapped, owner, sight))
    return found


def examine(home: Home) -> Iterator[Check]:
    """Say of each device how it is."""
    found = listed(home)
    for device in found:
        yield Check(
            area="ours",
            name=device.name,
            state="warning"
            if device.fate == "orphaned"
            else "note"
            if device.fate == "foreign"
            else "ok",
            text=_told(device),
            hint="bootwright doctor --fix frees it" if device.fate == "orphaned" else "",
            fixable=device.fate == "orphaned",
        )
    if not found:
        text = "no loop or device-mapper device is ours, or lies on our files"
        yield Check(area="ours", name="devices", state="ok", text=text)


def _told(device: Device) -> str:
    match device.fate:
        case "alive":
            words = [f"machine {device.machine}'s, which is alive"]
        case "orphaned":
            words = [f"orphaned: machine {device.machine or '?'} is not alive"]
        case "shared":
            words = ["an image's own, shared by machines"]
        case "foreign":
            words = [f"foreign, and left alone: {device.why}"]
    words += [f"called {device.called}"] if device.called else []
    words += [f"file {device.backing_file}"] if device.backing_file else []
    words += [f"held by {', '.join(device.holders)}"] if device.holders else []
    words += [f"mounted at {', '.join(device.mounts)}"] if device.mounts else []
    return "; ".join(words)


def _loop(bound: Bound, owner: Owner, sight: Sight) -> Device:
    name = f"loop{bound.number}"
    return Device(
        kind="loop",
        name=name,
        fate=owner.fate,
        machine=owner.machine,
        role=owner.role,
        backing_file=bound.backing_file,
        holders=bound.holders,
        mounts=_mounts(holding.numbers_of(name), sight),
        why=owner.why,
    )


def _mapped(mapped: Mapped, owner: Owner, sight: Sight) -> Device:
    return Device(
        kind="device mapper",
        name=f"dm-{mapped.minor}",
        fate=owner.fate,
        machine=owner.machine,
        called=mapped.name,
        backing_file=owner.on,
        holders=mapped.holders,
        mounts=_mounts((mapped.major, mapped.minor), sight),
        why=owner.why,
    )


def _mounts(device: tuple[int, int], sight: Sight) -> tuple[str, ...]:
    return tuple(str(mount.point) for mount in sight.mounted if mount.device == device)
