"""The answer to why a path is busy."""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.busy.holders import Holder
from bootwright.busy.mounting import Mounting


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyDevice:
    """A block device that the path depends on."""

    name: str
    text: str
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What makes a path busy, in words for the user."""

    path: str
    kind: str
    is_busy: bool
    devices: tuple[BusyDevice, ...] = ()
    mounting: Mounting | None = None
    reasons: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    """Each is a sentence, or a command after ``$ ``."""
    notes: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    """What was checked, as the end of a sentence that begins with "Checked"."""
    unseen: tuple[str, ...] = ()
    """What could not be checked, and might stand in the way."""

    @property
    def is_free(self) -> bool:
        """Whether everything was checked, and nothing stands in the way."""
        return not self.is_busy and not self.unseen
