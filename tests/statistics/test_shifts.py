"""Samples that make no pairs: the shift between them against all orders, counted one by one."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from bootwright.statistics.shifts import _chance, shifted


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (5, 3), (4, 6), (6, 6)])
def test_shifted_chance_is_the_share_of_all_orders(m: int, n: int) -> None:
    orders = []
    for of_b in combinations(range(m + n), n):
        of_a = set(range(m + n)) - set(of_b)
        orders.append(sum(b > a for a in of_a for b in of_b))
    for wins in range(m * n + 1):
        share = sum(order <= wins for order in orders) / len(orders)
        assert _chance(m, n, wins) == pytest.approx(share)


def test_shifted_finds_a_clear_shift() -> None:
    effect = shifted([100] * 6, [150] * 6)
    assert (effect.effect_ns, effect.ci_ns) == (50, (50, 50))
    assert effect.p == pytest.approx(2 / 924)
    assert effect.confidence >= 0.95


def test_shifted_equal_samples_have_no_effect() -> None:
    effect = shifted([100] * 6, [100] * 6)
    assert (effect.effect_ns, effect.ci_ns, effect.p) == (0, (0, 0), 1.0)


def test_shifted_too_few_samples_reach_no_confidence() -> None:
    assert shifted([1, 2], [11, 12]).confidence < 0.95
    with pytest.raises(ValueError, match="no samples"):
        shifted([], [1])


@pytest.mark.parametrize("each", [8, 45])  # all orders, and the normal law
def test_shifted_interval_covers_the_true_shift(each: int) -> None:
    rng = random.Random(1)
    held = 0
    for _ in range(400):
        a = [round(rng.gauss(0, 1000)) for _ in range(each)]
        b = [round(rng.gauss(700, 1000)) for _ in range(each)]
        low, high = shifted(a, b).ci_ns
        held += low <= 700 <= high
    assert 0.93 <= held / 400 <= 0.99
