"""Placing spans: from the clock on which they were seen to the timeline's, inside their parents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bootwright.timelines.span import Span


def shifted(spans: Iterable[Span], shift_ns: int) -> list[Span]:
    """Return *spans* on a clock that shows *shift_ns* more."""
    return [
        replace(span, start_ns=span.start_ns + shift_ns, end_ns=span.end_ns + shift_ns)
        for span in spans
    ]


def inside(spans: Iterable[Span], parent: Span) -> list[Span]:
    """Return *spans* cut to what lies within *parent*; one that lies wholly outside is left out."""
    found = []
    for span in spans:
        if span.end_ns < parent.start_ns or span.start_ns > parent.end_ns:
            continue
        start_ns = max(span.start_ns, parent.start_ns)
        end_ns = min(span.end_ns, parent.end_ns)
        is_whole = (start_ns, end_ns) == (span.start_ns, span.end_ns)
        found.append(span if is_whole else replace(span, start_ns=start_ns, end_ns=end_ns))
    return found


def tree(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return *spans* so that each parent comes before its children, and cut to their parents.

    What has no parent here, or an id that another has already, is left out.
    """
    every = list(spans)
    below: dict[str, list[Span]] = {}
    for span in every:
        below.setdefault(span.parent, []).append(span)
    placed: dict[str, Span] = {}
    queue = [span for span in every if not span.parent][:1]
    while queue:
        span = queue.pop(0)
        if span.id in placed:
            continue
        placed[span.id] = span
        queue += inside(below.get(span.id, []), span)
    return tuple(placed.values())
