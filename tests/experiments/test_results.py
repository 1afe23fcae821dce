"""Results as JSON: whoever reads what a command printed has the same value again."""

from __future__ import annotations

import msgspec
import pytest

from bootwright.experiments import baseline, check, compare, figures, trend
from bootwright.experiments.budget import BudgetedBoot
from bootwright.experiments.results import BaselineUpdate, CheckResult, Trend
from bootwright.recipes.draft import Draft
from tests.experiments.measured import measurement

ONE = measurement([1000] * 6 + [None])
OTHER = measurement([1200] * 6)
WEB = BudgetedBoot(name="web", draft=Draft(image="web"), budget={"whole": "1s"}, tolerance="2%")
BOOT = check.result(WEB, ONE, baseline.of(OTHER), ("the host is busy",))


@pytest.mark.parametrize(
    "result",
    [
        figures.result(ONE, ("the host is busy",)),
        compare.result(measurement([1000] * 8, [900] * 8)),
        compare.result(measurement([1000], [None])),
        CheckResult(
            passed=False, boots=(BOOT,), update=BaselineUpdate(path="b.toml", failed=("web",))
        ),
        Trend(series=trend.of_image([ONE, OTHER])),
    ],
)
def test_json_is_the_whole_value(result: object) -> None:
    assert msgspec.json.decode(msgspec.json.encode(result), type=type(result)) == result
