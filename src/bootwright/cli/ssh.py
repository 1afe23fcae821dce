"""bootwright ssh"""

from __future__ import annotations

import os
import sys

import click

from bootwright.cli import machines, names
from bootwright.host import commands


@click.command(
    "ssh",
    epilog="""\b
Examples:
  bootwright ssh web
  bootwright ssh web -- systemctl status ssh
  bootwright ssh web -- 'journalctl -b | grep -i error'
""",
)
@click.argument("name", shell_complete=names.machines)
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(name: str, argv: tuple[str, ...]) -> None:
    """Log in to running machine NAME, or run COMMAND in it.

    COMMAND's exit status is passed on; 255 means that the guest went away.
    """
    reach = machines.reach(name)
    on_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    line = reach.ssh(argv, terminal=on_terminal and bool(argv))
    commands.announce(line)
    os.execv(line[0], line)
