"""What two sides say of each other, and when they say nothing."""

from __future__ import annotations

import pytest

from bootwright.experiments.compare import result
from bootwright.experiments.results import WHOLE, CompareResult
from bootwright.statistics.effects import holm, paired
from bootwright.statistics.sequential import STAGED
from tests.experiments.measured import MS, measurement


def effect_ns(found: CompareResult) -> int:
    return found.phases[WHOLE].effect_ns


def test_compare_equal_samples_is_no_difference() -> None:
    found = result(measurement([1000.0 + n for n in range(10)], [1000.0 + n for n in range(10)]))
    assert found.whole is not None
    assert (found.whole.verdict, found.whole.ci_ns) == ("no-difference", (0, 0))
    assert {phase.verdict for phase in found.phases.values()} == {"no-difference"}


@pytest.mark.parametrize(
    ("by", "verdict"), [(-100, "faster"), (100, "slower"), (-5, "no-difference")]
)
def test_compare_needs_the_smallest_effect_of_interest(by: float, verdict: str) -> None:
    """1 % of A's median, here 10 ms."""
    found = result(measurement([1000 + n for n in range(10)], [1000 + by + n for n in range(10)]))
    assert (found.verdict, effect_ns(found)) == (verdict, by * MS)
    assert found.smallest_ns == 10_045_000
    assert found.phases["kernel"].verdict == verdict
    assert found.phases["initramfs"].verdict == "no-difference"


def test_compare_few_pairs_cannot_tell_and_says_how_many_are_needed() -> None:
    found = result(measurement([1000, 1001, 1002], [900, 901, 902]))
    assert (found.verdict, found.may_tell) == ("cannot-tell", 6)


def test_compare_gives_no_verdict_when_one_side_fails_more_often() -> None:
    found = result(measurement([1000] * 8, [10] * 7 + [None]))
    assert (found.verdict, found.whole, found.phases) == (None, None, {})
    assert found.why_none == "1 of 8 boots of B failed: its kernel panicked"


def test_compare_leaves_out_incomplete_pairs() -> None:
    found = result(measurement([None, *[1000] * 8], [1, *[900] * 8]))
    assert (found.verdict, found.pairs, effect_ns(found)) == ("faster", 8, -100 * MS)
    assert result(measurement([None, 1000], [900, None])).why_none == (
        "1 of 2 boots of B failed: its kernel panicked"
    )
    assert result(measurement([None] * 3, [900] * 3)).why_none == (
        "3 of 3 boots of A failed: its kernel panicked"
    )
    assert result(measurement([1000], [])).why_none == "no pair of boots succeeded"


def test_compare_may_have_too_few_pairs_for_each_phase() -> None:
    """Six pairs of one sign have p = 2/2^6; of the smaller of two phases' p, twice that counts."""
    found = result(measurement([1000] * 6, [900] * 6))
    assert (found.verdict, found.phases[WHOLE].p) == ("faster", 2 / 2**6)
    assert found.phases["kernel"].verdict == "cannot-tell"
    assert found.phases["kernel"].p == 2 * 2 / 2**6
    assert found.phases["kernel"].may_tell == 7


def test_compare_says_how_many_pairs_tell_of_a_phase_only_where_its_effect_is_clear() -> None:
    found = result(measurement([1000, 1001, 1002], [900, 901, 902]))
    assert found.phases["kernel"].may_tell == 7
    assert found.phases["initramfs"].may_tell is None
    assert found.phases[WHOLE].may_tell == 6
    clear = result(measurement([1000] * 10, [900] * 10))
    assert [phase.may_tell for phase in clear.phases.values()] == [None] * 3
    assert result(measurement([1000] * 7, [900] * 7)).phases["kernel"].verdict == "faster"


def test_staged_first_look_suffices_for_eight_phases() -> None:
    p = paired([1000] * STAGED.looks[0], [900] * STAGED.looks[0]).p
    assert holm({str(phase): p for phase in range(8)})["7"] <= STAGED.level


def test_compare_splits_alpha_among_looks() -> None:
    a, b = [1000.0] * 7, [900.0] * 7
    assert result(measurement(a, b)).verdict == "faster"
    assert result(measurement(a, b, looks=(7, 14, 28))).verdict == "faster"
    assert result(measurement(a[:6], b[:6], looks=(6, 12, 24))).verdict == "cannot-tell"
