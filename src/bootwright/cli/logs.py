"""bootwright logs"""

from __future__ import annotations

import shutil
import sys

import click

from bootwright import home as homes
from bootwright.cli import names
from bootwright.errors import NotFoundError
from bootwright.machine import folder as folders


@click.command("logs", epilog="Example: bootwright logs web | tail")
@click.argument("name", shell_complete=names.machines)
def command(name: str) -> None:
    """Print all that machine NAME has written to its console."""
    folder = folders.find(homes.locate(), name)
    try:
        with folder.console_log.open("rb") as log:
            shutil.copyfileobj(log, sys.stdout.buffer)
    except FileNotFoundError:
        raise NotFoundError(
            f"machine {name!r} has written nothing yet", hint="try again in a moment"
        ) from None
