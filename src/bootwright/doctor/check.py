"""The result of one check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bootwright.errors import BootwrightError

Area = Literal["host", "bootwright", "store"]
State = Literal["ok", "note", "warning", "problem"]
"""``note``: something optional is missing, or the check failed; ``warning``: it works, but badly;
``problem``: bootwright cannot do its job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check, for the user."""

    area: Area
    name: str
    state: State
    text: str
    """What was found and, unless it is ok, what follows from it."""
    hint: str = ""
    """What to try, like the hint of an error."""
    fixable: bool = False
    """Whether `bootwright doctor --fix` fixes it."""


def run_check(
    name: str, fact: Callable[[], Iterable[Check]], *, area: Area = "host"
) -> list[Check]:
    """Run *fact* and return its checks; an error becomes a note."""
    try:
        return list(fact())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        why, hint = f"{where}{error.strerror or error}", ""
    except BootwrightError as error:
        why, hint = str(error), error.hint
    except (ValueError, LookupError) as error:  # a file has unexpected content
        why, hint = f"{type(error).__name__}: {error}", ""
    text = f"cannot check: {why}"
    return [Check(area=area, name=name, state="note", text=text, hint=hint)]
