"""Samples as folded stacks, for flame graphs: in which spans the vCPU was seen, and where.

A stack is weighed in nanoseconds, not in samples: looks are unevenly apart (each takes the monitor
as long as it takes, and the watched boot is stretched to fit the clean one), and each sample stands
for the time around it.

Source: stackcollapse-*.pl and flamegraph.pl of Brendan Gregg's FlameGraph: a line is frames joined
by semicolons, a blank, and a whole number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bootwright.timelines.sampled import seen_at, stands
from bootwright.timelines.span import Span, Timeline

Stack = tuple[tuple[str, ...], int]
"""Frames, the outermost first, and nanoseconds."""

_SAMPLED = ".sampled."
"""What stands in the ids of spans that were made from samples."""


def stacks(timeline: Timeline) -> tuple[Stack, ...]:
    """Return what the samples say, each stack once, those of one parent next to each other.

    A sample lies in the innermost span at its time; where siblings overlap, in one on the critical
    path, else in the one that started last. There the vCPU was in a function, or halted. Empty
    where nobody looked.
    """
    children = {
        parent: tuple(span for span in spans if _SAMPLED not in span.id)
        for parent, spans in timeline.children().items()
    }
    weights: dict[tuple[str, ...], int] = {}
    for sample, start_ns, end_ns in stands(timeline.samples):
        root = timeline.root
        if not root.start_ns <= sample.time_ns < root.end_ns:
            continue
        names = [root.name]
        span: Span | None = root
        while span is not None:
            below = [
                child
                for child in children.get(span.id, ())
                if child.start_ns <= sample.time_ns < child.end_ns
            ]
            span = max(below, key=lambda s: (s.critical, s.start_ns), default=None)
            if span is not None:
                names.append(span.name)
        stack = (*names, seen_at(sample))
        weights[stack] = weights.get(stack, 0) + end_ns - start_ns
    return tuple(sorted(weights.items()))


def text(found: Sequence[Stack]) -> str:
    """Return stacks as a file of folded stacks: ``boot;Kernel;Initcalls;pci_init;memcpy 12000``.

    Semicolons in a frame's name become colons, and blanks underscores.
    """
    weights: dict[str, int] = {}
    for frames, weight in found:
        line = ";".join(_frame(name) for name in frames)
        weights[line] = weights.get(line, 0) + weight
    return "".join(f"{line} {weight}\n" for line, weight in weights.items())


def _frame(name: str) -> str:
    return "".join(_characters(name)) or "_"


def _characters(name: str) -> Iterator[str]:
    for char in name:
        if char == ";":
            yield ":"
        else:
            yield char if char.isprintable() and not char.isspace() else "_"
