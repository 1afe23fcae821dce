"""What keeps its budget, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from bootwright.errors import InputError
from bootwright.experiments import baseline, check
from bootwright.experiments.budget import BudgetedBoot
from bootwright.recipes.draft import Draft
from tests.experiments import measured

WEB = BudgetedBoot(name="web", draft=Draft(image="web"), budget={"whole": "102ms"}, tolerance="1%")


def verdicts(*lengths: float | None, wanted: BudgetedBoot = WEB) -> list[tuple[bool, bool]]:
    rows = check.rows(wanted, measured.measurement(lengths), None)
    return [(row.is_over, row.is_sure) for row in rows]


@pytest.mark.parametrize(
    ("lengths", "is_over", "is_sure"),
    [
        ([100] * 6, False, True),
        ([102] * 6, False, True),  # no more than it may
        ([103] * 6, True, True),
        ([100, 100, 100, 101, 104, 104, 104], False, False),
        ([100, 100, 100, 103, 104, 104, 104], True, False),
        ([None, None, None], True, True),  # nobody's median keeps none
    ],
)
def test_check_rows_of_a_budget(lengths: list[float | None], is_over: bool, is_sure: bool) -> None:
    assert verdicts(*lengths) == [(is_over, is_sure)]


def test_check_fails_with_a_failed_boot() -> None:
    assert check.result(WEB, measured.measurement([100] * 6), None).passed
    found = check.result(WEB, measured.measurement([100] * 5 + [None]), None)
    assert not any(row.is_over for row in found.rows)
    assert not found.passed


def test_check_fails_with_boots_not_tried() -> None:
    assert not check.result(WEB, measured.measurement([100] * 3, looks=(4,)), None).passed


def test_check_rows_of_a_baseline_with_tolerance() -> None:
    accepted = baseline.of(measured.measurement([1000] * 6))
    for length, over in ((1009.9, []), (1011.5, ["kernel", "whole"]), (900, [])):
        rows = check.rows(
            structs.replace(WEB, budget={}), measured.measurement([length] * 6), accepted
        )
        assert [row.phase for row in rows] == ["kernel", "initramfs", "whole"]
        assert [row.phase for row in rows if row.is_over] == over
        assert {row.kind for row in rows} == {"baseline"}
    assert [row.limit_ns for row in rows] == [1_008_990_000, 2_000_000, 1_010_000_000]


def test_check_fails_for_a_baseline_phase_that_is_gone() -> None:
    accepted = baseline.of(measured.measurement([1000] * 6))
    older = structs.replace(accepted, median_ns={"firmware": 5, **accepted.median_ns})
    rows = check.rows(WEB, measured.measurement([100] * 6), older)
    assert [row.phase for row in rows if row.is_over] == ["firmware"]


def test_check_values_list_changes_since_the_baseline() -> None:
    accepted = baseline.of(measured.measurement([100] * 6))
    recipe = replace(measured.TINY, memory_mib=1024, cmdline=("loud", "fast"))
    found = check.result(WEB, measured.measurement([100] * 7, recipe=recipe), accepted)
    assert found.changed == (
        "cmdline: -quiet +loud +fast",
        "memory_mib: 512 → 1024",
        "the baseline has 6 boots from seed 1 on",
    )
    same = check.result(WEB, measured.measurement([100] * 6), accepted)
    assert (same.changed, same.passed, same.has_baseline) == ((), True, True)


def test_check_phases_refuses_a_budget_for_an_unknown_phase() -> None:
    check.check_phases(WEB, measured.TINY)
    wrong = structs.replace(WEB, budget={"firmware": "1s"})
    with pytest.raises(InputError, match="an unknown phase 'firmware'") as caught:
        check.check_phases(wrong, measured.TINY)
    assert caught.value.hint == "its phases on the virtual clock: kernel, initramfs, whole"
