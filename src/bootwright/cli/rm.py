"""bootwright rm"""

from __future__ import annotations

import click

from bootwright import home as homes
from bootwright.cli import loop, names, screen
from bootwright.errors import InputError
from bootwright.host.trees import remove_tree
from bootwright.machine import control
from bootwright.machine import folder as folders


@click.command("rm", epilog="Example: bootwright rm web; bootwright rm --force web db")
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.machines)
@click.option("--force", "-f", is_flag=True, help="End it first if it runs.")
def command(names_: tuple[str, ...], force: bool) -> None:
    """Remove machines, with their disks."""
    home = homes.locate()
    for folder in [folders.find(home, name) for name in names_]:
        if folder.is_alive():
            if not force:
                raise InputError(
                    f"machine {folder.name!r} is running",
                    hint=f"bootwright stop {folder.name}, or: bootwright rm --force {folder.name}",
                )
            loop.run(control.end(folder))
        # One that was not to be kept is gone with its end.
        remove_tree(folder.path)
        screen.say(f"{folder.name}: removed")
