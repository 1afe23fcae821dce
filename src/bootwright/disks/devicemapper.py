"""Create, list and remove device-mapper devices.

Nothing waits for udev: nodes are devtmpfs's /dev/dm-N or private ones, and removal is retried while
udev keeps a new device busy.
"""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootwright.disks import dm_ioctl, holders, nodes
from bootwright.disks.dm_ioctl import Answer, Target
from bootwright.errors import DeviceError

UUID_PREFIX = "BOOTWRIGHT-"
"""The prefix of the UUIDs of bootwright's devices; others are never removed."""
SYS_BLOCK = Path("/sys/block")
SECTOR = 512

_PATIENCE_S = 1.0
_MOST_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Sectors that lie on another device, named by its numbers: ``7:3``."""

    start: int
    length: int
    device: str
    offset: int = 0

    def target(self) -> Target:
        return Target(
            start=self.start,
            length=self.length,
            kind="linear",
            parameters=f"{self.device} {self.offset}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Zero:
    """Sectors that read as zeros."""

    start: int
    length: int

    def target(self) -> Target:
        return Target(start=self.start, length=self.length, kind="zero", parameters="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Sectors of *origin* until they are written, which goes to *store*.

    Source: Documentation/admin-guide/device-mapper/snapshot.rst.
    """

    start: int
    length: int
    origin: str
    store: str
    keeping: Literal["N", "P", "PO"]
    """N: forgotten with the device. P: kept. PO: kept, and still readable once it overflowed."""
    chunk_sectors: int

    def target(self) -> Target:
        return Target(
            start=self.start,
            length=self.length,
            kind="snapshot",
            parameters=f"{self.origin} {self.store} {self.keeping} {self.chunk_sectors}",
        )


