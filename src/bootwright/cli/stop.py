"""bootwright stop"""

from __future__ import annotations

import click

from bootwright import home as homes
from bootwright.cli import loop, names, screen
from bootwright.machine import control
from bootwright.machine import folder as folders


@click.command("stop", epilog="Example: bootwright stop web --timeout 5")
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
    """Shut machines down; a detached or kept one stays, ready to start."""
    home = homes.locate()
    for folder in [folders.find(home, name) for name in names_]:
        with screen.status(f"{folder.name}: shutting down"):
            clean = loop.run(control.stop(home, folder, timeout))
        how = "stopped" if clean else f"did not shut down within {timeout:g} s and was ended"
        screen.say(f"{folder.name}: {how}")
