"""bootwright logs"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bootwright.cli import loop, machines, names, screen
from bootwright.errors import NotFoundError
from bootwright.home import locate_home
from bootwright.machines import control, escapes
from bootwright.machines.folder import MachineFolder
from bootwright.machines.messages import AttachConsole, encode


@click.command(
    "logs",
    epilog="""\b
Examples:
  bootwright logs web | tail
  bootwright logs -f web
  bootwright logs --previous web
""",
)
@click.argument("name", shell_complete=names.machines)
@click.option("--follow", "-f", is_flag=True, help="Print new output until the machine ends.")
@click.option("--previous", is_flag=True, help="Print the log of the run before the last start.")
def command(name: str, follow: bool, previous: bool) -> None:
    """Print the console output of machine NAME.

    Only text and colours pass; piped, or with NO_COLOR, text alone. Other escape sequences of the
    guest do nothing to your terminal.

    Where there is no such machine any more, the newest one that failed under this name counts.
    """
    try:
        folder = machines.find(name)
    except NotFoundError:
        saved = _saved(name)
        if saved is None:
            raise
        screen.say(f"machine {name!r} is gone; this is {saved}")
        _print(saved)
        return
    if follow and not previous and folder.is_alive():
        loop.run(_follow(folder))
        return
    log = folder.previous_console_log if previous else folder.console_log
    try:
        _print(log)
    except FileNotFoundError:
        raise NotFoundError(
            f"machine {name!r} has no earlier run"
            if previous
            else f"machine {name!r} has written nothing yet",
            hint="leave out --previous" if previous else "follow it: bootwright logs -f " + name,
        ) from None


_CHUNK_BYTES = 1 << 16


def _print(log: Path) -> None:
    with log.open("rb") as file, _filtered() as shown:
        while data := file.read(_CHUNK_BYTES):
            click.echo(shown.feed(data), nl=False)


async def _follow(folder: MachineFolder) -> None:
    """Print the log from its first byte on, until the monitor has sent its last."""
    reader, writer = await control.connect(folder)
    try:
        writer.write(encode(AttachConsole(from_byte=0)))
        with _filtered() as shown:
            while data := await reader.read(_CHUNK_BYTES):
                click.echo(shown.feed(data), nl=False)
    finally:
        writer.close()


@contextmanager
def _filtered() -> Iterator[escapes.OutputFilter]:
    """Give a filter of the guest's output; afterwards the terminal has its own colours again."""
    shown = escapes.OutputFilter("coloured" if screen.has_colours() else "plain")
    try:
        yield shown
    finally:
        click.echo(shown.undo(), nl=False)


def _saved(name: str) -> Path | None:
    """Return the console of the last machine of that name that failed."""
    logs = locate_home().logs
    pattern = re.compile(rf"{re.escape(name)}-\d{{8}}T\d{{6}}-\d+\.console")
    found = [path for path in logs.glob("*.console") if pattern.fullmatch(path.name)]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
