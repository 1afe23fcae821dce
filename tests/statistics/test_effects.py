"""Effects from pairs: against all patterns of signs counted one by one, and by hand."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.statistics import effects
from bootwright.statistics.effects import Effect, abba, holm, least_pairs, paired

MS = 1_000_000
_SMALL = st.integers(min_value=-6, max_value=6)
"""Few values, so that ties and zeros are many."""


def _of(differences: list[int], alpha: float = 0.05) -> Effect:
    a = [10_000 + 37 * i for i in range(len(differences))]
    return paired(a, [x + d for x, d in zip(a, differences, strict=True)], alpha=alpha)


def _midrank(differences: list[int], distance: int) -> float:
    places = [
        place for place, x in enumerate(sorted(map(abs, differences)), start=1) if x == distance
    ]
    return sum(places) / len(places)


@given(st.lists(_SMALL, min_size=1, max_size=8))
def test_paired_p_counts_patterns_of_signs(differences: list[int]) -> None:
    ranks = [_midrank(differences, abs(d)) for d in differences if d]
    seen = sum(_midrank(differences, d) for d in differences if d > 0)
    lopsided = min(seen, sum(ranks) - seen)
    flipped = [
        sum(rank for rank, up in zip(ranks, signs, strict=True) if up)
        for signs in product((0, 1), repeat=len(ranks))
    ]
    expected = min(1.0, 2 * sum(total <= lopsided for total in flipped) / len(flipped))
    assert _of(differences).p == pytest.approx(expected)


@given(
    st.lists(st.integers(min_value=-(10**6), max_value=10**6), min_size=6, max_size=12, unique=True)
)
def test_paired_interval_holds_what_the_test_does_not_reject(differences: list[int]) -> None:
    spread = [d * 1000 + i * 7 for i, d in enumerate(differences)]  # no ties of averages
    low, high = _of(spread).ci_ns
    assert _of([d - (low - 2) for d in spread]).p <= 0.05
    assert _of([d - (high + 2) for d in spread]).p <= 0.05
    assert _of([d - (low + 2) for d in spread]).p > 0.05
    assert _of([d - (high - 2) for d in spread]).p > 0.05


@given(st.lists(_SMALL, min_size=1, max_size=20))
def test_paired_with_sides_swapped_is_the_opposite(differences: list[int]) -> None:
    one, other = _of(differences), _of([-d for d in differences])
    assert other.ci_ns == (-one.ci_ns[1], -one.ci_ns[0])
    assert (other.effect_ns, other.p) == (-one.effect_ns, one.p)
    assert one.ci_ns[0] <= one.effect_ns <= one.ci_ns[1]


def test_paired_agrees_with_a_textbook_example() -> None:
    """Hamilton's depression scale of nine patients, before and after.

    Source: Hollander, Wolfe and Chicken (2014), table 3.1: p (one-sided) 0.019, estimate -0.46,
    interval (-0.786, -0.010) with 96.1 %.
    """
    before = [1830, 500, 1620, 2480, 1680, 1880, 1550, 3060, 1300]
    after = [878, 647, 598, 2050, 1060, 1290, 1060, 3140, 1290]
    said = paired(before, after)
    assert said.p == pytest.approx(2 * 0.01953, abs=1e-4)
    assert said.effect_ns == -460
    assert said.ci_ns == (-786, -10)
    assert said.confidence == pytest.approx(0.961, abs=1e-3)


def test_paired_equal_differences_on_a_deterministic_clock() -> None:
    said = _of([-50 * MS] * 10)
    assert (said.effect_ns, said.ci_ns) == (-50 * MS, (-50 * MS, -50 * MS))
    assert said.p == 2 / 2**10


def test_paired_without_any_difference() -> None:
    said = _of([0] * 10)
    assert (said.effect_ns, said.ci_ns, said.p) == (0, (0, 0), 1.0)


def test_paired_resists_one_outlier() -> None:
    calm = _of([-50 * MS + i for i in range(12)])
    wild = _of([-50 * MS + i for i in range(11)] + [9_000 * MS])
    assert abs(wild.effect_ns - calm.effect_ns) < 10
    assert wild.ci_ns[1] < -49 * MS


def test_paired_too_few_pairs_say_which_confidence_they_reach() -> None:
    said = _of([-50, -40, -60, -55, -45])
    assert (said.confidence, said.p) == (1 - 2 / 2**5, 2 / 2**5)
    assert said.ci_ns == (-60, -40)
    assert least_pairs(0.05) == 6
    assert _of([-50, -40, -60, -55, -45, -50]).confidence >= 0.95
    assert least_pairs(0.05 / 3) == 7
    assert _of([-5] * 7, 0.05 / 3).p <= 0.05 / 3 < _of([-5] * 6, 0.05 / 3).p


def test_paired_normal_law_joins_the_counted_law(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = [(-1) ** i * i * 10 - 120 for i in range(1, 101)]
    counted = _of(differences)
    monkeypatch.setattr(effects, "_EXACT", 99)
    by_law = _of(differences)
    assert by_law.p == pytest.approx(counted.p, rel=0.01)
    assert by_law.ci_ns == pytest.approx(counted.ci_ns, abs=5)
    assert by_law.confidence == pytest.approx(counted.confidence, abs=1e-3)


def test_paired_refuses_samples_without_a_partner() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="no pairs"):
        paired([], [])


def test_abba_alternates_which_side_comes_first() -> None:
    assert "".join(abba(4)) == "ABBAABBA"
    # A host that drifts evenly adds nothing on average.
    moments: dict[str, list[int]] = {"A": [], "B": []}
    for moment, which in enumerate(abba(10)):
        moments[which].append(1000 + 5 * moment)
    said = paired(moments["A"], moments["B"])
    assert (said.effect_ns, said.ci_ns) == (0, (-5, 5))


def test_holm_adjusts_p_values() -> None:
    assert holm({"kernel": 0.01, "userspace": 0.04, "ssh": 0.03, "host": 0.005}) == {
        "kernel": pytest.approx(0.03),
        "userspace": pytest.approx(0.06),
        "ssh": pytest.approx(0.06),
        "host": pytest.approx(0.02),
    }
    assert holm({}) == {}
    assert holm({"one": 0.7, "other": 0.6}) == {"one": 1.0, "other": 1.0}
