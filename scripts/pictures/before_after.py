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
    critical: bool

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

    @property
    def layers(self) -> list[Span]:
        """The parts at the top, one after the other."""
        return [span for span in self.spans if span.parent == self.spans[0].id]

    def leaves(self, least_ns: int) -> list[Span]:
        """Return what is no layer, is at least so long, and has no part that is, by its start."""
        tops = {self.spans[0].id, *(span.id for span in self.layers)}
        long = [s for s in self.spans if s.id not in tops and s.duration_ns >= least_ns]
        parents = {span.parent for span in long}
        found = [span for span in long if span.id not in parents]
        return sorted(found, key=lambda span: span.start_ns)


def read(document_: str, title: str) -> Boot:
    """Read what `bootwright timeline --json` printed."""
    fields = Span.__dataclass_fields__
    spans = json.loads(document_)["spans"]
    return Boot(title=title, spans=tuple(Span(**{f: s[f] for f in fields}) for s in spans))


def picture(before: Boot, after: Boot, footer: str, theme: Theme) -> str:
    """Draw both."""
    whole_ns = max(before.total_ns, after.total_ns)
    scale = (_WIDTH - _LEFT - _RIGHT) / whole_ns
    first, height = _boot(before, 8, scale, theme, whole_ns)
    first.append(
        text(_WIDTH - _RIGHT, 30, _s(before.total_ns), fill=theme.ink, size=20, anchor="end",
             bold=True)
    )  # fmt: skip
    first += _longest(before, _LEFT, 8 + _HEAD + _LAYER + 4 + 2 * _ROW, theme)
    top = 8 + height + _GAP
    second, height = _boot(after, top, scale, theme, whole_ns)
    second += _saved(before, after, top + _HEAD, scale, theme)
    second += _longest(after, _LEFT + after.total_ns * scale + 60, top + _HEAD + _LAYER + 4, theme)
    bottom = top + height + 12
    parts = [*_axis(whole_ns, bottom, scale, theme), *first, *second]
    parts += _legend(before, bottom + 36, theme)
    parts.append(text(_LEFT, bottom + 58, footer, fill=theme.quiet, size=12))
    title = f"{before.title}: {_s(before.total_ns)}. {after.title}: {_s(after.total_ns)}."
    return document(_WIDTH, round(bottom + 70), theme, title, parts)


def _boot(
    boot: Boot, top: float, scale: float, theme: Theme, whole_ns: int
) -> tuple[list[str], float]:
    """Return one boot's layers, what they are made of below them, and how high all that is."""
    parts = [text(_LEFT, top + 22, boot.title, fill=theme.ink, size=16, bold=True)]
    for span in boot.layers:
        parts += _layer(span, top + _HEAD, scale, theme)
    y = top + _HEAD + _LAYER + 4
    rows: list[float] = []
    for span in boot.leaves(round(_LEAST * whole_ns)):
        start, end = _LEFT + span.start_ns * scale, _LEFT + span.end_ns * scale
        place = next((i for i, free in enumerate(rows) if free <= start), len(rows))
        if place >= _ROWS:
            continue
        rows[place : place + 1] = [end + 1]
        at = y + place * _ROW
        hover = f"{span.name}: {_ms(span.duration_ns)}"
        parts.append(box(start, at, end - start, _ROW - 2, theme.layers[span.layer], title=hover))
        if wide(span.name, 11) + 8 <= end - start:
            parts.append(text(start + 4, at + 10, span.name, fill=theme.ink, size=11))
    return parts, _HEAD + _LAYER + 4 + _ROWS * _ROW


def _longest(boot: Boot, x: float, y: float, theme: Theme) -> Iterator[str]:
    """Yield the three longest parts that the boot had to wait for."""
    parts = [span for span in boot.leaves(1) if span.critical]
    parts.sort(key=lambda span: -span.duration_ns)
    yield text(x, y + 12, "longest on the critical path", fill=theme.quiet, size=12)
    for number, span in enumerate(parts[:3], start=1):
        at = y + number * 16
        yield box(x, at + 3, 10, 10, theme.layers[span.layer])
        words = f"{span.name}  {_ms(span.duration_ns)}"
        yield text(x + 16, at + 12, words, fill=theme.ink, size=12)


def _legend(boot: Boot, y: float, theme: Theme) -> Iterator[str]:
    x = float(_LEFT)
    for span in boot.layers:
        yield box(x, y - 10, 12, 12, theme.layers[span.layer])
        yield text(x + 18, y, span.name, fill=theme.quiet, size=12)
        x += 18 + wide(span.name, 12) + 20


def _layer(span: Span, y: float, scale: float, theme: Theme) -> Iterator[str]:
    x, width = _LEFT + span.start_ns * scale, span.duration_ns * scale
    hover = f"{span.name}: {_ms(span.duration_ns)}"
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


def _ms(ns: int) -> str:
    return f"{ns / 1e6:.0f} ms"