Table = Sequence[Linear | Zero | Snapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A device as the kernel has it now."""

    name: str
    uuid: str
    major: int
    minor: int
    suspended: bool
    read_only: bool
    active: bool
    """It has a table; a crash while it was made can leave one without."""
    open_count: int | None
    """How many hold it open, devices on top included; unknown without root."""
    holders: tuple[str, ...]
    slaves: tuple[str, ...]

    @property
    def numbers(self) -> str:
        """Its number, as tables name it."""
        return f"{self.major}:{self.minor}"

    @property
    def node(self) -> Path:
        """Its node, in /dev or in a private folder if that is missing."""
        return nodes.block(f"dm-{self.minor}", self.major, self.minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotStatus:
    """How full a snapshot's store is."""

    used: int
    """In sectors, as are `total` and, within `used`, `metadata`."""
    total: int
    metadata: int
    failure: Literal["", "Invalid", "Overflow", "Merge failed", "Unknown"] = ""
    """Why it accepts no more writes. Invalid: no reads either. The sectors are then 0."""


def available() -> str:
    """Return why snapshots cannot be made on this host; "" if they can."""
    return dm_ioctl.unsupported_because()[0]


def create(name: str, uuid: str, table: Table, *, read_only: bool = False) -> Mapped:
    """Make a device, load its table and resume it.

    Raises:
        DeviceError: the kernel refused; nothing is left behind.
    """
    _call(dm_ioctl.DEV_CREATE, name, f"making the device {name}", uuid=uuid)
    try:
        reload(name, table, read_only=read_only)
        resume(name)
        return _require(name)
    except BaseException:
        remove(name, deferred=True)
        raise


def reload(name: str, table: Table, *, read_only: bool = False) -> None:
    """Load a table, which becomes the device's at the next `resume`."""
    data = dm_ioctl.packed([line.target() for line in table])
    flags = dm_ioctl.READ_ONLY if read_only else 0
    doing = f"loading a table of {', '.join(line.target().kind for line in table)} into {name}"
    _call(dm_ioctl.TABLE_LOAD, name, doing, flags=flags, targets=len(table), data=data)


def suspend(name: str) -> None:
    """Suspend a device: finish pending I/O and hold back new I/O."""
    _call(dm_ioctl.DEV_SUSPEND, name, f"suspending {name}", flags=dm_ioctl.SUSPEND)


def resume(name: str) -> None:
    """Resume a device, with the table that was loaded, if any."""
    _call(dm_ioctl.DEV_SUSPEND, name, f"resuming {name}")


def resize(name: str, table: Table, *, read_only: bool = False) -> None:
    """Replace the table of a live device; those who have it open see its new size."""
    reload(name, table, read_only=read_only)
    suspend(name)
    resume(name)


def remove(name: str, *, deferred: bool = False, patience_s: float = _PATIENCE_S) -> bool:
    """Remove a device; a missing one is no error.

    Args:
        deferred: If it is still busy at the end, have the kernel remove it after its last holder.
        patience_s: How long to try, since a udev may be looking at it.

    Returns:
        Whether it is gone now.

    Raises:
        DeviceError: it is busy (the message says who holds it), or the kernel refused.
    """
    deadline = time.monotonic() + patience_s
    while True:
        last = time.monotonic() >= deadline
        flags = dm_ioctl.DEFERRED_REMOVE if deferred and last else 0
        try:
            with dm_ioctl.control() as file:
                answer = dm_ioctl.call(file, dm_ioctl.DEV_REMOVE, name=name, flags=flags)
            return not answer.flags & dm_ioctl.DEFERRED_REMOVE
        except OSError as error:
            if error.errno == errno.ENXIO:
                return True
            if error.errno != errno.EBUSY:
                raise DeviceError(f"removing {name} failed: {error.strerror}") from error
            if last:
                raise _busy(name, patience_s) from error
        time.sleep(random.uniform(0.001, _MOST_PAUSE_S))


def _busy(name: str, patience_s: float) -> DeviceError:
    device = find(name)
    who = ""
    if device is not None:
        who = holders.described(f"dm-{device.minor}", device.major, device.minor)
    return DeviceError(
        f"the device {name} cannot be removed after {patience_s:g} s of trying: "
        f"{who or 'held by somebody this process cannot see'}",
        hint="end or unmount what holds it",
    )


def status(name: str) -> list[Target]:
    """Return the status of each target of a device, as the kernel prints it."""
    return dm_ioctl.targets(_call(dm_ioctl.TABLE_STATUS, name, f"reading the status of {name}"))


def table(name: str) -> list[Target]:
    """Return a device's table as the kernel has it."""
    doing = f"reading the table of {name}"
    flags = dm_ioctl.STATUS_TABLE
    return dm_ioctl.targets(_call(dm_ioctl.TABLE_STATUS, name, doing, flags=flags))


def snapshot_status(name: str) -> SnapshotStatus:
    """Return how full the store of the snapshot *name* is.

    Source: snapshot_status() in drivers/md/dm-snap.c.
    """
    [line] = status(name)
    match line.parameters.strip():
        case "Invalid" | "Overflow" | "Merge failed" | "Unknown" as failure:
            return SnapshotStatus(used=0, total=0, metadata=0, failure=failure)
        case text:
            shares, _, metadata = text.partition(" ")
            used, _, total = shares.partition("/")
            return SnapshotStatus(used=int(used), total=int(total), metadata=int(metadata))


def find(name: str) -> Mapped | None:
    """Return the device *name*, or None.

    Raises:
        DeviceError: the device mapper cannot be used.
    """
    try:
        with dm_ioctl.control() as file:
            return _mapped(dm_ioctl.call(file, dm_ioctl.DEV_STATUS, name=name))
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise _refusal(f"looking up the device {name}", error) from error


def every() -> list[Mapped]:
    """Return all device-mapper devices, by minor number; without root, as far as sysfs tells.

    Only the device mapper itself knows those without a table: since Linux 5.15 they are no block
    devices yet.
    """
    try:
        with dm_ioctl.control() as file:
            names = dm_ioctl.names(dm_ioctl.call(file, dm_ioctl.LIST_DEVICES))
    except (OSError, DeviceError):
        found = [_seen(folder) for folder in SYS_BLOCK.glob("dm-*")]
    else:
        found = [find(name) for name in names]
    return sorted((device for device in found if device), key=lambda device: device.minor)


def _mapped(answer: Answer) -> Mapped:
    block = f"dm-{answer.minor}"
    return Mapped(
        name=answer.name,
        uuid=answer.uuid,
        major=answer.major,
        minor=answer.minor,
        suspended=bool(answer.flags & dm_ioctl.SUSPEND),
        read_only=bool(answer.flags & dm_ioctl.READ_ONLY),
        active=bool(answer.flags & dm_ioctl.ACTIVE),
        open_count=answer.open_count,
        holders=holders.above(block),
        slaves=holders.below(block),
    )


def _seen(folder: Path) -> Mapped | None:
    try:
        major, minor = map(int, (folder / "dev").read_text().split(":"))
        return Mapped(
            name=(folder / "dm/name").read_text().rstrip("\n"),
            uuid=(folder / "dm/uuid").read_text().rstrip("\n"),
            major=major,
            minor=minor,
            suspended=(folder / "dm/suspended").read_text() == "1\n",
            read_only=(folder / "ro").read_text() == "1\n",
            active=int((folder / "size").read_text()) > 0,
            open_count=None,
            holders=holders.above(folder.name),
            slaves=holders.below(folder.name),
        )
    except OSError:
        return None  # it vanished


def _require(name: str) -> Mapped:
    device = find(name)
    if device is None:
        raise DeviceError(f"the device {name} disappeared while it was being made")
    return device


def _call(
    command: int,
    name: str,
    doing: str,
    *,
    uuid: str = "",
    flags: int = 0,
    targets: int = 0,
    data: bytes = b"",
) -> Answer:
    try:
        with dm_ioctl.control() as file:
            return dm_ioctl.call(
                file, command, name=name, uuid=uuid, flags=flags, targets=targets, data=data
            )
    except OSError as error:
        raise _refusal(doing, error) from error


def _refusal(doing: str, error: OSError) -> DeviceError:
    reason, hint = dm_ioctl.unsupported_because()
    if reason:
        return DeviceError(f"{doing} failed: {reason}", hint=hint)
    hint = "see the kernel's log: dmesg | grep device-mapper"
    if error.errno == errno.EBUSY:
        hint = "a device with this name or UUID exists: bootwright doctor shows its owner"
    return DeviceError(f"{doing} failed: {error.strerror}", hint=hint)
