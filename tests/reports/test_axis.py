"""Where times stand on an axis, and which are written at it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.reports.axis import Axis, without_outliers


def test_at_is_in_percent_between_the_pads() -> None:
    axis = Axis(low_ns=-100, high_ns=300, pad=10)
    assert [axis.at(time) for time in (-100, 0, 100, 300)] == [10, 30, 50, 90]
    assert (axis.at(-1000), axis.at(1000)) == (10, 90), "what is beyond stands at the end"


def test_over_holds_all_times_and_has_a_least_length() -> None:
    axis = Axis.over((5, 7), least_ns=10)
    assert (axis.length_ns, axis.holds(5), axis.holds(7)) == (10, True, True)
    assert Axis.over((), least_ns=10).length_ns == 10


@pytest.mark.parametrize(
    ("low_ns", "high_ns", "words"),
    [
        (0, 1_000_000_000, ["0", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1.0 s"]),
        (-90_000_000, 20_000_000, ["\N{MINUS SIGN}50 ms", "0"]),
        (0, 40_000_000_000, ["0", "10 s", "20 s", "30 s", "40 s"]),
        (364_000_000, 366_000_000, ["364.0 ms", "364.5 ms", "365.0 ms", "365.5 ms", "366.0 ms"]),
        (0, 3, ["0", "1 ns", "2 ns", "3 ns"]),
    ],
)
def test_ticks_are_round_and_in_one_unit(low_ns: int, high_ns: int, words: list[str]) -> None:
    assert [word for _, word in Axis(low_ns=low_ns, high_ns=high_ns).ticks()] == words


def test_ticks_of_differences_have_signs() -> None:
    axis = Axis(low_ns=-10_000_000, high_ns=10_000_000)
    signed = [word for _, word in axis.ticks(2, signed=True)]
    assert signed == ["\N{MINUS SIGN}10 ms", "0", "+10 ms"]


@given(st.integers(-(10**13), 10**13), st.integers(1, 10**13), st.integers(2, 9))
def test_ticks_are_few_inside_and_differ(low_ns: int, length_ns: int, most: int) -> None:
    axis = Axis(low_ns=low_ns, high_ns=low_ns + length_ns)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 1
    assert all(axis.holds(time) for time, _ in ticks)
    assert len({word for _, word in ticks}) == len(ticks)


def test_without_outliers_keeps_what_is_near_the_quartiles() -> None:
    assert without_outliers([5, 1, 2, 3, 4, 1000, -1000]) == [1, 2, 3, 4, 5]
    assert without_outliers([7, 7, 7, 7]) == [7, 7, 7, 7]
    assert without_outliers([1000, 1]) == [1, 1000]
