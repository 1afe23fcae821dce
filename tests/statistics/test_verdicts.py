"""Verdicts, and how often they err over known distributions."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from benchmarks.distributions import TYPICAL_NS
from benchmarks.rates import SAMPLERS, SMALLEST_NS, Rates, rates
from bootwright.errors import InputError
from bootwright.statistics.effects import Effect, holm, paired
from bootwright.statistics.sequential import STAGED, LookPlan, look
from bootwright.statistics.verdicts import Verdict, verdict

TWELVE = LookPlan(looks=(12,))
FIVE_PERCENT = TYPICAL_NS // 20
PLANS = {"twelve": TWELVE, "staged": STAGED}
EXPERIMENTS = 200
"""Shares have a standard error of 1.5 points where they are near 5 %; acceptance takes 20,000."""


def _effect(low: int, high: int, p: float = 0.001, confidence: float = 0.951) -> Effect:
    return Effect(
        n=12, effect_ns=(low + high) // 2, ci_ns=(low, high), confidence=confidence, p=p, alpha=0.05
    )


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (_effect(-300, -101), "faster"),
        (_effect(-300, -100), "cannot-tell"),
        (_effect(-300, -1), "cannot-tell"),
        (_effect(-100, 100, p=0.9), "no-difference"),
        (_effect(-100, -1), "no-difference"),
        (_effect(0, 0, p=1.0), "no-difference"),
        (_effect(-101, 100, p=0.9), "cannot-tell"),
        (_effect(101, 300), "slower"),
        (_effect(-300, 300, p=0.9), "cannot-tell"),
        (_effect(-300, -200, p=2 / 2**5, confidence=1 - 2 / 2**5), "cannot-tell"),
        (_effect(0, 0, p=1.0, confidence=0.0), "cannot-tell"),
    ],
)
def test_verdict_follows_interval_and_smallest_effect(effect: Effect, said: Verdict) -> None:
    assert verdict(effect, 100) == said


def test_verdict_uses_the_adjusted_p() -> None:
    effect = _effect(-300, -200, p=0.03)
    adjusted = holm({"kernel": effect.p, "userspace": 0.9})
    assert verdict(effect, 100) == "faster"
    assert verdict(effect, 100, p=adjusted["kernel"]) == "cannot-tell"


def test_verdict_of_one_instruction_is_no_difference() -> None:
    a = [2_000_000_000] * 10
    assert verdict(paired(a, [x - 1 for x in a]), SMALLEST_NS) == "no-difference"
    assert verdict(paired(a, [x - 25_000_000 for x in a]), SMALLEST_NS) == "faster"


def test_plan_refuses_looks_that_do_not_rise() -> None:
    for looks in ((), (0,), (8, 8), (16, 8), (-1, 5)):
        with pytest.raises(InputError, match="must be positive and increasing") as refused:
            LookPlan(looks=looks)
        assert "such as 8, 16, 32" in refused.value.hint
    assert not LookPlan(looks=(5,)).can_tell
    assert LookPlan(looks=(6,)).can_tell
    assert STAGED.least == 7 <= STAGED.looks[0]


def test_look_uses_its_share_of_alpha() -> None:
    a = [2_000_000_000 + i for i in range(8)]
    effect, said = look(STAGED, a, [x - 100_000_000 for x in a], SMALLEST_NS)
    assert said == "faster"
    assert effect.alpha == pytest.approx(0.05 / 3)
    assert effect.confidence >= 1 - 0.05 / 3


@cache
def _rates(sampler: str, plan: str, effect_ns: int) -> Rates:
    return rates(SAMPLERS[sampler], PLANS[plan], effect_ns, EXPERIMENTS)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_verdict_of_a_against_a_is_rarely_faster_or_slower(sampler: str, plan: str) -> None:
    found = _rates(sampler, plan, 0)
    # The smallest effect of interest keeps it far below the 5 % of p alone.
    assert found.of("faster", "slower") <= 0.01
    assert found.significant <= 0.05 + 0.04
    assert found.covered >= 0.95 - 0.04


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_verdict_rarely_exaggerates_the_smallest_effect(sampler: str, plan: str) -> None:
    """The worst case of the rule: the bound of "faster by more than that"."""
    found = _rates(sampler, plan, -SMALLEST_NS)
    assert found.of("faster") <= 0.025 + 0.03
    assert found.of("slower") <= 0.005
    assert found.covered >= 0.95 - 0.04


@pytest.mark.parametrize(
    ("sampler", "plan", "power"),
    [
        ("virtual", "twelve", 1.0),
        ("virtual", "staged", 1.0),
        ("normal", "twelve", 0.95),
        ("normal", "staged", 0.99),
        ("heavy tails", "twelve", 0.9),
        ("heavy tails", "staged", 0.99),
        ("drift", "twelve", 0.95),
        ("step", "staged", 0.95),
        # A third of the boots wait for a tenth of a boot: five per cent are hard to see.
        ("two modes", "staged", 0.4),
    ],
)
def test_verdict_detects_five_percent(sampler: str, plan: str, power: float) -> None:
    found = _rates(sampler, plan, -FIVE_PERCENT)
    assert found.of("faster") >= power
    assert found.of("slower", "no-difference") <= 0.005


def test_look_stops_early_at_a_clear_answer() -> None:
    assert _rates("virtual", "staged", 0).pairs == STAGED.looks[0]
    assert _rates("drift", "staged", -FIVE_PERCENT).pairs < STAGED.looks[0] + 1


def test_paired_repeated_looks_without_correction_err_more_often() -> None:
    """The check of the check: without its share of alpha each, looks add up."""
    random = Random(1)
    err = 0
    for _ in range(300):
        a, b = SAMPLERS["normal"](random, 32, 0)
        err += any(paired(a[:n], b[:n]).p <= 0.05 for n in range(8, 33, 2))
    assert err / 300 > 0.1


@pytest.mark.acceptance
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_verdict_error_rates_over_many_experiments(sampler: str, plan: str) -> None:
    found = rates(SAMPLERS[sampler], PLANS[plan], 0, 20_000)
    assert found.of("faster", "slower") <= 0.005
    assert found.significant <= 0.05 + 0.005
    assert found.covered >= 0.95 - 0.005
    found = rates(SAMPLERS[sampler], PLANS[plan], -SMALLEST_NS, 20_000)
    assert found.of("faster") <= 0.025 + 0.004
