"""Loop and device-mapper devices that bootwright created, or that use its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bootwright.busy import holders as holding
from bootwright.busy.holders import BlockDevices
from bootwright.busy.owners import Folders, Owner, OwnerState, of_loop, of_mapped
from bootwright.disks.devicemapper import Mapped
from bootwright.disks.loop import Bound
from bootwright.doctor.check import Check
from bootwright.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDevice:
    """A loop or device-mapper device that bootwright created, or that uses its files."""

    kind: Literal["loop", "device mapper"]
    name: str
    state: OwnerState
    machine: str = ""
    role: str = ""
    called: str = ""
    """The name of a device-mapper device."""
    backing_file: str = ""
    holders: tuple[str, ...] = ()
    """Devices on top of it."""
    mounts: tuple[str, ...] = ()
    why: str = ""
    """Why it is foreign, although it is marked as bootwright's or uses one of its files."""


def listed(home: Home, block_devices: BlockDevices | None = None) -> list[ListedDevice]:
    """List the devices that concern bootwright, the lowest layer first; changes nothing."""
    block_devices = block_devices or holding.read_block_devices()
    folders = Folders.of(home)
    found = []
    for bound in sorted(block_devices.loops, key=lambda b: b.number):
        if owner := of_loop(bound, folders):
            found.append(_loop(bound, owner, block_devices))
    for mapped in block_devices.mapped:
        if owner := of_mapped(mapped, block_devices.loops, block_devices.mapped, folders):
            found.append(_mapped(mapped, owner, block_devices))
    return found


def examine(home: Home) -> Iterator[Check]:
    """Check each device."""
    found = listed(home)
    for device in found:
        yield Check(
            area="bootwright",
            name=device.name,
            state="warning"
            if device.state == "orphaned"
            else "note"
            if device.state == "foreign"
            else "ok",
            text=_text(device),
            hint="to remove it: bootwright doctor --fix" if device.state == "orphaned" else "",
            fixable=device.state == "orphaned",
        )
    if not found:
        text = "no loop or device-mapper devices"
        yield Check(area="bootwright", name="devices", state="ok", text=text)


def _text(device: ListedDevice) -> str:
    match device.state:
        case "alive":
            words = [f"in use by running machine {device.machine}"]
        case "orphaned":
            words = [f"orphaned: machine {device.machine or '?'} is not running"]
        case "shared":
            words = ["holds an image, shared by machines"]
        case "foreign":
            words = [f"foreign, left alone: {device.why}"]
    words += [f"name {device.called}"] if device.called else []
    words += [f"file {device.backing_file}"] if device.backing_file else []
    words += [f"used by {', '.join(device.holders)}"] if device.holders else []
    words += [f"mounted at {', '.join(device.mounts)}"] if device.mounts else []
    return "; ".join(words)


def _loop(bound: Bound, owner: Owner, block_devices: BlockDevices) -> ListedDevice:
    name = f"loop{bound.number}"
    return ListedDevice(
        kind="loop",
        name=name,
        state=owner.state,
        machine=owner.machine,
        role=owner.role,
        backing_file=bound.backing_file,
        holders=bound.holders,
        mounts=_mounts(holding.numbers_of(name), block_devices),
        why=owner.why,
    )


def _mapped(mapped: Mapped, owner: Owner, block_devices: BlockDevices) -> ListedDevice:
    return ListedDevice(
        kind="device mapper",
        name=f"dm-{mapped.minor}",
        state=owner.state,
        machine=owner.machine,
        called=mapped.name,
        backing_file=owner.on,
        holders=mapped.holders,
        mounts=_mounts((mapped.major, mapped.minor), block_devices),
        why=owner.why,
    )


def _mounts(device: tuple[int, int], block_devices: BlockDevices) -> tuple[str, ...]:
    return tuple(str(mount.point) for mount in block_devices.mounted if mount.device == device)
