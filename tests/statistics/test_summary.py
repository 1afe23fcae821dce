"""A summary of samples: exact figures, and intervals that hold the median as often as they say."""

from __future__ import annotations

from itertools import product
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rates import median_coverage
from bootwright.statistics.summary import smallest_effect_ns, summary

MS = 1_000_000
_LENGTHS = st.integers(min_value=0, max_value=10**11)


def test_summary_of_ten_boots() -> None:
    said = summary([n * MS for n in (1500, 1512, 1498, 1505, 1490, 1503, 1507, 1499, 1501, 1740)])
    assert (said.n, said.median_ns, said.min_ns, said.max_ns) == (
        *(10, 1502 * MS),
        *(1490 * MS, 1740 * MS),
    )
    assert said.spread_ns == 3.5 * MS
    assert said.ci_ns[0] < said.median_ns < said.ci_ns[1] < 1520 * MS
    assert said.confidence == 0.95
    assert said.outliers == (9,), "kept in max_ns, and named"


@given(st.lists(_LENGTHS, min_size=6, max_size=7))
def test_summary_interval_is_the_one_of_all_resamples(values: list[int]) -> None:
    said = summary(values)
    # Drawing ranks, 7^7 of them would take a second a time: of six or seven, three do not differ.
    values = values[:4]
    few = summary(values, confidence=0.8)
    medians = sorted(int(median(drawn)) for drawn in product(sorted(values), repeat=4))
    tail = len(medians) / 10
    expected = (medians[int(tail)], medians[-int(tail) - 1])
    assert few.ci_ns == pytest.approx(expected, abs=1)
    assert said.min_ns <= said.ci_ns[0] <= said.median_ns <= said.ci_ns[1] <= said.max_ns


@given(st.lists(_LENGTHS, min_size=1, max_size=40), st.randoms())
def test_summary_ignores_the_order_of_samples(values: list[int], random: object) -> None:
    said, turned = summary(values), summary(values[::-1])
    assert said.ci_ns == turned.ci_ns
    assert said.spread_ns == turned.spread_ns
    assert [values[i] for i in said.outliers] == [values[::-1][i] for i in turned.outliers][::-1]


def test_summary_few_samples_say_which_confidence_they_reach() -> None:
    one = summary([5 * MS])
    assert (one.ci_ns, one.confidence) == ((5 * MS, 5 * MS), 0.0)
    five = summary([5 * MS, 1 * MS, 4 * MS, 2 * MS, 3 * MS])
    assert (five.ci_ns, five.confidence) == ((1 * MS, 5 * MS), 1 - 2 / 2**5)
    assert summary([1, 2, 3, 4, 5, 6]).confidence == 0.95


def test_summary_refuses_no_samples() -> None:
    with pytest.raises(ValueError, match="no samples"):
        summary([])


def test_summary_of_a_deterministic_clock_has_no_spread() -> None:
    said = summary([1_897_336_000] * 9 + [1_897_337_000])
    assert (said.spread_ns, said.outliers) == (0, ())
    assert said.ci_ns == (1_897_336_000, 1_897_336_000)
    assert summary([1_897_336_000] * 9 + [1_997_337_000]).outliers == (9,)


def test_summary_of_a_thousand_samples() -> None:
    said = summary(list(range(0, 1000 * MS, MS)))
    # A median's standard error is half the root of n, in ranks.
    assert said.ci_ns == pytest.approx((469 * MS, 530 * MS), abs=2 * MS)


def test_smallest_effect_ns_is_one_percent_or_a_millisecond() -> None:
    assert smallest_effect_ns(2_000 * MS) == 20 * MS
    assert smallest_effect_ns(20 * MS) == 1 * MS


@pytest.mark.parametrize("name", ["normal", "heavy tails", "two modes"])
@pytest.mark.parametrize("n", [10, 20])
def test_summary_interval_covers_the_median(name: str, n: int) -> None:
    # Three points for a bootstrap of so few samples; a standard error of so few experiments is 1.3.
    assert median_coverage(name, n, experiments=300) == pytest.approx(0.95, abs=0.05)


@pytest.mark.acceptance
@pytest.mark.parametrize("name", ["normal", "heavy tails", "two modes"])
@pytest.mark.parametrize("n", [10, 20])
def test_summary_interval_covers_the_median_over_many_experiments(name: str, n: int) -> None:
    # A bootstrap's promise is one for large n: here it holds within three points.
    assert median_coverage(name, n, experiments=5000) == pytest.approx(0.95, abs=0.035)
