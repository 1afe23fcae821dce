"""An axis of times: where a time stands, and which round times are written at it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_MINUS = "\N{MINUS SIGN}"
_UNITS = (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1000), ("ns", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From *low_ns* to *high_ns*, which stand *pad* percent from the ends of what is drawn."""

    low_ns: int
    high_ns: int
    pad: float = 6.0

    @classmethod
    def over(cls, times_ns: Iterable[int], *, least_ns: int = 1000, pad: float = 6.0) -> Axis:
        """Return one that holds all of these times, and is no shorter than *least_ns*."""
        times = list(times_ns) or [0]
        low, high = min(times), max(times)
        lack = max(0, least_ns - (high - low))
        return cls(low_ns=low - lack // 2, high_ns=high + lack - lack // 2, pad=pad)

    @property
    def length_ns(self) -> int:
        return self.high_ns - self.low_ns

    def holds(self, time_ns: int) -> bool:
        """Whether a time stands between the ends."""
        return self.low_ns <= time_ns <= self.high_ns

    def at(self, time_ns: int) -> float:
        """Return where a time stands, in percent; one beyond an end stands at that end."""
        inside = min(max(time_ns, self.low_ns), self.high_ns)
        return self.pad + (100 - 2 * self.pad) * (inside - self.low_ns) / max(1, self.length_ns)

    def ticks(self, most: int = 5, *, signed: bool = False) -> list[tuple[int, str]]:
        """Return round times, at most about *most*, all written in one unit.

        Args:
            signed: Whether times above zero have a plus.
        """
        step = _step_ns(self.length_ns, most)
        first = -(-self.low_ns // step)
        times = [step * n for n in range(first, self.high_ns // step + 1)]
        largest = max((abs(time) for time in times), default=step) or step
        unit, size = next((u for u in _UNITS if largest >= u[1]), _UNITS[-1])
        digits = max(0, -math.floor(math.log10(step / size) + 1e-9))
        sign = "+" if signed else ""
        return [
            (time, f"{time / size:{sign}.{digits}f} {unit}".replace("-", _MINUS) if time else "0")
            for time in times
        ]


def without_outliers(times_ns: Iterable[int]) -> list[int]:
    """Return times without those that are far out, so that these do not squeeze an axis.

    Source: Tukey, Exploratory Data Analysis (1977): beyond the outer fences, three times the
    distance of the quartiles away from them.
    """
    times = sorted(times_ns)
    if len(times) < 4:
        return times
    low, high = times[len(times) // 4], times[-1 - len(times) // 4]
    reach = 3 * (high - low)
    return [time for time in times if low - reach <= time <= high + reach]


def _step_ns(length_ns: int, most: int) -> int:
    """Return 1, 2 or 5 of a decade, so that no more than *most* fit into the length."""
    decade = 1
    while decade * 10 * most < length_ns:
        decade *= 10
    return next(m * decade for m in (1, 2, 5, 10) if m * decade * most >= length_ns or m == 10)
