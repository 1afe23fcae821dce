"""Hints for names that do not exist: the nearest one that does, or all of them."""

from __future__ import annotations

from collections.abc import Iterable

LISTED = 110
"""Characters of a list of names: with its first words, a hint fits two lines of 80 columns."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the name that *word* most likely means; empty if none is near.

    A word that is the start or the end of one name is near it, however short it is.
    """
    import difflib  # here: no boot waits for it

    names = list(dict.fromkeys(known))
    folded = {name.casefold(): name for name in reversed(names)}
    wanted = word.strip().casefold()
    if close := difflib.get_close_matches(wanted, folded, n=1, cutoff=cutoff):
        return folded[close[0]]
    parts = [name for name in folded if len(wanted) > 1 and wanted in _ends(name, len(wanted))]
    return folded[parts[0]] if len(parts) == 1 else ""


def _ends(name: str, length: int) -> tuple[str, str]:
    return name[:length], name[-length:]


def listed(names: Iterable[str], length: int = LISTED) -> str:
    """Return *names* as a list of at most *length* characters; it says how many it leaves out."""
    words = list(names)
    text = ", ".join(words)
    if len(text) <= length:
        return text
    shown = len(words)
    while shown > 1 and len(text) > length - len(f" and {len(words)} more"):
        shown -= 1
        text = ", ".join(words[:shown])
    return f"{text} and {len(words) - shown} more"


def hint(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint for the unknown name *word*.

    Args:
        known: The names that exist.
        otherwise: The hint where none of them is near; by default, the list of them.
    """
    names = list(known)
    if near := nearest(word, names):
        return f"did you mean {near!r}?"
    return otherwise or f"there are: {listed(names)}"
