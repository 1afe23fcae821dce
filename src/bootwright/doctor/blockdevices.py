"""Loop and device-mapper devices that are ours, look like ours, or lie on our files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bootwright.busy import holders as holding
from bootwright.busy.holders import BlockDevices
from bootwright.busy.owners import Fate, Folders, Owner, of_loop, of_mapped
from bootwright.disks.devicemapper import Mapped
from bootwright.disks.loop import Bound
from bootwright.doctor.check import Check
from bootwright.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDevice:
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


def listed(home: Home, vcpu_state: BlockDevices | None = None) -> list[ListedDevice]:
    """Return the devices that have to do with us, changing nothing; the lowest layer first."""
    vcpu_state = vcpu_state or holding.read_block_devices()
    ours = Folders.of(home)
    found = []
    for bound in sorted(vcpu_state.loops, key=lambda b: b.number):
        if owner := of_loop(bound, ours):
            found.append(_loop(bound, owner, vcpu_state))
    for mapped in vcpu_state.mapped:
        if owner := of_mapped(mapped, vcpu_state.loops, vcpu_state.mapped, ours):
            found.append(_mapped(mapped, owner, vcpu_state))
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


def _told(device: ListedDevice) -> str:
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


def _loop(bound: Bound, owner: Owner, vcpu_state: BlockDevices) -> ListedDevice:
    name = f"loop{bound.number}"
    return ListedDevice(
        kind="loop",
        name=name,
        fate=owner.fate,
        machine=owner.machine,
        role=owner.role,
        backing_file=bound.backing_file,
        holders=bound.holders,
        mounts=_mounts(holding.numbers_of(name), vcpu_state),
        why=owner.why,
    )


def _mapped(mapped: Mapped, owner: Owner, vcpu_state: BlockDevices) -> ListedDevice:
    return ListedDevice(
        kind="device mapper",
        name=f"dm-{mapped.minor}",
        fate=owner.fate,
        machine=owner.machine,
        called=mapped.name,
        backing_file=owner.on,
        holders=mapped.holders,
        mounts=_mounts((mapped.major, mapped.minor), vcpu_state),
        why=owner.why,
    )


def _mounts(device: tuple[int, int], vcpu_state: BlockDevices) -> tuple[str, ...]:
    return tuple(str(mount.point) for mount in vcpu_state.mounted if mount.device == device)
