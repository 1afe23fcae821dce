"""Finding machines for a command: what dead ones left is given back first."""

from __future__ import annotations

from bootwright.home import Home, locate_home
from bootwright.machines import control, ssh
from bootwright.machines.folder import MachineFolder, find_machine
from bootwright.machines.recovery import reclaim
from bootwright.machines.ssh import SshEndpoint


def home() -> Home:
    """Return the home, in which nothing of a dead machine is left."""
    found = locate_home()
    reclaim(found)
    return found


def find(name: str) -> MachineFolder:
    """Return the folder of machine *name*.

    Raises:
        NotFoundError: there is none.
    """
    return find_machine(home(), name)


def reach(name: str) -> SshEndpoint:
    """Return how to log in to running machine *name*.

    Raises:
        NotFoundError: there is none.
        InputError: it is not running.
        GuestError: it has no network, or its monitor does not answer.
    """
    folder = find(name)
    return ssh.ssh_endpoint(locate_home(), folder, control.status(folder).ports)
