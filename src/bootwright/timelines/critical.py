"""The critical path: which activities of a boot, shortened, would have shortened it.

Activities are known by when they really ran and by what they were told to wait for. Each has at
most one that it *really* waited for: the last to end of those that had ended when it started. An
order that was not obeyed made nobody wait.

The slack is by order alone: an activity off the path still takes its share of the processors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bootwright.errors import FormatError


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Something that ran once; times in nanoseconds on one clock.

    Raises:
        FormatError: it ends before it starts.
    """

    id: str
    start_ns: int
    end_ns: int
    after: tuple[str, ...] = ()
    """The ids of what had to end before it could start; those that never ran may be among them."""

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise FormatError(
                f"activity {self.id} ends {self.start_ns - self.end_ns} ns before it starts"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalPath:
    """What a goal waited for."""

    goal: str
    chain: tuple[str, ...]
    """From the first activity to the goal; empty where the goal never ran."""
    waited_for: dict[str, str]
    """For each activity that leads to the goal, the one it really waited for, if any."""
    slack_ns: dict[str, int]
    """For each activity that leads to the goal, by how much it could have been longer without
    moving the goal. The others could have been as long as they liked."""


def critical_path(activities: Iterable[Activity], goal: str) -> CriticalPath:
    """Find what *goal* waited for, back to the beginning, and what slack all else had.

    Of activities with one id the first counts. What an activity did between the end of the last it
    waited for and its own start (its turn had not come) counts as its own, so slack passes on
    only what was really waited.
    """
    known: dict[str, Activity] = {}
    for activity in activities:
        known.setdefault(activity.id, activity)
    if goal not in known:
        return CriticalPath(goal=goal, chain=(), waited_for={}, slack_ns={})
    obeyed, order = _leading_to(known, goal)
    last = {
        name: max(before, key=lambda other: (known[other].end_ns, known[other].start_ns, other))
        for name, before in obeyed.items()
        if before
    }
    chain = [goal]
    while chain[-1] in last:
        chain.append(last[chain[-1]])
    # Backwards from the goal: every dependant comes before what it depends on.
    slack = {goal: 0}
    for name in reversed(order):
        if name not in last:
            continue
        ready_ns = known[last[name]].end_ns
        for before in obeyed[name]:
            room = slack[name] + ready_ns - known[before].end_ns
            slack[before] = min(slack.get(before, room), room)
    return CriticalPath(goal=goal, chain=tuple(reversed(chain)), waited_for=last, slack_ns=slack)


def _leading_to(
    known: dict[str, Activity], goal: str
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the orders that were obeyed among all that leads to *goal*, and a sequence in which
    each activity comes behind those that it was after.

    Only activities that took no time, at one moment, can be in a circle; the order that would
    close it is left out.
    """
    obeyed: dict[str, tuple[str, ...]] = {}
    order: list[str] = []
    open_: set[str] = set()
    stack: list[tuple[str, list[str], Iterator[str]]] = []

    def enter(name: str) -> None:
        own = known[name]
        before = [
            other
            for other in dict.fromkeys(own.after)
            if other in known and other != name and known[other].end_ns <= own.start_ns
        ]
        open_.add(name)
        stack.append((name, before, iter(tuple(before))))

    enter(goal)
    while stack:
        name, before, rest = stack[-1]
        other = next(rest, None)
        if other is None:
            stack.pop()
            open_.discard(name)
            obeyed[name] = tuple(before)
            order.append(name)
        elif other in open_:
            before.remove(other)
        elif other not in obeyed:
            enter(other)
    return obeyed, order
