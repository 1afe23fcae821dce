"""An amount of time as people write it: ``900ms``, or ``2%`` of another time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootwright.errors import InputError

_TEXT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(%|us|µs|ms|s)")
_UNITS_NS = {"us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A time, or a share of one."""

    ns: int = 0
    share: float | None = None
    """Of the whole, 0 to 1 and beyond; None: it is a time."""

    def of(self, whole_ns: int) -> int:
        """Return the nanoseconds that it is, where it may be a share of *whole_ns*."""
        return self.ns if self.share is None else round(whole_ns * self.share)


def parse(text: str) -> Amount | None:
    """Return the amount that *text* means; None: it is none."""
    found = _TEXT.fullmatch(text.strip())
    if not found:
        return None
    number, unit = float(found[1]), found[2]
    if unit == "%":
        return Amount(share=number / 100)
    return Amount(ns=round(number * _UNITS_NS[unit]))


def read(text: str, what: str) -> Amount:
    """Return the amount that *text* means.

    Raises:
        InputError: it is none; the message begins with *what*.
    """
    found = parse(text)
    if found is None:
        raise InputError(
            f"{what}: invalid value {text!r}",
            hint="use a percentage or a time, such as 2%, 500us or 5ms",
        )
    return found
