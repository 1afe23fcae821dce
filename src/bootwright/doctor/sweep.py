"""Freeing loop and device-mapper devices that are ours and dead: the topmost first.

It is the net below the journal. A machine's own lock is held while a device of its is judged and
freed; where the machine is gone altogether, none may begin meanwhile.
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
    """Free what is ours and whose machine is not alive; return what was done, a line each.

    A device that somebody holds stays, and so does all that is not ours.
    """
    return list(_swept(home))


def _swept(home: Home) -> Iterator[str]:
    tried: set[str] = set()
    while device := _next(home, tried):
        tried.add(device.name)
        with ExitStack() as stack:
            if not _stays_dead(home, device, stack):
                continue
            # Looked at once more under the lock: a number may belong to another by now.
            if device not in blockdevices.listed(home):
                continue
            if _free(device):
                yield f"freed {device.name}: machine {device.machine}'s, which is not alive"


def _next(home: Home, tried: set[str]) -> ListedDevice | None:
    """Return a dead device that nothing lies on: device mapper, then what was below it."""
    dead = [d for d in blockdevices.listed(home) if d.fate == "orphaned" and d.name not in tried]
    free = [d for d in dead if not d.holders and not d.mounts]
    return next(iter(sorted(free, key=lambda d: d.kind != "device mapper")), None)


def _stays_dead(home: Home, device: ListedDevice, stack: ExitStack) -> bool:
    """See that the device's machine does not start until *stack* is closed."""
    folder = home.machines / device.machine
    if device.machine in {known.name for known in all_machines(home)}:
        try:
            stack.enter_context(MachineFolder(folder).locked(at_once=True))
        except InputError:
            return False  # it was started just now
        return True
    home.machines.mkdir(parents=True, exist_ok=True)
    try:
        stack.callback(os.close, block_new_folders(home))
    except BlockingIOError:
        return False
    if folder.exists():
        return False  # it was made just now
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
            return False  # it was taken, or let go, just now
        raise
    return True
