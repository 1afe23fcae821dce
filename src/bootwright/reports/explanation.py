"""Text for people: why something is busy."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import Protocol

_MOST_WIDTH = 100


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


def text(found: Explained) -> str:
    """Return first whether anything is in the way, then who holds what, why, and what to do."""
    lines = _wrapped(f"{found.path} ({found.kind}) {_verdict(found)}", "")
    for device in found.devices:
        lines += ["", *_wrapped(f"{device.name}  {device.text}", "  ")]
        lines += [line for h in device.holders for line in _wrapped(f"held: {h.text}", "    ")]
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
            lines += ["", heading, *(line for word in words for line in _told(word))]
    return "\n".join(lines)


def _verdict(found: Explained) -> str:
    if found.is_busy:
        return "is busy"
    if found.unseen:
        return "is not busy as far as this user can see, but not everything could be checked"
    return "is not busy: nothing stands in the way"


def _told(words: str) -> list[str]:
    """Commands are kept whole, to be pasted."""
    before, dollar, command = words.partition("$ ")
    if not dollar:
        return _wrapped(words, "  ")
    lines = _wrapped(before.strip(), "  ") if before.strip() else []
    return [*lines, f"      {_plain(command)}"]


def _wrapped(words: str, indent: str) -> list[str]:
    return textwrap.wrap(
        _plain(words),
        min(_MOST_WIDTH, shutil.get_terminal_size((_MOST_WIDTH, 24)).columns),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(words: str) -> str:
    """Return *words* without what a terminal would obey: file names come from anybody."""
    return "".join(char if char.isprintable() else " " for char in words)
