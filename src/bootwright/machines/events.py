"""What a machine reports while it boots and runs."""

from __future__ import annotations

from bootwright.events import Event
from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReached(Event):
    """A mark of the boot was taken; docs/json.md lists them."""

    name: str
    time_ns: int
    """On the host's monotonic clock."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReceived(Event):
    """The guest sent output over its mark port: its one command's, or a log that was asked for."""

    data: bytes
