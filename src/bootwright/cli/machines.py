"""Finding machines for a command: what dead ones left is given back first."""

from __future__ import annotations

from bootwright import home as homes
from bootwright.home import Home
from bootwright.machine import control, ssh
from bootwright.machine import folder as folders
from bootwright.machine.folder import MachineFolder
from bootwright.machine.recovery import settle
from bootwright.machine.ssh import Access


def home() -> Home:
    """Return the home, in which nothing of a dead machine is left."""
    found = homes.locate()
    settle(found)
    return found


def find(name: str) -> MachineFolder:
    """Return the folder of machine *name*.

    Raises:
        NotFoundError: there is none.
    """
    return folders.find(home(), name)


def reach(name: str) -> Access:
    """Return how to log in to running machine *name*.

    Raises:
        NotFoundError: there is none.
        InputError: it is not running.
        GuestError: it has no network, or its monitor does not answer.
    """
    folder = find(name)
    return ssh.access(homes.locate(), folder, control.status(folder).ports)
