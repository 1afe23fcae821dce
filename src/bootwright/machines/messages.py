"""What a machine's monitor and a command say to each other: one JSON object a line.

They talk over two kinds of socket. The *leash* joins a monitor to the command that started it:
when it is cut before the machine was set free, the machine ends. The *control* socket in the
machine's folder is for every other command.
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
"""``paused``: the guest is held as the host's disk is full, or nearly; it goes on by itself."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all messages; the field ``type`` tells them apart."""


# To the monitor.


class Start(Message, frozen=True, kw_only=True):
    """Make this machine and start it; or start again the one that lies there."""

    home: Home
    """Absolute, as all its folders are: the monitor works in another folder."""
    spec: MachineSpec
    again: bool


class Detach(Message, frozen=True):
    """Go on without the command that started you."""


class LoggedIn(Message, frozen=True):
    """The guest has let us in: from now on a machine that is to be kept is worth keeping."""


class Stop(Message, frozen=True, kw_only=True):
    """Shut the guest down; after *timeout_s* end the VMM. This goes on without who asked for it."""

    timeout_s: float


class Quit(Message, frozen=True, kw_only=True):
    """End the VMM now."""

    save_console: bool = False
    """Keep a copy of the console's log; the machine failed."""


class AskStatus(Message, frozen=True):
    """Say how you are; the answer is a `Status`."""


class AttachConsole(Message, frozen=True, kw_only=True):
    """From here on this connection is the guest's console: what is sent is typed.

    All that the guest prints is shown, however slowly it is read: it comes from the log.
    """

    from_byte: int
    """Where in the console's log to begin; negative: so many bytes before its end."""


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
    """All samples of a machine's start-up, in order; told when the initramfs hands over."""

    samples: tuple[VcpuSample, ...]
    lines: tuple[LogLineTime, ...] = ()
    """Of a guest that was stopped for each look, where its kernel's symbols are known."""


class AccessesCounted(Message, frozen=True, kw_only=True):
    """What the guest did with its devices until its boot's end; told when its VMM has ended."""

    accesses: tuple[DeviceAccess, ...]


class Status(Message, frozen=True, kw_only=True):
    """What is known of a live machine."""

    state: State
    detail: str = ""
    """What a machine that starts is doing (its last mark), or why it is paused."""
    monitor_pid: int
    vmm_pid: int
    """0: there is none yet, or none any more."""
    started_s: int
    """When, in seconds since 1970."""
    ports: dict[int, int]
    """Which port of the host's 127.0.0.1 leads to which port of the guest: ``{guest: host}``."""


class Progressed(Message, frozen=True, kw_only=True):
    """What takes a while has come this far."""

    step: str
    share: float
    """0 to 1."""


class Paused(Message, frozen=True, kw_only=True):
    """The VMM holds the guest until the host has room on its disk again."""

    text: str


class Failed(Message, frozen=True, kw_only=True):
    """A foreseen error; `error` is its class in `bootwright.errors`."""

    error: str
    text: str
    hint: str
    evidence: str


class Ended(Message, frozen=True, kw_only=True):
    """The VMM is gone and what was to be given back is given back."""

    reason: EndReason
    text: str = ""
    console: str = ""
    """Where a copy of the console's log lies."""
    printed: str = ""
    """The console's last lines."""


LINE_BYTES = 8 << 20
"""The longest line that either side reads; output and long commands go in one."""


class MalformedMessage(ValueError):
    """A line that is no message."""


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
    """Return the error that a monitor tells of."""
    return by_name(failed.error)(failed.text, hint=failed.hint, evidence=failed.evidence)


def _path(kind: type[Any], text: Any) -> Any:
    """Make what JSON does not know: paths, the only such values in messages."""
    assert kind is Path
    return Path(text)


def encode(message: Message) -> bytes:
    """Return *message* as a line."""
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def to_monitor(line: bytes) -> ToMonitor:
    """Read a line that was sent to a monitor.

    Raises:
        Garbled: it is no message.
    """
    try:
        message: ToMonitor = msgspec.json.decode(line, type=ToMonitor, dec_hook=_path)
    except msgspec.DecodeError as error:
        raise MalformedMessage(str(error)) from error
    return message


def from_monitor(line: bytes) -> FromMonitor:
    """Read a line that a monitor sent.

    Raises:
        Garbled: it is no message.
    """
    try:
        message: FromMonitor = msgspec.json.decode(line, type=FromMonitor)
    except msgspec.DecodeError as error:
        raise MalformedMessage(str(error)) from error
    return message
