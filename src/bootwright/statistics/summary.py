"""What a number of samples say: their median, its interval, their spread, and who lies far off.

All of it is exact arithmetic over integer nanoseconds: no random numbers, so the same samples give
the same answer, and no numerical library has to be there or be waited for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
"""Of the intervals, unless another is asked for."""
SMALLEST_SHARE = 0.01
SMALLEST_NS = 1_000_000
_FAR = 3.5 * 1.4826
"""In median deviations. 1.4826 of them are a normal distribution's standard deviation, and 3.5 of
those is where a value is taken for an outlier. Source: Iglewicz and Hoaglin, How to Detect and
Handle Outliers (1993)."""
_NEGLIGIBLE = math.log(1e-18)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSummary:
    """What samples of one length say of it; all times in nanoseconds."""

    n: int
    median_ns: int
    min_ns: int
    max_ns: int
    ci_ns: tuple[int, int]
    """Bounds of the median."""
    confidence: float
    """Of these bounds. Fewer than six samples cannot reach 95 %: what they reach is said."""
    spread_ns: int
    """Half of the samples lie no farther than this from the median (the MAD)."""
    outliers: tuple[int, ...]
    """Which samples, counted from 0, lie far from the rest. They are kept in all other figures."""


def summary(values_ns: Sequence[int], *, confidence: float = CONFIDENCE) -> SampleSummary:
    """Summarise samples, in the order in which they were taken.

    The interval is the percentile bootstrap's of the median, in the limit of infinitely many
    resamples, which can be computed. Not BCa: its acceleration comes from the jackknife, which is
    inconsistent for a median. Source: Efron and Tibshirani, An Introduction to the Bootstrap
    (1993), sections 11.6 and 13.3. Where the whole range of the samples bounds the median with less
    than *confidence*, the range is given, with what it reaches.

    An outlier lies farther from the median than 3.5 standard deviations (told from the MAD), and
    than the smallest effect of interest: on the virtual clock a microsecond may be many MADs.

    Raises:
        ValueError: there is no sample.
    """
    if not values_ns:
        raise ValueError("no samples to summarise")
    ordered = sorted(values_ns)
    n = len(ordered)
    median = _median(ordered)
    deviations = [abs(value - median) for value in values_ns]
    spread = _median(sorted(deviations))
    far = max(_FAR * spread, smallest_effect_ns(median))
    # All samples lie on one side of the true median with probability 2^-n, each side.
    reached = 1 - 2.0 ** (1 - n)
    return SampleSummary(
        n=n,
        median_ns=median,
        min_ns=ordered[0],
        max_ns=ordered[-1],
        ci_ns=(ordered[0], ordered[-1])
        if reached < confidence
        else _bootstrap_interval(ordered, confidence),
        confidence=min(reached, confidence),
        spread_ns=spread,
        outliers=tuple(index for index, off in enumerate(deviations) if off > far),
    )


def smallest_effect_ns(median_ns: int) -> int:
    """Return the smallest difference that anyone should care about: 1 %, and 1 ms at least."""
    return max(round(median_ns * SMALLEST_SHARE), SMALLEST_NS)


def _median(ordered: Sequence[int]) -> int:
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) // 2


def _bootstrap_interval(ordered: Sequence[int], confidence: float) -> tuple[int, int]:
    """Return the percentiles of the medians of all resamples."""
    weights: dict[int, float] = {}
    for value, weight in _bootstrap_medians(ordered):
        weights[value] = weights.get(value, 0.0) + weight
    medians = sorted(weights)
    tail = (1 - confidence) / 2
    low = _beyond(medians, weights, tail)
    high = _beyond(medians[::-1], weights, tail)
    return low, high


def _beyond(medians: Sequence[int], weights: dict[int, float], tail: float) -> int:
    """Return the first of *medians* at which *tail* is used up."""
    passed = 0.0
    for median in medians:
        passed += weights[median]
        if passed > tail:
            return median
    return medians[-1]


def _bootstrap_medians(ordered: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Yield each median that a resample can have, with its probability.

    n values drawn with replacement have the i-th as the m-th of them, and the j-th next to it
    (i < j, from 1), with probability C(n, m) (i^m - (i-1)^m) ((n-j+1)^(n-m) - (n-j)^(n-m)) / n^n.
    """
    n = len(ordered)
    middle = (n + 1) // 2
    if n % 2:
        below = [_at_least(n, middle, rank / n) for rank in range(n + 1)]
        yield from ((value, below[rank + 1] - below[rank]) for rank, value in enumerate(ordered))
        return
    ways = math.lgamma(n + 1) - 2 * math.lgamma(middle + 1) - n * math.log(n)
    # By symmetry the j-th value's part is the (n + 1 - j)-th's.
    parts = [_log_difference(rank, middle) for rank in range(1, n + 1)]
    same = [_at_least(n, middle, rank / n) for rank in range(n + 1)]
    for i, value in enumerate(ordered):
        both = same[i + 1] - same[i]  # the m-th is this one: what is left of it is both
        for j in range(i + 1, n):
            log = ways + parts[i] + parts[n - 1 - j]
            if log > _NEGLIGIBLE:
                weight = math.exp(log)
                both -= weight
                yield (value + ordered[j]) // 2, weight
        yield value, max(both, 0.0)


def _log_difference(base: int, power: int) -> float:
    """Return log(base^power - (base - 1)^power)."""
    if base == 1:
        return 0.0
    return power * math.log(base) + math.log1p(-((1 - 1 / base) ** power))


def _at_least(n: int, wanted: int, share: float) -> float:
    """Return the probability that of *n* draws *wanted* or more fall within *share*."""
    if share in (0.0, 1.0):
        return share
    logs = (math.log(share), math.log1p(-share))
    return math.fsum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * logs[0]
            + (n - k) * logs[1]
        )
        for k in range(wanted, n + 1)
    )
