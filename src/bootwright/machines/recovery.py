"""What a dead monitor left behind is given back, by the next command that looks at machines.

A live machine is left alone: its monitor answers on its control socket, and whoever asks works with
it. This is cheap where nothing is to be done: a look at each machine's folder, no lock taken.
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
    """Give back what dead monitors left; return what was done, a line each.

    The VMM should be gone with its monitor, as the kernel kills it (see `vmms.qemu`); the journal
    tells where it is not. A machine that was to be kept stays, with its disk.

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
    """Say whether nothing is left to give back: it is alive, or kept and at rest."""
    if folder.is_alive():
        return True
    try:
        return folder.is_worth_keeping() and not folder.journal.path.exists()
    except FormatError:
        return not folder.journal.path.exists()  # damaged: said by ps, removed by rm


def _reclaim(folder: MachineFolder) -> str:
    folder.give_back()
    try:
        if folder.is_worth_keeping():
            return "its monitor was dead; its resources were released, its disk is kept"
    except FormatError as error:
        return f"its monitor was dead; its resources were released; damaged: {error}"
    remove_machine(folder)
    return "removed: its monitor was dead, and it was not a kept machine"
