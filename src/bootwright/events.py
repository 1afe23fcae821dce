"""What a library function reports while it works: events, given to the caller's observer.

A room that has more to report than this defines its own events, as subclasses of `Event`.
"""

from __future__ import annotations

from collections.abc import Callable

from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of everything that an observer is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """Something that the user should know, and that stops nothing."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """How far a piece of work has come."""

    step: str
    """What is being done, in words for people."""
    share: float | None = None
    """The share of the whole that is done, 0 to 1; None: unknown."""


Observer = Callable[[Event], None]
"""Called in the thread that called the library function, or on its event loop."""


def ignore(event: Event) -> None:
    """Observe nothing."""


def within(observe: Observer, begin: float, end: float) -> Observer:
    """Return an observer for a part of the work: its shares lie between *begin* and *end*."""

    def scaled(event: Event) -> None:
        if isinstance(event, Progress) and event.share is not None:
            event = Progress(step=event.step, share=begin + event.share * (end - begin))
        observe(event)

    return scaled
