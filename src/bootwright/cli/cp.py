"""bootwright cp"""

from __future__ import annotations

import os

import click

from bootwright.cli import machines, names
from bootwright.errors import InputError
from bootwright.host import commands


@click.command(
    "cp",
    epilog="""\b
Examples:
  bootwright cp app.conf web:/etc/app.conf
  bootwright cp web:/var/log ./logs
""",
)
@click.argument(
    "paths", nargs=-1, required=True, metavar="SOURCE... TARGET", shell_complete=names.machines
)
def command(paths: tuple[str, ...]) -> None:
    """Copy files and folders into or out of a running machine; its paths are NAME:PATH."""
    if len(paths) < 2:
        raise InputError("cp needs a source and a target", hint="bootwright cp FILE NAME:/PATH")
    *sources, target = paths
    named = {_machine(path) for path in sources} if not _machine(target) else {_machine(target)}
    if len(named) != 1 or None in named or (_machine(target) and any(map(_machine, sources))):
        raise InputError(
            f"cannot copy {' '.join(sources)} to {target}",
            hint="give one machine, on one side: cp FILE... NAME:PATH, or cp NAME:PATH... FOLDER",
        )
    [name] = named
    assert name is not None
    reach = machines.reach(name)
    guest = [path.replace(f"{name}:", "guest:", 1) if _machine(path) else path for path in paths]
    line = reach.scp(guest[:-1], guest[-1])
    commands.announce(line)
    os.execv(line[0], line)


def _machine(path: str) -> str | None:
    """Return the machine that a path names; ``./a:b`` and ``/a:b`` are local."""
    name, colon, _ = path.partition(":")
    return name if colon and "/" not in name else None
