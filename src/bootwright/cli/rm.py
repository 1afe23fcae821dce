"""bootwright rm"""

from __future__ import annotations

import asyncio

import click

from bootwright.cli import loop, machines, names, screen
from bootwright.errors import GuestError, InputError, find_all
from bootwright.machines import control
from bootwright.machines.folder import MachineFolder, find_machine, remove_machine


@click.command("rm", epilog="Example: bootwright rm web; bootwright rm --force web db")
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.machines)
@click.option("--force", "-f", is_flag=True, help="Stop running machines first.")
def command(names_: tuple[str, ...], force: bool) -> None:
    """Remove machines, with their disks; if one cannot be removed, remove none."""
    home = machines.home()

    def removable(name: str) -> MachineFolder:
        folder = find_machine(home, name)
        if folder.is_alive() and not force:
            raise InputError(
                f"machine {folder.name!r} is running",
                hint=f"bootwright stop {folder.name}, or: bootwright rm --force {folder.name}",
            )
        return folder

    found = find_all(names_, removable)
    loop.run_all(_end(folder) for folder in found.values() if folder.is_alive())
    machines.home()  # gives back what a monitor that had to be killed has left
    for folder in found.values():
        # One that was not to be kept is gone with its end.
        if folder.path.exists():
            with folder.locked():
                folder.give_back()
                remove_machine(folder)
        screen.say(f"{folder.name}: removed")


async def _end(folder: MachineFolder) -> None:
    try:
        await control.end(folder)
    except InputError:
        pass  # it has ended by itself just now
    except GuestError:
        screen.say(f"{folder.name}: its monitor does not end; killing it")
        await asyncio.to_thread(control.force, folder)
