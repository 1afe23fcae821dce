"""One fact that was looked at, and how it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bootwright.errors import BootwrightError

Area = Literal["host", "ours", "store"]
State = Literal["ok", "note", "warning", "problem"]
"""``note``: something optional is missing, or nobody can tell; ``warning``: it works, but badly;
``problem``: bootwright cannot do its job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One fact, in words for the user."""

    area: Area
    name: str
    state: State
    text: str
    """What is so, and where that is not well, what follows from it."""
    hint: str = ""
    """What to try; as an error's hint."""
    fixable: bool = False
    """Whether bootwright can mend it itself."""


def asked(name: str, fact: Callable[[], Iterable[Check]], *, area: Area = "host") -> list[Check]:
    """Return what *fact* found. That it could not be found out is a finding too."""
    try:
        return list(fact())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        why, hint = f"{where}{error.strerror or error}", ""
    except BootwrightError as error:
        why, hint = str(error), error.hint
    except (ValueError, LookupError) as error:  # a file that says something unforeseen
        why, hint = f"{type(error).__name__}: {error}", ""
    text = f"this could not be found out: {why}"
    return [Check(area=area, name=name, state="note", text=text, hint=hint)]
