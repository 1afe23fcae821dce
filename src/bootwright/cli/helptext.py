"""Help that fits the terminal: examples with their meaning beside or, if narrow, below them."""

from __future__ import annotations

import re
import textwrap

import click

_BESIDE = re.compile(r"( *)(\S.*?\S) {2,}(\S.*)")
"""An example, two spaces or more, and what it means."""
_CONTINUED = re.compile(r" {20,}(\S.*)")
"""A line that only goes on with the meaning of the one above."""


class Formatter(click.HelpFormatter):
    """Folds the lines of blocks that click leaves as they are where the terminal is narrower."""

    def write_text(self, text: str) -> None:
        """Write a text; its blocks that begin with ``\\b`` keep their lines as far as they fit."""
        room = self.width - self.current_indent
        paragraphs = re.split(r"(\n[ \t]*\n)", text)
        super().write_text(
            "".join(
                _folded(part, room) if part.lstrip().startswith("\b") else part
                for part in paragraphs
            )
        )


def _folded(block: str, room: int) -> str:
    lines = block.splitlines()
    if all(len(line) <= room for line in lines):
        return block
    found: list[str] = []
    for line in lines:
        if (more := _CONTINUED.fullmatch(line)) and found:
            found[-1] += f" {more[1]}" if _BESIDE.fullmatch(found[-1]) else f"  {more[1]}"
        else:
            found.append(line)
    return "\n".join(line for one in found for line in _fitting(one, room))


def _fitting(line: str, room: int) -> list[str]:
    """Return a line as one or more that fit."""
    if len(line) <= room:
        return [line]
    if beside := _BESIDE.fullmatch(line):
        indent, example, meaning = beside.groups()
        first = _fitting(f"{indent}{example}", room)
        return [*first, *_wrapped(meaning, room, f"{indent}      ")]
    indent = line[: len(line) - len(line.lstrip())]
    if line.lstrip().startswith("bootwright "):
        # What is copied from the screen still works.
        pieces = textwrap.wrap(
            line.strip(), room - len(indent) - 6, break_on_hyphens=False, break_long_words=False
        )
        rows = [f"{indent}{'    ' * bool(number)}{piece}" for number, piece in enumerate(pieces)]
        return [f"{row} \\" for row in rows[:-1]] + rows[-1:]
    return _wrapped(line.strip(), room, indent)


def _wrapped(text: str, room: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        room,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
