"""bootwright stop"""

from __future__ import annotations

import click

from bootwright.cli import loop, machines, names, screen
from bootwright.errors import find_all
from bootwright.machines import control
from bootwright.machines.folder import MachineFolder, find_machine


@click.command("stop", epilog="Example: bootwright stop web db --timeout 5")
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.machines)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the guest may take to shut down before it is ended.",
)
def command(names_: tuple[str, ...], timeout: float) -> None:
    """Shut machines down, all at once; a detached or kept one stays, ready to start.

    If one of them does not run, none is stopped. The machine's own monitor sees to it: it comes
    about even if this command is interrupted.
    """
    home = machines.home()

    def running(name: str) -> MachineFolder:
        folder = find_machine(home, name)
        if not folder.is_alive():
            raise control.not_running(folder)
        return folder

    found = list(find_all(names_, running).values())
    with screen.status(f"{', '.join(f.name for f in found)}: shutting down"):
        loop.run_all(_stop(folder, timeout) for folder in found)


async def _stop(folder: MachineFolder, timeout_s: float) -> None:
    ended = await control.stop(folder, timeout_s)
    how = {"stopped": "stopped", "powered-off": "stopped"}.get(ended.reason, ended.text)
    if ended.reason == "ended":
        how = f"did not shut down within {timeout_s:g} s and was ended"
    screen.say(f"{folder.name}: {how}")
