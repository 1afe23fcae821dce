"""A boot that really was (Debian 12, stock systemd, under TCG), and timelines of other sizes."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from functools import cache
from pathlib import Path

from bootwright.timelines.span import ROOT, Span, Timeline

_FILE = Path(__file__).parent / "debian-12-tcg.timeline.json.xz"


@cache
def recorded() -> Timeline:
    """Return the whole boot: 1,755 spans."""
    data = json.loads(lzma.decompress(_FILE.read_bytes()))
    spans = tuple(Span(**dict(zip(data["keys"], row, strict=True))) for row in data["spans"])
    return Timeline(
        spans=spans,
        clock=data["clock"],
        clock_error_ns=data["clock_error_ns"],
        overhead_ns=data["overhead_ns"],
        warnings=tuple(data["warnings"]),
    )


def of_size(count: int) -> Timeline:
    """Return that boot with its *count* longest spans, or with made-up ones added."""
    whole = recorded()
    if count > len(whole.spans):
        return replace(whole, spans=(*whole.spans, *_parts(whole, count - len(whole.spans))))
    kept = {ROOT}
    for span in sorted(whole.spans[1:], key=lambda span: -span.duration_ns):
        if len(kept) < count and span.parent in kept:
            kept.add(span.id)
    return replace(whole, spans=tuple(span for span in whole.spans if span.id in kept))


def _parts(whole: Timeline, count: int) -> list[Span]:
    """Return *count* spans that lie within the longest ones, many side by side."""
    longest = sorted(whole.spans, key=lambda span: -span.duration_ns)[:200]
    parts = []
    for number in range(count):
        span = longest[number % len(longest)]
        ninth = span.duration_ns // 9
        start_ns = span.start_ns + (number * 37 % 80) * span.duration_ns // 100
        parts.append(
            Span(
                id=f"part.{number}",
                parent=span.id,
                layer=span.layer,
                name=f"part {number} of {span.name}",
                kind="work",
                start_ns=start_ns,
                end_ns=min(start_ns + ninth, span.end_ns),
                source="made up",
            )
        )
    return parts
