"""Text for people: why something is busy."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Protocol

from bootwright.reports.text import printable

_WIDTH = 100


class _Holder(Protocol):
    @property
    def text(self) -> str: ...


class _Device(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def holders(self) -> Sequence[_Holder]: ...


class Explained(Protocol):
    """See `busy.why.Explanation`."""

    @property
    def path(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def is_busy(self) -> bool: ...
    @property
    def devices(self) -> Sequence[_Device]: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def fixes(self) -> Sequence[str]: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def checked(self) -> Sequence[str]: ...
    @property
    def unseen(self) -> Sequence[str]: ...


def text(found: Explained, *, width: int = _WIDTH) -> str:
    """Return first whether anything is in the way, then who holds what, why, and what to do.

    Lines are *width* columns at most, but for commands, and words that are longer.
    """
    lines = _wrapped(f"{found.path} ({found.kind}) {_verdict(found)}", "", width)
    for device in found.devices:
        lines += ["", *_wrapped(f"{device.name}  {device.text}", "  ", width)]
        for holder in device.holders:
            lines += _wrapped(f"held: {holder.text}", "    ", width)
    for heading, words in (
        ("Why", found.reasons),
        ("What to do", found.fixes),
        ("Also", found.notes),
        ("Not checked", found.unseen),
        (
            "Checked as far as permitted" if found.unseen else "Checked",
            () if found.is_busy else found.checked,
        ),
    ):
        if words:
            lines += ["", heading, *(line for word in words for line in _told(word, width))]
    return "\n".join(lines)


def _verdict(found: Explained) -> str:
    if found.is_busy:
        return "is busy"
    if found.unseen:
        return "is not busy as far as this user can see, but not everything could be checked"
    return "is not busy: nothing stands in the way"


def _told(words: str, width: int) -> list[str]:
    """Commands are kept whole, to be pasted."""
    before, dollar, command = words.partition("$ ")
    if not dollar:
        return _wrapped(words, "  ", width)
    lines = _wrapped(before.strip(), "  ", width) if before.strip() else []
    return [*lines, f"      {printable(command)}"]


def _wrapped(words: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        printable(words),
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
