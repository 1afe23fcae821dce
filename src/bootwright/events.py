"""Events that a library function passes to its caller's observer while it works.

Packages with more to report define subclasses of `Event`.
"""

from __future__ import annotations

from collections.abc import Callable

from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """A message for the user; the work continues."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """The progress of a long step."""

    step: str
    """A description of the step."""
    share: float | None = None
    """The fraction done, 0 to 1; None if unknown."""


Observer = Callable[[Event], None]
"""Called in the thread that called the library function, or on its event loop."""


def ignore(event: Event) -> None:
    """Ignore all events."""


def within(observe: Observer, begin: float, end: float) -> Observer:
    """Return an observer that scales progress to the range *begin* to *end*."""

    def scaled(event: Event) -> None:
        if isinstance(event, Progress) and event.share is not None:
            event = Progress(step=event.step, share=begin + event.share * (end - begin))
        observe(event)

    return scaled
