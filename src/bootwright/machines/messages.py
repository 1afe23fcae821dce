"""The messages between a monitor and commands: one JSON object a line.

There are two kinds of socket. The *command's connection* joins a monitor to the command that
started it: when it closes before the machine is detached, the machine ends. Other commands use the
*control socket* in the machine's folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from bootwright.errors import BootwrightError, by_name
from bootwright.home import Home
from bootwright.machines.spec import EndReason, MachineSpec
from bootwright.timelines.evidence import DeviceAccess, LogLineTime
from bootwright.vmms.protocol import CpuMode

State = Literal["starting", "running", "paused", "stopping"]
"""``paused``: the guest is stopped until the host's disk has space again."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all messages; the field ``type`` names the class."""


# To the monitor.


class Start(Message, frozen=True, kw_only=True):
    """Create and start this machine, or start an existing one again."""

    home: Home
    """With absolute paths: the monitor has another working folder."""
    spec: MachineSpec
    again: bool
    input: bytes = b""
    """What the command of a guest that nobody logs in to reads."""


class Detach(Message, frozen=True):
    """Continue without the command that started the monitor."""


class LoggedIn(Message, frozen=True):
    """Somebody has logged in: from now on a kept machine is worth keeping."""


class Stop(Message, frozen=True, kw_only=True):
    """Shut the guest down; end the VMM after *timeout_s*, even if the sender is gone."""

    timeout_s: float


class Quit(Message, frozen=True, kw_only=True):
    """End the VMM now."""

    save_console: bool = False
    """Save the console's log, as the machine failed."""


class AskStatus(Message, frozen=True):
    """Request a `Status`."""


class AttachConsole(Message, frozen=True, kw_only=True):
    """Turn this connection into the guest's console: input is typed.

    Output comes from the log, so a slow reader misses nothing.
    """

    from_byte: int
    """Where in the console's log to begin."""


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


class VcpuSample(msgspec.Struct, frozen=True):
    """Where the guest's first vCPU was at one moment of the host's monotonic clock."""

    time_ns: int
    ip: int
    mode: CpuMode
    is_halted: bool


class SamplesTaken(Message, frozen=True, kw_only=True):
    """All samples of a machine's start-up, in order; sent when the initramfs is done."""

    samples: tuple[VcpuSample, ...]
    lines: tuple[LogLineTime, ...] = ()
    """If the guest was stopped for each sample and its kernel's symbols are known."""


class AccessesCounted(Message, frozen=True, kw_only=True):
    """The guest's accesses to its devices during the boot; sent when its VMM has ended."""

    accesses: tuple[DeviceAccess, ...]


class Status(Message, frozen=True, kw_only=True):
    """The status of a live machine."""

    state: State
    detail: str = ""
    """The last mark of a starting machine, or why it is paused."""
    monitor_pid: int
    vmm_pid: int
    """0: none."""
    started_s: int
    """When, in seconds since 1970."""
    ports: dict[int, int]
    """Ports forwarded from the host's 127.0.0.1: ``{guest: host}``."""


class Progressed(Message, frozen=True, kw_only=True):
    """The progress of a long step."""

    step: str
    share: float
    """0 to 1."""


class Paused(Message, frozen=True, kw_only=True):
    """The guest is stopped until the host's disk has space again."""

    text: str


class Failed(Message, frozen=True, kw_only=True):
    """An error; `error` is its class in `bootwright.errors`."""

    error: str
    text: str
    hint: str
    evidence: str


class Ended(Message, frozen=True, kw_only=True):
    """The VMM is gone, and all resources are released."""

    reason: EndReason
    text: str = ""
    console: str = ""
    """The path of the console's saved log."""
    printed: str = ""
    """The console's last lines."""


LINE_BYTES = 8 << 20
"""The longest line that either side reads, for output and long commands."""


class MalformedMessage(ValueError):
    """A line that is not a message."""


ToMonitor = Start | LoggedIn | Detach | Stop | Quit | AskStatus | AttachConsole
FromMonitor = (
    MarkTaken
    | Started
    | Output
    | SamplesTaken
    | AccessesCounted
    | Status
    | Progressed
    | Paused
    | Failed
    | Ended
)


def error_of(failed: Failed) -> BootwrightError:
    """Return the error in a monitor's message."""
    return by_name(failed.error)(failed.text, hint=failed.hint, evidence=failed.evidence)


def _path(kind: type[Any], text: Any) -> Any:
    """Decode paths, the only values in messages that JSON does not have."""
    assert kind is Path
    return Path(text)


def encode(message: Message) -> bytes:
    """Return *message* as a line."""
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def to_monitor(line: bytes) -> ToMonitor:
    """Read a line that was sent to a monitor.

    Raises:
        MalformedMessage: it is not a message.
    """
    try:
        message: ToMonitor = msgspec.json.decode(line, type=ToMonitor, dec_hook=_path)
    except msgspec.DecodeError as error:
        raise MalformedMessage(str(error)) from error
    return message


def from_monitor(line: bytes) -> FromMonitor:
    """Read a line that a monitor sent.

    Raises:
        MalformedMessage: it is not a message.
    """
    try:
        message: FromMonitor = msgspec.json.decode(line, type=FromMonitor)
    except msgspec.DecodeError as error:
        raise MalformedMessage(str(error)) from error
    return message
