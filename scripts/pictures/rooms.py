"""The rooms of the source by height: a room imports from below it only. Drawn from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scripts.pictures.drawing import Theme, box, document, text, wide

_WIDTH, _EDGE, _GAP = 900, 14, 10
_LINES, _SIZE = 4, 11.0
_COLOURS = ("ssh", "userspace", "initramfs", "kernel", "firmware", "host")


def picture(source: Path, theme: Theme) -> str:
    """Draw the rooms below *source*, the package's folder."""
    rows = _rows(source)
    parts: list[str] = []
    y = float(_EDGE)
    for index, names in enumerate(rows):
        colours = theme.layers[_COLOURS[index * len(_COLOURS) // len(rows)]]
        width = (_WIDTH - 2 * _EDGE - (len(names) - 1) * _GAP) / len(names)
        texts = [_wrapped(_purpose(source, name), width - 16) for name in names]
        height = 30 + max(map(len, texts)) * (_SIZE + 3)
        for place, (name, lines) in enumerate(zip(names, texts, strict=True)):
            x = _EDGE + place * (width + _GAP)
            parts.append(box(x, y, width, height, colours, radius=4))
            parts.append(text(x + 8, y + 18, name, fill=theme.ink, size=14, bold=True))
            for number, words in enumerate(lines):
                at = y + 34 + number * (_SIZE + 3)
                parts.append(text(x + 8, at, words, fill=theme.ink, size=_SIZE))
        y += height + _GAP
    return document(_WIDTH, round(y - _GAP + _EDGE), theme, "The rooms of bootwright", parts)


def _rows(source: Path) -> list[list[str]]:
    """Return the rooms by height, the highest first."""
    imported: dict[str, set[str]] = {}
    for path in sorted(source.rglob("*.py")):
        room = path.relative_to(source).with_suffix("").parts[0]
        below = {name for name in _imports(path) if name != room}
        imported.setdefault(room, set()).update(below)
    rooms = {room for room in imported if not room.startswith("__")}

    @cache
    def height(room: str) -> int:
        return 1 + max((height(other) for other in imported[room] & rooms), default=-1)

    heights = {room: height(room) for room in sorted(rooms)}
    top = max(heights.values())
    return [[room for room in heights if heights[room] == h] for h in range(top, -1, -1)]


def _imports(path: Path) -> Iterator[str]:
    """Yield the rooms that a module imports from, at its top and inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "bootwright" and rest:
                yield rest.split(".")[0]


def _purpose(source: Path, room: str) -> str:
    """Return the first sentence of a room's docstring."""
    folder = source / room
    path = folder / "__init__.py" if folder.is_dir() else source / f"{room}.py"
    words = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    sentence = words.split(". ")[0].removesuffix(".")
    return sentence.replace("``", "")


def _wrapped(words: str, width: float) -> list[str]:
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if wide(longer, _SIZE) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1]} …"]
    return lines
