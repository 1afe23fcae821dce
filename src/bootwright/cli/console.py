"""bootwright console"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from bootwright.cli import loop, machines, names, screen, streams
from bootwright.machines import control
from bootwright.machines.console import last_screen
from bootwright.machines.escapes import OutputFilter
from bootwright.machines.folder import MachineFolder
from bootwright.machines.messages import AttachConsole, encode

_ESCAPE = b"\x1d"  # Ctrl-]


@click.command("console", epilog="Example: bootwright console web")
@click.argument("name", shell_complete=names.machines)
def command(name: str) -> None:
    """Attach to running machine NAME's console; Ctrl-] leaves it.

    What was printed before is shown as text. Several may be attached at once: all see what is
    printed, and each may type. To find a root shell there, start the machine with --console-login.
    """
    folder = machines.find(name)
    if not folder.is_alive():
        raise control.not_running(folder)
    screen.say(f"console of {name}; Ctrl-] leaves it, and the machine runs on")
    with _raw_terminal():
        ended = loop.run(_carry(folder))
    screen.say(f"\n{name}: {'the machine has ended' if ended else _left(name)}")


def _left(name: str) -> str:
    return f"left the console; the machine runs on: bootwright console {name} returns to it"


async def _carry(folder: MachineFolder) -> bool:
    """Carry keys and output; return whether it was the machine that ended."""
    terminal = sys.stdout.isatty()
    shown = OutputFilter("coloured" if screen.has_colours() else "plain")
    printed, size = last_screen(folder.console_log, shown)
    reader, writer = await control.connect(folder)
    writer.write(encode(AttachConsole(from_byte=size)))
    left = asyncio.Event()

    def show(text: str) -> None:
        streams.write_bytes(text.encode(sys.stdout.encoding, "replace"))

    async def follow() -> None:
        while data := await reader.read(1 << 16):
            show(shown.feed(data))

    # A terminal in raw mode does not return to the beginning of a line by itself.
    show(printed.replace("\n", "\r\n") if terminal else printed)
    if terminal:
        show(shown.undo())
        shown.mode = "live"
    try:
        with _typed(writer, left):
            following = asyncio.create_task(follow())
            leaving = asyncio.create_task(left.wait())
            await asyncio.wait([following, leaving], return_when=asyncio.FIRST_COMPLETED)
            following.cancel()
            leaving.cancel()
        with suppress(asyncio.CancelledError):
            await following  # an output that cannot be written is an error
        return not left.is_set()
    finally:
        show(shown.undo() if terminal else "")
        writer.close()


@contextmanager
def _typed(writer: asyncio.StreamWriter, left: asyncio.Event) -> Iterator[None]:
    """Send what is typed during the block, until the escape key or the end of the input."""
    events, keys = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        data = os.read(keys, 4096)
        before, escape, _ = data.partition(_ESCAPE)
        writer.write(before)
        if escape or not data:
            left.set()

    try:
        events.add_reader(keys, read)
    except PermissionError:  # a file, or /dev/null: never waited for
        while not left.is_set():
            read()
    try:
        yield
    finally:
        events.remove_reader(keys)


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
