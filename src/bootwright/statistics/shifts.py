"""By how much B differs from A where nothing makes pairs of their samples."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from math import ceil, comb, sqrt
from statistics import NormalDist

from bootwright.statistics.effects import ALPHA, Effect

_EXACT = 40
"""Up to as many samples of each all orders are counted; beyond, a normal law is as good."""


def shifted(a_ns: Sequence[int], b_ns: Sequence[int], *, alpha: float = ALPHA) -> Effect:
    """Compare *b_ns* with *a_ns*, each with each.

    The estimate is the median of all differences (Hodges and Lehmann's), p is the two-sided
    Wilcoxon-Mann-Whitney test's, a permutation test over who is an A and who a B; the interval
    holds the shifts that it does not reject. Equal values count a half, in favour of no difference.

    Raises:
        ValueError: there are no samples of one of them.

    Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods (2014), sections 4.1 to
    4.3.
    """
    if not a_ns or not b_ns:
        raise ValueError("no samples to compare")
    m, n = len(a_ns), len(b_ns)
    differences = sorted(b - a for a in a_ns for b in b_ns)
    total = m * n
    cut = bisect_right(range(total), alpha / 2, key=lambda wins: _chance(m, n, wins))
    inside = max(cut, 1)
    wins = sum(2 * (d > 0) + (d == 0) for d in differences)
    fewer = min(wins, 2 * total - wins)
    middle = differences[(total - 1) // 2] + differences[total // 2]
    return Effect(
        n=min(m, n),
        effect_ns=round(middle / 2),
        ci_ns=(differences[inside - 1], differences[-inside]),
        confidence=1 - 2 * _chance(m, n, inside - 1),
        p=min(1.0, 2 * _chance(m, n, ceil(fewer / 2))),
        alpha=alpha,
    )


def _chance(m: int, n: int, wins: int) -> float:
    """Return how often B, if it is no other than A, wins so many of m n comparisons, or fewer."""
    if max(m, n) > _EXACT:
        deviation = sqrt(m * n * (m + n + 1) / 12)
        return NormalDist(m * n / 2, deviation).cdf(wins + 0.5)
    below = _cumulated(*sorted((m, n)))
    return below[min(wins, len(below) - 1)]


@lru_cache(maxsize=64)
def _cumulated(m: int, n: int) -> list[float]:
    """Return, for each number of wins, the share of all orders with so many or fewer.

    The orders by wins are the coefficients of a Gaussian binomial: the product of (1 - q^(n + i))
    over (1 - q^i), for i from 1 to m.
    """
    size = m * n + 1
    ways = [1] + [0] * (size - 1)
    for i in range(1, m + 1):
        for at in range(size - 1, n + i - 1, -1):
            ways[at] -= ways[at - n - i]
        for at in range(i, size):
            ways[at] += ways[at - i]
    shares, passed = [], 0
    for count in ways:
        passed += count
        shares.append(passed / comb(m + n, m))
    return shares
