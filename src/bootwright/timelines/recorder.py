"""Recorder: marks, appended during a boot, cheap, by anyone."""

from __future__ import annotations

from collections.abc import Callable

from bootwright.host.clock import now_ns
from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something happened: a name and a time on the host's monotonic clock."""

    name: str
    time_ns: int


class Recorder:
    """Collects the marks of one boot.

    Args:
        listener: Called with every mark, as it is taken.
    """

    def __init__(self, listener: Callable[[Mark], None] = lambda mark: None) -> None:
        self._marks: list[Mark] = []
        self._listener = listener

    def listen(self, listener: Callable[[Mark], None]) -> None:
        """Call *listener*, and no other, with every mark from now on."""
        self._listener = listener

    def mark(self, name: str, time_ns: int | None = None) -> Mark:
        """Append a mark, taken now unless *time_ns* says when."""
        mark = Mark(name=name, time_ns=now_ns() if time_ns is None else time_ns)
        self._marks.append(mark)
        self._listener(mark)
        return mark

    def marks(self) -> tuple[Mark, ...]:
        """Return all marks so far, in the order in which they were appended."""
        return tuple(self._marks)
