"""What a machine's monitor and a command say to each other: one JSON object a line.

They talk over two kinds of socket. The *leash* joins a monitor to the command that started it:
when it is cut before the machine was set free, the machine ends. The *control* socket in the
machine's folder is for every other command.
"""

from __future__ import annotations

import msgspec

from bootwright.machine.spec import MachineSpec


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all messages; the field ``type`` tells them apart."""


# To the monitor.


class Start(Message, frozen=True, kw_only=True):
    """Make this machine and start it; or start again the one that lies there."""

    spec: MachineSpec
    again: bool


class SetFree(Message, frozen=True):
    """Go on without the command that started you."""


class LetIn(Message, frozen=True):
    """The guest has let us in: from now on a machine that is to be kept is worth keeping."""


class Quit(Message, frozen=True, kw_only=True):
    """End the VMM now."""

    save_console: bool = False
    """Keep a copy of the console's log; the machine failed."""


class AttachConsole(Message, frozen=True):
    """From here on this connection is the guest's console, in both directions."""


# From the monitor.


class MarkTaken(Message, frozen=True, kw_only=True):
    """A mark of the boot, on the host's monotonic clock."""

    name: str
    time_ns: int
    detail: str = ""


class Started(Message, frozen=True, kw_only=True):
    """The VMM runs its guest."""

    ports: dict[int, int]


class Output(Message, frozen=True, kw_only=True):
    """Output of the tiny guest's command."""

    data: bytes


class Failed(Message, frozen=True, kw_only=True):
    """A foreseen error; `error` is its class in `bootwright.errors`."""

    error: str
    text: str
    hint: str
    evidence: str


class Ended(Message, frozen=True, kw_only=True):
    """The VMM is gone and what was to be given back is given back."""

    reason: str
    console: str = ""
    """Where a copy of the console's log lies."""


LINE_BYTES = 8 << 20
"""The longest line that either side reads; output and long commands go in one."""


class Garbled(ValueError):
    """A line that is no message."""


ToMonitor = Start | LetIn | SetFree | Quit | AttachConsole
FromMonitor = MarkTaken | Started | Output | Failed | Ended


def encode(message: Message) -> bytes:
    """Return *message* as a line."""
    return msgspec.json.encode(message) + b"\n"


def to_monitor(line: bytes) -> ToMonitor:
    """Read a line that was sent to a monitor.

    Raises:
        Garbled: it is no message.
    """
    try:
        message: ToMonitor = msgspec.json.decode(line, type=ToMonitor)
    except msgspec.DecodeError as error:
        raise Garbled(str(error)) from error
    return message


def from_monitor(line: bytes) -> FromMonitor:
    """Read a line that a monitor sent.

    Raises:
        Garbled: it is no message.
    """
    try:
        message: FromMonitor = msgspec.json.decode(line, type=FromMonitor)
    except msgspec.DecodeError as error:
        raise Garbled(str(error)) from error
    return message
