"""Two boots on one time axis: the same image before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.pictures.drawing import Theme, box, document, line, text, wide

_WIDTH, _LEFT, _RIGHT = 800, 20, 20
_HEAD, _LAYER, _ROW, _ROWS, _GAP = 34, 30, 15, 6, 26
_LEAST = 0.006
"""A span shorter than this part of the longer boot is not drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What `bootwright timeline --json` says of one span, as far as it is drawn."""

    id: str
    parent: str
    layer: str
    name: str
    start_ns: int
    end_ns: int

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One boot, and how it is called in the picture."""

    title: str
    spans: tuple[Span, ...]

    @property
    def total_ns(self) -> int:
        return self.spans[0].duration_ns


def read(document_: str, title: str) -> Boot:
    """Read what `bootwright timeline --json` printed."""
    fields = Span.__dataclass_fields__
    spans = json.loads(document_)["spans"]
    return Boot(title=title, spans=tuple(Span(**{f: s[f] for f in fields}) for s in spans))


def picture(before: Boot, after: Boot, footer: str, theme: Theme) -> str:
    """Draw both."""
    whole_ns = max(before.total_ns, after.total_ns)
    scale = (_WIDTH - _LEFT - _RIGHT) / whole_ns
    parts: list[str] = []
    y = 8.0
    for boot in (before, after):
        drawn, height = _boot(boot, y, scale, theme, whole_ns)
        if boot is after:
            drawn += _saved(before, after, y + _HEAD, scale, theme)
        parts += drawn
        y += height + _GAP
    bottom = y - _GAP + 8
    height = round(bottom + 42)
    title = f"{before.title}: {_s(before.total_ns)}. {after.title}: {_s(after.total_ns)}."
    axis = list(_axis(whole_ns, bottom, scale, theme))
    note = text(_LEFT, bottom + 34, footer, fill=theme.quiet, size=12)
    return document(_WIDTH, height, theme, title, [*axis, *parts, note])


def _boot(
    boot: Boot, top: float, scale: float, theme: Theme, whole_ns: int
) -> tuple[list[str], float]:
    """Return one boot's shapes and their height."""
    parts = [text(_LEFT, top + 22, boot.title, fill=theme.ink, size=16, bold=True)]
    width = _WIDTH - _LEFT - _RIGHT
    total = _s(boot.total_ns)
    x = _LEFT + width if boot.total_ns == whole_ns else 0
    if x:
        parts.append(text(x, top + 22, total, fill=theme.ink, size=20, anchor="end", bold=True))
    y = top + _HEAD
    root = boot.spans[0]
    for span in boot.spans:
        if span.parent == root.id:
            parts += _layer(span, y, scale, theme)
    rows: list[float] = []
    y += _LAYER + 4
    tops = {span.id for span in boot.spans if span.parent in ("", root.id)}
    for span in sorted(boot.spans, key=lambda span: span.start_ns):
        if span.id in tops or span.duration_ns < _LEAST * whole_ns:
            continue
        if any(span.id == other.parent and other.duration_ns >= _LEAST * whole_ns
               for other in boot.spans):  # fmt: skip
            continue  # its parts are drawn
        start, end = _LEFT + span.start_ns * scale, _LEFT + span.end_ns * scale
        label = span.name if wide(span.name, 11) + 8 <= end - start else ""
        place = next((i for i, free in enumerate(rows) if free <= start), len(rows))
        if place >= _ROWS:
            continue
        rows[place : place + 1] = [end + 1]
        at = y + place * _ROW
        hover = f"{span.name}: {span.duration_ns / 1e6:.1f} ms"
        parts.append(box(start, at, end - start, _ROW - 2, theme.layers[span.layer], title=hover))
        if label:
            parts.append(text(start + 4, at + 10, label, fill=theme.ink, size=11))
    return parts, _HEAD + _LAYER + 4 + len(rows) * _ROW


def _layer(span: Span, y: float, scale: float, theme: Theme) -> Iterator[str]:
    x, width = _LEFT + span.start_ns * scale, span.duration_ns * scale
    hover = f"{span.name}: {span.duration_ns / 1e6:.1f} ms"
    yield box(x, y, width, _LAYER, theme.layers[span.layer], title=hover)
    figure = f"{span.name} {_s(span.duration_ns)}"
    for words in (figure, span.name):
        if wide(words, 14) + 10 <= width:
            yield text(x + 6, y + 20, words, fill=theme.ink, size=14)
            return


def _saved(before: Boot, after: Boot, y: float, scale: float, theme: Theme) -> list[str]:
    """Return what says how much shorter the second is, in the room that this leaves."""
    x, end = _LEFT + after.total_ns * scale, _LEFT + before.total_ns * scale
    total, middle = _s(after.total_ns), y + _LAYER / 2
    begin = x + 14 + wide(total, 20)
    times = f"{before.total_ns / after.total_ns:.1f} times as fast"
    return [
        text(x + 10, middle + 7, total, fill=theme.ink, size=20, bold=True),
        line((begin + 14, middle), (end, middle), theme.accent, dashes="4 4", width=1.4),
        text((begin + end) / 2 + 7, middle - 7, times, fill=theme.accent, size=14, anchor="middle"),
    ]


def _axis(whole_ns: int, bottom: float, scale: float, theme: Theme) -> Iterator[str]:
    step = next(s for s in (100, 200, 500, 1000, 2000, 5000) if s * 1e6 * 10 >= whole_ns)
    for ms in range(0, whole_ns // 1_000_000 + 1, step):
        x = _LEFT + ms * 1e6 * scale
        yield line((x, _HEAD + 2), (x, bottom), theme.grid)
        label = f"{ms / 1000:g} s"
        yield text(x, bottom + 14, label, fill=theme.quiet, size=12, anchor="middle")


def _s(ns: int) -> str:
    return f"{ns / 1e9:.2f} s"
