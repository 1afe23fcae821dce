"""Times as users give them: how long ago, or when."""

from __future__ import annotations

import re
import time
from datetime import datetime

from bootwright.errors import InputError

_AGE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(s|m|h|d|w)")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def age_s(option: str, text: str) -> float:
    """Return the seconds that *text* means, such as ``90s``, ``30m``, ``12h``, ``2d``, ``1.5w``.

    Raises:
        InputError: it is no such text; the message names *option*.
    """
    found = _AGE.fullmatch(text.strip().lower())
    if not found:
        raise InputError(
            f"{option} {text!r} is not a duration",
            hint="use a number and s, m (minutes), h, d or w, such as 12h or 30d",
        )
    return float(found[1]) * _UNITS_S[found[2]]


def moment_s(option: str, text: str) -> float:
    """Return when *text* was, in seconds since 1970: as long ago, or a local date and time.

    Raises:
        InputError: it is neither.
    """
    if _AGE.fullmatch(text.strip().lower()):
        return time.time() - age_s(option, text)
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{option} {text!r} is neither a duration nor a date",
            hint="such as 12h, 2d or 1w, or 2026-03-31, or '2026-03-31 08:15'",
        ) from error


def shown(when_s: float) -> str:
    """Return a moment as local date and time, to the minute; JSON has it exactly."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when_s))
