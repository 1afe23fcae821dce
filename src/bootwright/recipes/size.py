"""Sizes as people write them: ``512M``, ``1.5G``."""

from __future__ import annotations

import re

from bootwright.errors import InputError

_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_LARGEST_BYTES = 1 << 50
UNIT_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse(text: str, *, unit: str = "") -> int:
    """Return the bytes that *text* means: ``512M``, ``1.5G``, or a plain number of *unit*.

    Raises:
        InputError: it is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise InputError(f"invalid size {text!r}", hint="use a number and a unit, such as 512M")
    number, letter = found.groups()
    factor = UNIT_BYTES[(letter or unit).lower()]
    size = int(number) * factor if number.isdecimal() else int(float(number) * factor)
    if size > _LARGEST_BYTES:
        raise InputError(f"{text!r} is too large", hint="no disk or memory has more than 1024T")
    return size


def text(number: int, *, unit: str = "") -> str:
    """Return the shortest text that means exactly *number* of *unit*."""
    size = number * UNIT_BYTES[unit]
    for letter in ("t", "g", "m", "k"):
        if size and size % UNIT_BYTES[letter] == 0:
            return f"{size // UNIT_BYTES[letter]}{letter.upper()}"
    return str(number)
