"""Text for people: what doctor found."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Protocol

from bootwright.reports.text import printable

_WIDTH = 100
_MARKS = {"ok": "✓ ok", "note": "· note", "warning": "! warning", "problem": "✗ problem"}
_COLORS = {"ok": 32, "warning": 33, "problem": 31}
_HEADINGS = {
    "host": "This host",
    "bootwright": "Created by bootwright",
    "store": "Images and kernels",
}


class Checked(Protocol):
    """One fact that was looked at; see `doctor.check.Check`."""

    @property
    def area(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def hint(self) -> str: ...


def text(checks: Sequence[Checked], *, width: int = _WIDTH, color: bool = False) -> str:
    """Return the checks by area, one row each, and below them how many are not well.

    Lines are *width* columns at most, but for words that are longer, such as paths.
    """
    lines: list[str] = []
    names = max((len(check.name) for check in checks), default=0)
    marks = max(map(len, _MARKS.values()))
    for area in dict.fromkeys(check.area for check in checks):
        lines.append(_HEADINGS.get(area, area))
        for check in checks:
            if check.area == area:
                start = f"  {_MARKS[check.state]:<{marks}}  {printable(check.name):<{names}}  "
                lines += _wrapped(check.text, width, start, " " * len(start))
                if check.hint:
                    indent = " " * len(start)
                    lines += _wrapped(check.hint, width, f"{indent}→ ", f"{indent}  ")
        lines.append("")
    if color:
        lines = [_colored(line) for line in lines]
    return "\n".join([*lines, summary(checks)])


def summary(checks: Sequence[Checked]) -> str:
    """Return in one line how many checks there were, and how many of them are not well."""
    counts = []
    for state in ("problem", "warning", "note"):
        if count := sum(check.state == state for check in checks):
            counts.append(f"{count} {state}" + ("s" if count > 1 else ""))
    looked_at = f"{len(checks)} check" + ("s" if len(checks) != 1 else "")
    return f"{looked_at}: {', '.join(counts) or 'no problems'}"


def _wrapped(words: str, width: int, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        printable(words),
        width,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _colored(line: str) -> str:
    """Return the first line of a check with its state in the colour of that state."""
    for state, style in _COLORS.items():
        if line.startswith(f"  {_MARKS[state]}"):
            return line.replace(_MARKS[state], f"\x1b[{style}m{_MARKS[state]}\x1b[0m", 1)
    return line
