"""Events of a machine while it boots and runs."""

from __future__ import annotations

from bootwright.events import Event
from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReached(Event):
    """A mark of the boot; docs/json.md lists them."""

    name: str
    time_ns: int
    """On the host's monotonic clock."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReceived(Event):
    """Output from the guest's mark port: of its command, or a requested log."""

    data: bytes
