"""Where boxes go: each layer a lane, each span below its parent, overlapping siblings stacked.

All lengths are pixels of the picture. Pure geometry; svg.py turns it into marks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bootwright.timelines.span import Layer, Span, Timeline

ROW = 18
"""From one row's top to the next one's."""
BOX = 16
"""How high a box is."""
FONT = 10.5
_PAD = 4.0
"""Between a box's edge and its text, and between what stands side by side in a row."""
_LEAST_TEXT = 16.0
"""A text that has less room than this is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text at a box, cut to the room it has."""

    text: str
    figure: str
    """Stands behind the text; empty where there is no room."""
    x: float
    side: Literal["inside", "right", "left"]

    @property
    def width(self) -> float:
        return text_width(f"{self.text} {self.figure}" if self.figure else self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One span, drawn."""

    span: Span
    x: float
    y: float
    width: float
    label: Label | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One layer."""

    layer: Layer
    y: float
    height: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From time to place: *whole_ns* is *width* wide, from *left* on."""

    left: float
    width: float
    whole_ns: int

    def x(self, time_ns: int) -> float:
        return self.left + self.length(time_ns)

    def length(self, time_ns: int) -> float:
        return self.width * time_ns / self.whole_ns

    @property
    def right(self) -> float:
        return self.left + self.width


@dataclass(slots=True)
class _Block:
    """A span with all that is drawn below it; ``row`` counts from the parent's own."""

    span: Span
    children: list[_Block]
    label: Label | None
    left: float
    right: float
    row: int = 0
    height: int = 1


_NARROW = frozenset("ijlI.,:;'|!` ")
_SLIM = frozenset('ftr()[]-/\\"*{}')
_WIDE = frozenset("mwMW@%&")


def text_width(text: str, font: float = FONT) -> float:
    """Return about how wide a text is in a sans-serif font; rather too much than too little.

    Source: the advance widths of DejaVu Sans, which is wider than Helvetica, Arial and Liberation.
    """
    return font * sum(_advance(char) for char in text)


def _advance(char: str) -> float:
    if char in _NARROW:
        return 0.36
    if char in _SLIM:
        return 0.47
    if char in _WIDE:
        return 1.02
    if ord(char) >= 0x1100:  # Hangul, Kana, Han and what else is as wide as it is high
        return 1.05
    if char.isupper() or char in "+=<>#~_":
        return 0.78 if char != "_" else 0.52
    return 0.645


def cut(text: str, width: float, font: float = FONT) -> str:
    """Return as much of a text as fits, with an ellipsis where it does not; maybe nothing."""
    if text_width(text, font) <= width:
        return text
    room = width - text_width("…", font)
    used = 0.0
    kept = 0
    for char in text:
        used += _advance(char) * font
        if used > room:
            break
        kept += 1
    return text[:kept].rstrip() + "…" if kept >= 2 else ""


def lanes(
    timeline: Timeline,
    scale: Scale,
    *,
    top: float,
    gap: float,
    least_ns: int,
    least_beside_ns: int,
    words: Callable[[Span], tuple[str, str]],
) -> tuple[Lane, ...]:
    """Lay out a boot.

    Args:
        top: Where the first lane begins.
        gap: Between two lanes.
        least_ns: Shorter spans are not drawn.
        least_beside_ns: Shorter spans get no text outside of their box, but for each lane's own.
        words: A span's name and its figure.
    """
    children = timeline.children()
    blocks: dict[Layer, list[_Block]] = {}
    for span in children.get(timeline.root.id, ()):
        if span.duration_ns >= least_ns and span.duration_ns:
            block = _block(span, children, scale, least_ns, least_beside_ns, words, is_top=True)
            blocks.setdefault(span.layer, []).append(block)
    found = []
    for layer in get_args(Layer):
        if layer not in blocks:
            continue
        rows = _stack(blocks[layer], 0)
        boxes: list[Box] = []
        for block in blocks[layer]:
            _place(block, 0, top, scale, boxes)
        height = rows * ROW
        found.append(Lane(layer=layer, y=top, height=height, boxes=tuple(boxes)))
        top += height + gap
    return tuple(found)


def _block(
    span: Span,
    children: Mapping[str, Sequence[Span]],
    scale: Scale,
    least_ns: int,
    least_beside_ns: int,
    words: Callable[[Span], tuple[str, str]],
    *,
    is_top: bool = False,
) -> _Block:
    below = [
        _block(child, children, scale, least_ns, least_beside_ns, words)
        for child in children.get(span.id, ())
        if child.duration_ns >= least_ns and child.duration_ns
    ]
    x, width = scale.x(span.start_ns), scale.length(span.duration_ns)
    may_stand_beside = is_top or span.duration_ns >= least_beside_ns
    label = _label(*words(span), x, width, scale, may_stand_beside)
    left, right = x, x + width
    if label is not None and label.side == "right":
        right = label.x + label.width + _PAD
    elif label is not None and label.side == "left":
        left = label.x - label.width - _PAD
    block = _Block(span, below, label, left, right)
    block.height = 1 + _stack(below, 1)
    block.left = min([left, *(child.left for child in below)])
    block.right = max([right, *(child.right for child in below)])
    return block


def _label(
    name: str, figure: str, x: float, width: float, scale: Scale, may_stand_beside: bool
) -> Label | None:
    room = width - 2 * _PAD
    inside = Label(text=name, figure=figure, x=x + _PAD, side="inside")
    if inside.width <= room:
        return inside
    if text_width(name) <= room:
        return replace(inside, figure="")
    if may_stand_beside:
        # Beside the box there is the rest of the picture.
        if x + width + _PAD + inside.width <= scale.right:
            return replace(inside, x=x + width + _PAD, side="right")
        if x - _PAD - inside.width >= scale.left:
            return replace(inside, x=x - _PAD, side="left")
    short = cut(name, room) if room >= _LEAST_TEXT else ""
    return replace(inside, text=short, figure="") if short else None


def _stack(blocks: list[_Block], first_row: int) -> int:
    """Give each block the first rows in which it is alone; return how many rows all take."""
    taken: list[list[tuple[float, float]]] = []
    for block in blocks:
        row = 0
        while any(
            left < block.right and block.left < right
            for line in taken[row : row + block.height]
            for left, right in line
        ):
            row += 1
        block.row = first_row + row
        while len(taken) < row + block.height:
            taken.append([])
        for line in taken[row : row + block.height]:
            line.append((block.left, block.right))
    return len(taken)


def _place(block: _Block, row: int, top: float, scale: Scale, boxes: list[Box]) -> None:
    row += block.row
    boxes.append(
        Box(
            span=block.span,
            x=scale.x(block.span.start_ns),
            y=top + row * ROW,
            width=scale.length(block.span.duration_ns),
            label=block.label,
        )
    )
    for child in block.children:
        _place(child, row, top, scale, boxes)
