"""Clocks: where the guest's clocks stand against the host's, and how well that is known.

Nothing is assumed of delays but that they are not negative: what the guest stamped before the host
heard of it was earlier on the host's clock than that, and what it stamped after the host had asked
was later. Each such pair bounds the offset from one side; the bounds leave an interval, whose
middle is taken and whose half is the error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_USUAL_NS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """One clock against another: ``other = own + offset_ns``."""

    offset_ns: int
    error_ns: int
    """The offset is right to within this much either way."""
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What one pair of stamps says of an offset; none: nothing from that side."""

    least_ns: int | None = None
    most_ns: int | None = None


def heard(own_ns: int, other_ns: int) -> Bound:
    """Return the bound of what was stamped at *own_ns* and heard of at *other_ns*."""
    return Bound(most_ns=other_ns - own_ns)


def between(own_ns: int, before_ns: int, after_ns: int) -> Bound:
    """Return the bound of what was stamped between two moments of the other clock."""
    return Bound(least_ns=before_ns - own_ns, most_ns=after_ns - own_ns)


def align(bounds: Iterable[Bound]) -> Alignment | None:
    """Return the alignment that all *bounds* leave; None where they leave one side open.

    Where they contradict each other, one clock has gone faster than the other; the middle of the
    contradiction is taken, its half is the error, and a warning says so where it is large.
    """
    every = list(bounds)
    least = [bound.least_ns for bound in every if bound.least_ns is not None]
    most = [bound.most_ns for bound in every if bound.most_ns is not None]
    if not least or not most:
        return None
    low, high = max(least), min(most)
    warning = ""
    if low > high:
        # Clocks run a little faster or slower than each other: some 20 µs in a second are usual.
        if low - high > _USUAL_NS:
            warning = f"two clocks differ by {(low - high) / 1e6:.3f} ms within one boot"
        low, high = high, low
    return Alignment(offset_ns=(low + high) // 2, error_ns=(high - low + 1) // 2, warning=warning)
