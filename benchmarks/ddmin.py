"""The textbook: delta debugging as printed, to count our tests against."""

from __future__ import annotations

from collections.abc import Callable

Fails = Callable[[frozenset[str]], bool]


def ddmin(items: list[str], suffices: Fails) -> list[str]:
    """Return a 1-minimal part of *items* of which *suffices* is true.

    Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE
    Transactions on Software Engineering 28 (2002), figure 5.
    """
    granularity = 2
    while len(items) >= 2:
        size, rest = divmod(len(items), granularity)
        parts, start = [], 0
        for index in range(granularity):
            end = start + size + (index < rest)
            parts.append(items[start:end])
            start = end
        complements = [[item for item in items if item not in part] for part in parts]
        for part in parts:
            if suffices(frozenset(part)):
                items, granularity = part, 2
                break
        else:
            for complement in complements:
                if suffices(frozenset(complement)):
                    items, granularity = complement, max(granularity - 1, 2)
                    break
            else:
                if granularity >= len(items):
                    break
                granularity = min(len(items), 2 * granularity)
    if len(items) == 1 and suffices(frozenset()):
        return []
    return items
