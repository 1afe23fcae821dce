"""Remove loop and device-mapper devices of dead machines, the topmost first.

This catches what the journal misses. The machine's lock is held while its device is checked and
removed; if the machine no longer exists, no new machine can be created meanwhile.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bootwright.busy import holders
from bootwright.disks import devicemapper
from bootwright.doctor import blockdevices
from bootwright.doctor.blockdevices import ListedDevice
from bootwright.errors import HostError, InputError
from bootwright.home import Home
from bootwright.host import locks, openers
from bootwright.machines.folder import (
    MachineFolder,
    all_machines,
    block_new_folders,
    folders_being_made,
)

_CLR_FD = 0x4C01
"""Source: loop(4), LOOP_CLR_FD."""


def sweep(home: Home) -> list[str]:
    """Remove the devices of dead machines; return what was done, one line each.

    Devices in use and foreign devices are kept.
    """
    return list(_swept(home))


def _swept(home: Home) -> Iterator[str]:
    tried: set[str] = set()
    while device := _next(home, tried):
        tried.add(device.name)
        with ExitStack() as stack:
            if not _block_start(home, device, stack):
                continue
            # Check again under the lock: the number may have been reused.
            if device not in blockdevices.listed(home):
                continue
            if _free(device):
                yield f"removed {device.name}: machine {device.machine} is not running"


def _next(home: Home, tried: set[str]) -> ListedDevice | None:
    """Return an orphaned device with nothing on top of it: device mapper first, then loop."""
    dead = [d for d in blockdevices.listed(home) if d.state == "orphaned" and d.name not in tried]
    free = [d for d in dead if not d.holders and not d.mounts]
    return next(iter(sorted(free, key=lambda d: d.kind != "device mapper")), None)


def _block_start(home: Home, device: ListedDevice, stack: ExitStack) -> bool:
    """Prevent the device's machine from starting until *stack* is closed; False if it may run."""
    folder = home.machines / device.machine
    if device.machine in {known.name for known in all_machines(home)}:
        try:
            stack.enter_context(MachineFolder(folder).locked(at_once=True))
        except InputError:
            return False  # it was just started
        return True
    home.machines.mkdir(parents=True, exist_ok=True)
    try:
        stack.callback(os.close, block_new_folders(home))
    except BlockingIOError:
        return False
    if folder.exists():
        return False  # it was just created
    return not any(locks.is_held(new / "lock") for new in folders_being_made(home))


def _free(device: ListedDevice) -> bool:
    node = Path("/dev") / device.name
    numbers = holders.numbers_of(device.name)
    if openers.of_devices([numbers]).found or holders.is_claimed(node) is not False:
        return False
    try:
        if device.kind == "device mapper":
            devicemapper.remove(device.called, deferred=False)
        else:
            opened = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(opened, _CLR_FD)
            finally:
                os.close(opened)
    except HostError:
        return False
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENXIO, errno.ENODEV, errno.ENOENT):
            return False  # it was just claimed or removed
        raise
    return True
