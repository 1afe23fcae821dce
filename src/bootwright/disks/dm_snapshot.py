"""dm-snapshot: a block device of the host, with writes in a sparse file.

If the machine is not kept, that file has no name and the snapshot no record on disk: both end with
the VMM, even if every other process was killed before. A kept machine has the file in its folder.

The store has room for every write, so it cannot overflow; but it is sparse, and if the filesystem
below it runs full, the whole disk is lost and the VMM does not learn why. So free space is watched.
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
"""With less than this free the guest is paused: its pending writes still fit."""
RESUME_BYTES = 512 << 20
"""With this much free it resumes."""
_WATCH_S = 0.1
"""A guest writes 2 GB/s at most, so 200 MB between two checks."""
_MIB = 1 << 20


def unsupported(place: DiskLocation) -> Unsupported | None:
    """Return why this host cannot make snapshots or is too low on space for one."""
    if os.geteuid():
        return Unsupported(
            reason="it needs root", hint="use sudo, or --disk qcow2, which works for any user"
        )
    if reason := devicemapper.available():
        return Unsupported(reason=reason, hint="sudo modprobe dm-snapshot")
    free = space.free_bytes(place.folder)
    if free < RESUME_BYTES:
        return Unsupported(
            reason=f"{place.folder} has {free // _MIB} MiB free, but it needs "
            f"{RESUME_BYTES // _MIB} MiB",
            hint="free some space (bootwright prune), or put BOOTWRIGHT_HOME on another disk",
        )
    return None


def make(place: DiskLocation, observe: Observer) -> None:
    """Do nothing: the first run makes the store."""


def drives(place: DiskLocation) -> tuple[Drive, ...]:
    """Return the device under its device-mapper name."""
    return _drives(Path("/dev/mapper", snapshot.device_name(place.device)), place.size_bytes)


def _drives(node: Path, size_bytes: int) -> tuple[Drive, ...]:
    # Direct: the image's file is already cached, once for all machines.
    return (
        Drive(path=node, form="raw", size_bytes=size_bytes, is_block_device=True, is_direct=True),
    )


@contextmanager
def opened(place: DiskLocation) -> Iterator[OpenedDisk]:
    """Make the snapshot for the length of the block; once `held` was called it ends with the VMM.

    Raises:
        DeviceError: a loop or device-mapper device cannot be made.
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
    """Detects that a snapshot is low on space, with hysteresis."""

    def __init__(self, disk: snapshot.SnapshotDisk) -> None:
        self._disk = disk
        self._floor = PAUSE_BYTES

    def now(self) -> str:
        """Return why the guest must stop writing; "" while it may."""
        try:
            usage = self._disk.usage()
        except DeviceError:
            return ""  # removed with its VMM, whose exit is reported anyway
        if usage.failure:
            return f"its dm-snapshot {self._disk.name} is lost: the kernel reports {usage.failure}"
        if usage.free_bytes < self._floor:
            self._floor = RESUME_BYTES
            return (
                f"the filesystem of {self._disk.folder}, which stores its dm-snapshot, has only "
                f"{usage.free_bytes // _MIB} MiB free"
            )
        self._floor = PAUSE_BYTES
        return ""


remove = snapshot.remove
"""Remove the devices of a disk that a crash left, by its device name."""


DISK = DiskKind(
    name="dm-snapshot",
    summary="a device-mapper snapshot over a shared loop device; for any VMM; needs root",
    advantage="a block device, made in milliseconds",
    form="raw",
    make=make,
    drives=drives,
    opened=opened,
    unsupported=unsupported,
)
