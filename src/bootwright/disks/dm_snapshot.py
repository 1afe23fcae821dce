"""dm-snapshot: a block device of the host's, whose writes go to a sparse file.

Of a machine that is not kept that file has no name, and the snapshot no record on disk: all of it
ends with the VMM, even if everybody else was killed before. A kept one's lies in its folder.

The store has room for every write, so it cannot overflow; but it is sparse, and where the
filesystem below it runs full, the whole disk is lost and no VMM hears why. So that is watched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootwright.disks import devicemapper, snapshot
from bootwright.disks.disk import DiskKind, DiskLocation, Drive, OpenedDisk, Unsupported
from bootwright.errors import DeviceError
from bootwright.events import Observer
from bootwright.host import space

PAUSE_BYTES = 256 << 20
"""With less than this free the guest is held: what it has asked for by then still fits."""
RESUME_BYTES = 512 << 20
"""With this much it may go on."""
_WATCH_S = 0.1
"""A guest writes 2 GB/s at best, so 200 MB between two looks."""
_MIB = 1 << 20


def unsupported(place: DiskLocation) -> Unsupported | None:
    """Say why this host cannot make snapshots, or has too little room for one."""
    if os.geteuid():
        return Unsupported(
            reason="it needs root", hint="sudo; or --disk qcow2, which any user can have"
        )
    if reason := devicemapper.available():
        return Unsupported(reason=reason, hint="sudo modprobe dm-snapshot, where the kernel has it")
    free = space.free_bytes(place.folder)
    if free < RESUME_BYTES:
        return Unsupported(
            reason=f"{place.folder} has {free // _MIB} MiB free, and the guest would be held "
            f"below {PAUSE_BYTES // _MIB}",
            hint="free some space (bootwright prune), or put BOOTWRIGHT_HOME on another disk",
        )
    return None


def make(place: DiskLocation, observe: Observer) -> None:
    """Nothing lasts but the store, which the first run makes."""


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the device by the name that device mapper knows it by."""
    return _drives(Path("/dev/mapper", snapshot.device_name(place.device)), place.size_bytes)


def _drives(node: Path, size_bytes: int) -> tuple[Drive, ...]:
    # Direct: the image's file below is cached already, once for all machines.
    return (
        Drive(path=node, form="raw", size_bytes=size_bytes, is_block_device=True, is_direct=True),
    )


@contextmanager
def opened(place: DiskLocation) -> Iterator[OpenedDisk]:
    """Own the snapshot for the length of the block; once it is held it ends with its holder.

    Raises:
        DeviceError: a loop or device-mapper device cannot be had.
    """
    if place.kept:
        disk = snapshot.persistent(
            place.image,
            place.folder / "disk.cow",
            machine=place.device,
            disk_bytes=place.size_bytes,
        )
    else:
        disk = snapshot.transient(
            place.image, place.folder, machine=place.device, disk_bytes=place.size_bytes
        )
    with disk:
        yield OpenedDisk(
            drives=_drives(disk.node, place.size_bytes),
            held=disk.leave_to_the_holder,
            low_on_space=SpaceWatch(disk).now,
            watch_s=_WATCH_S,
        )


class SpaceWatch:
    """Whether a snapshot is about to fail; it must get well before it is called well."""

    def __init__(self, disk: snapshot.SnapshotDisk) -> None:
        self._disk = disk
        self._floor = PAUSE_BYTES

    def now(self) -> str:
        """Say why the guest must not write on; "" while it may."""
        try:
            usage = self._disk.usage()
        except DeviceError:
            return ""  # gone with its VMM, whose end tells the rest
        if usage.failure:
            return f"its dm-snapshot {self._disk.name} is lost: the kernel calls it {usage.failure}"
        if usage.free_bytes < self._floor:
            self._floor = RESUME_BYTES
            return (
                f"the disk of {self._disk.folder}, to which its dm-snapshot grows, has "
                f"{usage.free_bytes // _MIB} MiB left"
            )
        self._floor = PAUSE_BYTES
        return ""


remove = snapshot.remove
"""Remove what a crash left of a disk, by the name of its device."""


DISK = DiskKind(
    name="dm-snapshot",
    summary="a device-mapper snapshot over one shared loop device; for any VMM; needs root",
    advantage="a block device, made in milliseconds",
    form="raw",
    make=make,
    drives=drives,
    opened=opened,
    lack=unsupported,
)
