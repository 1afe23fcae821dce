"""Tables for people: as wide as the terminal, numbers to the right, colour on a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Sequence
from typing import TextIO

_NUMBER = re.compile(r"[<>~+-]?[0-9]+(\.[0-9]+)?( ?(B|[KMGT]iB|ns|µs|ms|s|min|h|%))?")
_NONE = ("", "-")
_SMALLEST = 10
"""Characters to which a column is wrapped at most."""
_LONGEST_WORD = 24
"""Longer words, such as paths, are broken where nothing else helps."""
_GAP = 2
BOLD, _RED, _GREEN, _YELLOW = "1", "31", "32", "33"
_STYLES = {
    **{"running": _GREEN, "starting": _YELLOW, "crashed": _RED, "damaged": _RED},
    **{"yes": _GREEN, "no": _YELLOW},
}
"""By the first word of a cell, the colour of the cell."""


def colors(stream: TextIO | None = None) -> bool:
    """Say whether *stream*, by default stdout, takes colours.

    Source: no-color.org; force-color.org; bixense.com/clicolors.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    if os.environ.get("TERM") == "dumb" or os.environ.get("CLICOLOR") == "0":
        return False
    return (stream or sys.stdout).isatty()


def width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal, or of COLUMNS; None for a file or a pipe."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size((stream or sys.stdout).fileno()).columns or None
    except (OSError, ValueError):
        return None


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    optional: Collection[str] = (),
    columns: int | None = None,
) -> str:
    """Return rows as columns, wide enough for their content.

    Where the terminal is narrower, columns that are optional are left out, and the longest texts
    are wrapped. In a pipe, each row is one line.

    Args:
        optional: Headings of the columns to leave out, the least important first.
        columns: How wide the table may be; by default, as the terminal.
    """
    wide = columns or width()
    kept = list(range(len(header)))
    for name in optional:
        if wide is None or _total(_widths(header, rows, kept)) <= wide:
            break
        kept = [index for index in kept if header[index] != name]
    widths = _widths(header, rows, kept)
    if wide is not None:
        cells = [[line[index] for line in (header, *rows)] for index in kept]
        _narrow(widths, [_smallest(column, index) for index, column in enumerate(cells)], wide)
    right = [_is_number([row[index] for row in rows]) for index in kept]
    lines = _lines([header[index] for index in kept], widths, right, BOLD)
    for row in rows:
        lines += _lines([row[index] for index in kept], widths, right, "")
    return "\n".join(lines)


def _widths(header: Sequence[str], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> list[int]:
    return [max(len(line[index]) for line in (header, *rows)) for index in kept]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _smallest(cells: Sequence[str], index: int) -> int:
    """Return the width to which a column can be wrapped: names and words stay whole."""
    if index == 0:
        return max(map(len, cells))
    longest = max(len(word) for cell in cells for word in cell.split() or [""])
    return max(_SMALLEST, min(longest, _LONGEST_WORD))


def _narrow(widths: list[int], smallest: Sequence[int], wide: int) -> None:
    """Make the widest columns narrower until all of them fit into *wide*, or none can be."""
    while (over := _total(widths) - wide) > 0:
        wider = [i for i, width in enumerate(widths) if width > smallest[i]]
        if not wider:
            return
        index = max(wider, key=lambda i: widths[i])
        others = max([widths[i] for i in wider if i != index], default=0)
        widths[index] = max(smallest[index], widths[index] - over, min(others, widths[index] - 1))


def _is_number(cells: Sequence[str]) -> bool:
    """Say whether a column holds numbers: those stand to the right, to be compared."""
    given = [cell for cell in cells if cell not in _NONE]
    return bool(given) and all(_NUMBER.fullmatch(cell) for cell in given)


def _lines(
    cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], style: str
) -> list[str]:
    """Return one row of the table; where a cell is wrapped, it has several lines."""
    import textwrap  # here: no boot waits for it

    # A cell of several words, such as a damaged object's, says by its first how it is.
    wrapped = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""] if len(cell) > width else [cell]
        for cell, width in zip(cells, widths, strict=True)
    ]
    lines = []
    for number in range(max(map(len, wrapped), default=0)):
        parts = []
        for cell, pieces, width, is_right in zip(cells, wrapped, widths, right, strict=True):
            piece = pieces[number] if number < len(pieces) else ""
            padded = piece.rjust(width) if is_right else piece.ljust(width)
            parts.append(
                _styled(padded, piece, style or _STYLES.get(re.split(r"[ :]", cell)[0], ""))
            )
        lines.append((" " * _GAP).join(parts).rstrip())
    return lines


def _styled(padded: str, piece: str, style: str) -> str:
    """Return *padded* with its words in *style*, where the terminal has colours."""
    if not style or not piece or not colors():
        return padded
    return padded.replace(piece, f"\x1b[{style}m{piece}\x1b[0m", 1)
