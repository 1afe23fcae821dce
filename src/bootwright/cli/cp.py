"""bootwright cp"""

from __future__ import annotations

import click

from bootwright.cli import machines, names, screen
from bootwright.errors import InputError


@click.command(
    "cp",
    epilog="""\b
Examples:
  bootwright cp app.conf web:/etc/app.conf
  bootwright cp web:/var/log ./logs
  bootwright cp site/. web:/var/www/html       what is in site
A local path with a colon: ./a:b
""",
)
@click.argument(
    "paths", nargs=-1, required=True, metavar="SOURCE... TARGET", shell_complete=names.machines
)
@click.option(
    "--follow", "-L", is_flag=True, help="Copy what a SOURCE that is a symbolic link leads to."
)
def command(paths: tuple[str, ...], follow: bool) -> None:
    """Copy files and folders into or out of a running machine; its paths are NAME:PATH.

    TARGET is a folder that exists, or the new name of the only SOURCE. Symbolic links are copied as
    links, a SOURCE that is one too; modes and times are kept. The copies belong to root in the
    machine, and to you here.
    """
    if len(paths) < 2:
        raise InputError("cp needs a source and a target", hint="bootwright cp FILE NAME:/PATH")
    *sources, target = paths
    name = _machine_of(sources, target)
    from bootwright.machines.copying import Copier  # here: other mistakes need it not

    reach = machines.reach(name)
    with screen.observer("cp") as observe:
        copier = Copier(reach, follow=follow, observe=observe)
        if _machine(target):
            copier.copy_in(sources, _path(target))
        else:
            copier.copy_out([_path(source) for source in sources], target)


def _machine_of(sources: list[str], target: str) -> str:
    """Return the machine that is on one side of a copy.

    Raises:
        InputError: it is on none, on both, or there are several.
    """
    into = _machine(target)
    named = [_machine(source) for source in sources]
    if into and not any(named):
        return into
    if not into and named[0] and len(set(named)) == 1:
        return named[0]
    if not into and not any(named):
        what, hint = "no path names a machine", "a path in a machine is NAME:PATH"
    elif into and any(named):
        what = "both sides are machines"
        hint = "copy to this host first; a local path with a colon: ./a:b"
    elif None in named:
        what, hint = "some sources are here, others in a machine", "copy them one after the other"
    else:
        what, hint = "the sources are in several machines", "copy them one after the other"
    raise InputError(f"cannot copy {' '.join(sources)} to {target}: {what}", hint=hint)


def _machine(path: str) -> str | None:
    """Return the machine that a path names; ``./a:b`` and ``/a:b`` are local."""
    name, colon, _ = path.partition(":")
    return name if name and colon and "/" not in name else None


def _path(path: str) -> str:
    return path.partition(":")[2] or "."
