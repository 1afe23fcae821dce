"""bootwright console"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import click

from bootwright.cli import loop, machines, names, screen
from bootwright.machines import control
from bootwright.machines.folder import MachineFolder
from bootwright.machines.messages import AttachConsole, encode

_ESCAPE = b"\x1d"  # Ctrl-]
_REPLAY_BYTES = 2048
"""What was printed before is shown first, about a screen of it."""


@click.command("console", epilog="Example: bootwright console web")
@click.argument("name", shell_complete=names.machines)
def command(name: str) -> None:
    """Attach to running machine NAME's console; Ctrl-] leaves it.

    Several may be attached at once: all see what is printed, and each may type.
    """
    folder = machines.find(name)
    if not folder.is_alive():
        raise control.not_running(folder)
    with _raw_terminal():
        screen.say(f"console of {name}; leave with Ctrl-]\r")
        ended = loop.run(_carry(folder))
    screen.say(f"\n{name}: the console is closed" if ended else "")


async def _carry(folder: MachineFolder) -> bool:
    """Carry keys and output; return whether it was the machine that ended."""
    reader, writer = await control.connect(folder)
    writer.write(encode(AttachConsole(from_byte=-_REPLAY_BYTES)))
    events = asyncio.get_running_loop()
    left = asyncio.Event()

    def typed() -> None:
        data = os.read(sys.stdin.fileno(), 4096)
        before, escape, _ = data.partition(_ESCAPE)
        writer.write(before)
        if escape or not data:
            left.set()

    async def show() -> None:
        while data := await reader.read(1 << 16):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    events.add_reader(sys.stdin.fileno(), typed)
    showing = asyncio.create_task(show())
    leaving = asyncio.create_task(left.wait())
    try:
        await asyncio.wait([showing, leaving], return_when=asyncio.FIRST_COMPLETED)
        return not left.is_set()
    finally:
        events.remove_reader(sys.stdin.fileno())
        showing.cancel()
        leaving.cancel()
        writer.close()


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Hand every key through; give the terminal back as it was."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    # What was typed already is for the guest: it is not thrown away.
    tty.setraw(sys.stdin, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
