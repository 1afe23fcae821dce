"""Samples fill what nothing else explains: between two looks the vCPU was where it was seen.

Source: the VMM's monitor, QEMU's ``info registers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bootwright.timelines.evidence import ResolvedSample
from bootwright.timelines.span import Span, gaps, merged

_MOST_NS = 30_000_000
"""For how long one sample may stand: where looks are further apart, something was not seen."""


def fill(spans: Sequence[Span], samples: Iterable[ResolvedSample]) -> list[Span]:
    """Return spans for the parts of *spans* that nothing explains and samples do.

    Args:
        spans: With the root first; frames and what has evidence of its own.
        samples: On the clock of *spans*.

    Each is below the narrowest frame that it lies in. A vCPU that was halted waited.
    """
    explained = merged((s.start_ns, s.end_ns) for s in spans if s.kind != "frame")
    frames = sorted((s for s in spans if s.kind == "frame"), key=lambda s: s.duration_ns)
    found: list[Span] = []
    numbers: dict[str, int] = {}
    for where, start_ns, end_ns, count in _stretches(samples):
        for begin, end in gaps(explained, start_ns, end_ns):
            middle = (begin + end) // 2
            frame = next((f for f in frames if f.start_ns <= middle < f.end_ns), None)
            if frame is None:
                continue
            begin, end = max(begin, frame.start_ns), min(end, frame.end_ns)
            key = f"{frame.id}.sampled.{where}".replace(" ", "-")
            numbers[key] = numbers.get(key, 0) + 1
            found.append(
                Span(
                    id=key if numbers[key] == 1 else f"{key}#{numbers[key]}",
                    parent=frame.id,
                    layer=frame.layer,
                    name=where,
                    kind="wait" if where == _HALTED else "work",
                    start_ns=begin,
                    end_ns=end,
                    source=f"{count} samples of the vCPU's instruction pointer",
                    critical=frame.critical,
                    slack_ns=frame.slack_ns,
                )
            )
    return found


_HALTED = "vCPU halted"


def stands(samples: Iterable[ResolvedSample]) -> list[tuple[ResolvedSample, int, int]]:
    """Return each sample with the stretch that it stands for, in order; those without any are left
    out."""
    every = sorted(samples, key=lambda sample: sample.time_ns)
    found: list[tuple[ResolvedSample, int, int]] = []
    for index, sample in enumerate(every):
        before = every[index - 1].time_ns if index else sample.time_ns
        after = every[index + 1].time_ns if index + 1 < len(every) else sample.time_ns
        start = max((before + sample.time_ns) // 2, sample.time_ns - _MOST_NS // 2)
        end = min((sample.time_ns + after) // 2, sample.time_ns + _MOST_NS // 2)
        if end > start:
            found.append((sample, start, end))
    return found


def _stretches(samples: Iterable[ResolvedSample]) -> list[tuple[str, int, int, int]]:
    """Return where the vCPU was from when to when, and by how many samples that is known."""
    found: list[tuple[str, int, int, int]] = []
    for sample, start, end in stands(samples):
        where = seen_at(sample)
        if found and found[-1][0] == where and found[-1][2] == start:
            found[-1] = (where, found[-1][1], end, found[-1][3] + 1)
        else:
            found.append((where, start, end, 1))
    return found


def seen_at(sample: ResolvedSample) -> str:
    """Return where the vCPU was, for people."""
    return _HALTED if sample.is_halted else sample.where
