"""A machine's disk as a device-mapper snapshot of its image, made in milliseconds.

    image file -- one shared read-only loop --+-- (linear + zero, if the disk is larger) --+
                                                                                           snapshot
    store, a sparse file -- a private loop --- ---------------------------------------------+

The kernel keeps both loops bound while the snapshot's table names them, and unbinds them after it.
So only device-mapper devices must be removed, or looked for after a crash: those with bootwright's
UUID prefix.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from bootwright.disks import devicemapper, loop, loop_ioctl
from bootwright.disks.devicemapper import SECTOR, UUID_PREFIX, Linear, Mapped, Snapshot, Zero
from bootwright.disks.loop import TAG_PREFIX, LoopDevice
from bootwright.errors import DeviceError, InputError

CHUNK_SECTORS = 32
"""16 KiB: a third of the kernel memory that 4 KiB would take for each disk."""
_CHUNK = CHUNK_SECTORS * SECTOR
_RECORD_BYTES = 16
_BASE = "-base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How full a disk is."""

    used_bytes: int
    total_bytes: int
    """Of the store; it is never smaller than all that can be written."""
    free_bytes: int
    """On the filesystem that has the store, which is what runs out first."""
    failure: str
    """What the kernel calls it once it is too late: Invalid, Overflow ...; "" before."""


class SnapshotDisk:
    """An existing disk; leaving the block removes it, and its writes if it is transient."""

    def __init__(self, device: Mapped, *, folder: Path, store: LoopDevice | None) -> None:
        self.name = device.name
        self.node = device.node
        self.folder = folder
        self._store = store
        self._left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._left:
            self.remove()

    def leave_to_the_holder(self) -> None:
        """Have the kernel remove the disk after its last holder, even if that one is killed.

        Call it once the VMM has the disk open and will not open it again. If nobody holds it, it
        is removed now.
        """
        self._left = True
        for name in (self.name, self.name + _BASE):
            devicemapper.remove(name, deferred=True, patience_s=0)

    def remove(self) -> None:
        """Remove the disk, top down, and wait until its store is detached.

        Raises:
            DeviceError: it is still open.
        """
        remove(self.name)
        if self._store is not None:
            self._store.detach()
            self._store = None

    def usage(self) -> Usage:
        """Return how full the disk is; cheap enough to ask every second."""
        return usage(self.name, self.folder)


def transient(base: Path, folder: Path, *, machine: str, disk_bytes: int = 0) -> SnapshotDisk:
    """Make a disk that vanishes with its last holder.

    Args:
        base: The image.
        folder: Where what is written goes; the file there has no name.
        machine: The machine's name; without colons.
        disk_bytes: Its size; 0 for the image's.

    Raises:
        DeviceError: a loop or device-mapper device cannot be made.
        InputError: the disk would be smaller than its image.
    """
    store = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        disk_sectors = _disk_sectors(base, disk_bytes)
        os.ftruncate(store, _chunks(disk_sectors) * _CHUNK)
        with loop.attach(store, tag=f"{TAG_PREFIX}{machine}:cow") as loop_device:
            device = _assemble(base, machine, disk_sectors, loop_device, keeping="N")
    finally:
        os.close(store)
    return SnapshotDisk(device, folder=folder, store=None)


def persistent(base: Path, store: Path, *, machine: str, disk_bytes: int = 0) -> SnapshotDisk:
    """Make a disk that keeps its writes in the file *store*, or assemble it again.

    What a crash left of its devices is removed first. Arguments and errors as for `transient`.
    """
    remove(device_name(machine))
    disk_sectors = _disk_sectors(base, disk_bytes)
    file = os.open(store, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        wanted = _persistent_chunks(disk_sectors) * _CHUNK
        if os.fstat(file).st_size < wanted:
            os.ftruncate(file, wanted)
        loop_device = loop.attach(file, tag=f"{TAG_PREFIX}{machine}:cow")
    finally:
        os.close(file)
    try:
        device = _assemble(base, machine, disk_sectors, loop_device, keeping="PO")
    except BaseException:
        loop_device.close()
        raise
    return SnapshotDisk(device, folder=store.parent, store=loop_device)


def device_name(machine: str) -> str:
    """Return the device name of a machine's disk."""
    return f"bootwright-{machine}"


def remove(name: str) -> None:
    """Remove a disk's devices, top down; the kernel unbinds the loops below.

    Raises:
        DeviceError: it is still open.
    """
    for part in (name, name + _BASE):
        device = devicemapper.find(part)
        if device is None:
            continue
        if not device.uuid.startswith(UUID_PREFIX):
            raise DeviceError(
                f"bootwright did not make the device {part}: its UUID is {device.uuid or 'empty'}"
            )
        devicemapper.remove(part)


def usage(name: str, folder: Path) -> Usage:
    """Return how full the disk *name* is, whose store is on the filesystem of *folder*."""
    status = devicemapper.snapshot_status(name)
    filesystem = os.statvfs(folder)
    return Usage(
        used_bytes=status.used * SECTOR,
        total_bytes=status.total * SECTOR,
        free_bytes=filesystem.f_bavail * filesystem.f_frsize,
        failure=status.failure,
    )


def _disk_sectors(base: Path, disk_bytes: int) -> int:
    image_bytes = base.stat().st_size
    wanted = disk_bytes or image_bytes
    if wanted < image_bytes:
        raise InputError(
            f"a disk of {wanted} bytes is smaller than its image {base} of {image_bytes} bytes"
        )
    return wanted // SECTOR


def _chunks(sectors: int) -> int:
    """Return how many chunks a transient store needs for every chunk of the disk."""
    return -(-sectors // CHUNK_SECTORS)


def _persistent_chunks(sectors: int) -> int:
    """Return how many chunks hold every chunk of the disk, a record of each, and the header.

    Source: dm-snap-persistent.c: records fill a chunk, and the next such chunk is written empty in
    advance.
    """
    chunks = _chunks(sectors)
    return chunks + -(-chunks * _RECORD_BYTES // _CHUNK) + 2


def _assemble(
    base: Path, machine: str, disk_sectors: int, store: LoopDevice, *, keeping: Literal["N", "PO"]
) -> Mapped:
    name = device_name(machine)
    image_sectors = base.stat().st_size // SECTOR
    with loop.attach_shared(base, tag=_image_tag(base)) as image:
        below, origin = None, f"{loop_ioctl.MAJOR}:{image.number}"
        if disk_sectors > image_sectors:
            table = (
                Linear(start=0, length=image_sectors, device=origin),
                Zero(start=image_sectors, length=disk_sectors - image_sectors),
            )
            uuid = f"{UUID_PREFIX}{machine}{_BASE}"
            below = devicemapper.create(name + _BASE, uuid, table, read_only=True)
            origin = below.numbers
        try:
            line = Snapshot(
                start=0,
                length=disk_sectors,
                origin=origin,
                store=f"{loop_ioctl.MAJOR}:{store.number}",
                keeping=keeping,
                chunk_sectors=CHUNK_SECTORS,
            )
            return devicemapper.create(name, f"{UUID_PREFIX}{machine}", (line,))
        except BaseException:
            if below is not None:
                devicemapper.remove(below.name, deferred=True)
            raise


def _image_tag(base: Path) -> str:
    """Return the same tag for the same image, short enough whatever its path."""
    found = base.stat()
    return f"{TAG_PREFIX}{found.st_dev:x}-{found.st_ino}:base"
