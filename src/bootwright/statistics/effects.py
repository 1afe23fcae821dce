"""By how much B differs from A: estimate, interval and p, from pairs of samples.

What makes a pair makes its two samples comparable: on the virtual clock the same seed, on the wall
clock neighbours in A B B A, between which the host has hardly drifted.

Everything rests on one fact: where B is A moved by some amount, the difference of a pair, less that
amount, is as likely above zero as below, whatever the samples' distribution (heavy tails, two
modes). So under "no difference" every pattern of signs is as likely as the one that was seen, and
p counts them. That needs no spread: on a clock where a change costs the same each time, ten equal
differences are ten equal signs (p = 0.002), and ten differences of zero are no sign at all (p = 1).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

ALPHA = 0.05
"""How often we accept to see a difference where there is none."""
_EXACT = 100
"""Up to as many pairs all patterns of signs are counted; beyond, a normal law is as good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What pairs of samples say of B against A; below zero: B is the shorter one."""

    n: int
    """Pairs."""
    effect_ns: int
    ci_ns: tuple[int, int]
    confidence: float
    """That the interval holds the effect: 1 - `alpha` or a little more. Less only where there are
    too few pairs (see `least_pairs`): then no interval reaches it, and this is the widest."""
    p: float
    """How often signs thrown by a coin are as one-sided as the ones seen, or more."""
    alpha: float
    """What was asked for."""


def paired(a_ns: Sequence[int], b_ns: Sequence[int], *, alpha: float = ALPHA) -> Effect:
    """Compare *b_ns* with *a_ns*, pair by pair.

    The estimate is the median of the averages of all two differences (Hodges and Lehmann's): a
    single wild boot hardly moves it. p is Wilcoxon's signed-rank test, two-sided: a permutation
    test that flips the sign of each difference, here over all patterns of signs and with ties
    counted as they are. The interval holds the effects that this test does not reject.

    Args:
        a_ns, b_ns: Samples in nanoseconds; the i-th of both make a pair.
        alpha: 1 less the confidence of the interval.

    Raises:
        ValueError: there is no pair, or not as many samples of both.

    Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods (2014), sections 3.1 to
    3.3; zeros keep their ranks, as in Pratt (1959).
    """
    differences = [b - a for a, b in zip(a_ns, b_ns, strict=True)]
    if not differences:
        raise ValueError("no pairs to compare")
    n = len(differences)
    # Sums, to stay with integers: an average is half of one.
    sums = sorted(one + other for i, one in enumerate(differences) for other in differences[i:])
    cut = _cut(n, alpha)
    inside = max(cut, 1)
    low, high = sums[inside - 1], sums[-inside]
    return Effect(
        n=n,
        effect_ns=round((sums[(len(sums) - 1) // 2] + sums[len(sums) // 2]) / 4),
        ci_ns=(math.floor(low / 2), math.ceil(high / 2)),
        confidence=1 - 2 * _chance(_ranks(n), 2 * (inside - 1)),
        p=_p(differences),
        alpha=alpha,
    )


def least_pairs(alpha: float = ALPHA) -> int:
    """Return how many pairs it takes at least before any difference can be told from chance.

    Even if all n differences have one sign, a coin does so once in 2^(n-1) times.
    """
    return 1 + math.ceil(-math.log2(alpha))


def abba(pairs: int) -> Iterator[Literal["A", "B"]]:
    """Yield what to boot next, so that *pairs* neighbours can be compared: A B B A A B B A ...

    The i-th A and the i-th B stand side by side, in turns before and behind each other: what the
    host drifts from one boot to the next adds to one pair what it takes from the next.
    """
    for index in range(pairs):
        yield "B" if index % 2 else "A"
        yield "A" if index % 2 else "B"


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Return p for each of several questions asked at once, such as one for each phase.

    With twenty phases one is "significant" by chance; compared with the adjusted ones, the chance
    that any is stays below alpha. The whole boot is the one question that was asked before, and
    does not belong in here.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979).
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for index, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(ps) - index) * p))
        adjusted[name] = largest
    return {name: adjusted[name] for name in ps}


def _p(differences: Sequence[int]) -> float:
    """Return the two-sided p of the signed-rank test."""
    distances = sorted(abs(difference) for difference in differences)
    # Twice the rank, which for ties is a half: they share the middle of their places.
    twice: dict[int, int] = {}
    passed = 0
    for distance, count in sorted(Counter(distances).items()):
        twice[distance] = 2 * passed + count + 1
        passed += count
    ranks = tuple(twice[distance] for distance in distances if distance)
    above = sum(twice[difference] for difference in differences if difference > 0)
    return min(1.0, 2 * _chance(ranks, min(above, sum(ranks) - above)))


def _cut(n: int, alpha: float) -> int:
    """Return how many of the lowest, and of the highest, averages the interval leaves out, and one;
    0: there is no such interval."""
    ranks = _ranks(n)
    return bisect_right(
        range(n * (n + 1) // 2), alpha / 2, key=lambda total: _chance(ranks, 2 * total)
    )


def _ranks(n: int) -> tuple[int, ...]:
    return tuple(range(2, 2 * n + 1, 2))


def _chance(twice_ranks: tuple[int, ...], twice_sum: int) -> float:
    """Return how often the ranks of the differences above zero add up to this, or to less."""
    if twice_sum < 0:
        return 0.0
    if len(twice_ranks) <= _EXACT:
        below = _cumulated(twice_ranks)
        return below[min(twice_sum, len(below) - 1)]
    mean = sum(twice_ranks) / 2
    deviation = math.sqrt(sum(rank * rank for rank in twice_ranks)) / 2
    return NormalDist(mean, deviation).cdf(twice_sum + 1)  # sums lie 2 apart: half of it more


@lru_cache(maxsize=64)
def _cumulated(twice_ranks: tuple[int, ...]) -> list[float]:
    """Return, for each sum, the share of all patterns of signs that reach it or less."""
    ways = [1]
    for rank in twice_ranks:
        grown = ways + [0] * rank
        for total, count in enumerate(ways):
            grown[total + rank] += count
        ways = grown
    patterns = 1 << len(twice_ranks)
    shares = []
    passed = 0
    for count in ways:
        passed += count
        shares.append(passed / patterns)
    return shares
