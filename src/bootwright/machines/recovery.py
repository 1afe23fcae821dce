"""Reclaiming what dead monitors left behind, before a command looks at machines.

Live machines are not touched. If nothing is to be done this is cheap: it checks each machine's
folder without taking a lock.
"""

from __future__ import annotations

from bootwright.errors import FormatError, InputError
from bootwright.home import Home
from bootwright.machines.folder import (
    MachineFolder,
    all_machines,
    remove_machine,
    unfinished_folders,
)


def reclaim(home: Home) -> list[str]:
    """Reclaim what dead monitors left; return what was done, a line each.

    The kernel kills a VMM with its monitor (see `vmms.qemu`); the journal finds it if not. Kept
    machines stay, with their disks.

    Raises:
        HostError: a process does not end, or something is mounted in a machine's folder.
    """
    done = []
    for folder in unfinished_folders(home):
        folder.give_back()
        remove_machine(folder)
        done.append(f"removed {folder.path}: a crash left it half made or half removed")
    for folder in all_machines(home):
        if is_reclaimed(folder):
            continue
        try:
            with folder.locked(at_once=True):
                done.append(f"{folder.name}: {_reclaim(folder)}")
        except InputError:
            continue  # it was started, or removed, just now
    return done


def is_reclaimed(folder: MachineFolder) -> bool:
    """Test whether nothing is left to reclaim: it is alive, or kept and stopped."""
    if folder.is_alive():
        return True
    try:
        return folder.is_worth_keeping() and not folder.journal.path.exists()
    except FormatError:
        return not folder.journal.path.exists()  # damaged: ps shows it, rm removes it


def _reclaim(folder: MachineFolder) -> str:
    folder.give_back()
    try:
        if folder.is_worth_keeping():
            return "its monitor was dead; its resources were released, its disk is kept"
    except FormatError as error:
        return f"its monitor was dead; its resources were released; damaged: {error}"
    remove_machine(folder)
    return "removed: its monitor was dead, and it was not a kept machine"
