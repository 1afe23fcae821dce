"""Budgets as table, Markdown and JUnit; trends as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

from msgspec import structs

from bootwright.experiments import baseline, check, trend
from bootwright.experiments.budget import BudgetedBoot
from bootwright.experiments.results import CheckResult, Trend
from bootwright.recipes.draft import Draft
from bootwright.reports import budget as report
from bootwright.reports import trend as trend_report
from bootwright.reports.junit import junit
from tests.experiments import measured

WEB = BudgetedBoot(name="web", draft=Draft(image="web"), budget={"whole": "105ms"}, tolerance="2%")


def told(lengths: Sequence[float | None], wanted: BudgetedBoot = WEB) -> CheckResult:
    accepted = baseline.of(measured.measurement([100] * 6))
    recipe = replace(measured.TINY, memory_mib=1024)
    taken = measured.measurement(lengths, recipe=recipe)
    boot = check.result(wanted, taken, accepted)
    return CheckResult(passed=boot.passed, boots=(boot,))


def test_budget_text_is_a_table() -> None:
    assert (
        report.text(told([110] * 6))
        == """\
web: web, n = 6
  phase, ms                 median     limit    over by  limit from            verdict
  whole                     110.00    105.00     +5.000  budget                over
  kernel                    109.00    100.98     +8.020  baseline 99.000       over
  initramfs                  1.000     2.000     -1.000  baseline 1.000        within
  whole                     110.00    102.00     +8.000  baseline 100.00       over
  since the baseline: memory_mib: 512 → 1024
  virtual clock: 1 ns per instruction on any host; one seed per boot

over budget or failed: web"""
    )
    assert report.text(told([100] * 6)).endswith("\nwithin budget: 1 boot")


def test_budget_text_reports_failed_boots() -> None:
    text = report.text(told([None] * 3))
    assert "  failed: boot 1 of A: its kernel panicked\n" in text
    assert re.search(r"whole +- +105.00 +- +budget +not measured", text)
    assert text.endswith("over budget or failed: web")


def test_budget_markdown_escapes_names() -> None:
    hostile = structs.replace(WEB, name="a|b <img src=x> @team [x](y)")
    lines = report.markdown(told([110] * 6, hostile)).splitlines()
    assert "| whole | 110.00 | 105.00 | +5.000 | budget | **over** |" in lines
    [head] = [line for line in lines if line.startswith("❌")]
    assert head == ("❌ **a\\|b &#60;img src=x&#62; &#64;team \\[x\\](y)** (web), n = 6")


def test_junit_has_a_case_for_each_limit() -> None:
    root = ElementTree.fromstring(junit(told([110] * 5 + [None])))
    assert (root.get("tests"), root.get("failures")) == ("5", "4")
    cases = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    assert [name for name, failure in cases.items() if failure is None] == ["initramfs: baseline"]
    boots, whole = cases["every boot succeeds"], cases["whole: budget"]
    assert boots is not None
    assert boots.get("message") == "5 of 6 boots succeeded"
    assert boots.text == "boot 6: its kernel panicked"
    assert whole is not None
    assert (whole.get("message") or "").startswith("whole over")
    assert ElementTree.fromstring(junit(told([100] * 6))).get("failures") == "0"


def test_junit_accepts_any_name() -> None:
    name = 'a\x00<&"\N{SNOWMAN}'
    root = ElementTree.fromstring(junit(told([100] * 6, structs.replace(WEB, name=name))))
    assert root[0].get("name") == 'a\ufffd<&"\N{SNOWMAN}'


def trends(*lengths: float, title: str = "web") -> Trend:
    taken = []
    for index, length in enumerate(lengths, 1):
        one = structs.replace(measured.measurement([length] * 6), id=index)
        side = structs.replace(one.sides["A"], title=title)
        taken.append(structs.replace(one, sides={"A": side}))
    return Trend(series=trend.of_image(taken, title))


def test_trend_text_has_a_row_for_each_measurement() -> None:
    head, columns, *rows = trend_report.trend(trends(100, 100, 120)).splitlines()
    assert head == "web, virtual clock: 3 measurements"
    assert columns.split() == ["ID", "when", "n", "kernel", "initramfs", "whole", "ms,", "medians"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert rows[2].endswith("slower than 1 by 20.0 ms (20.0 ms to 20.0 ms)")


def test_trend_text_leaves_the_first_phases_out_where_it_is_narrow() -> None:
    _, columns, *_ = trend_report.trend(trends(100, 100), columns=60).splitlines()
    assert columns.split() == ["ID", "when", "n", "whole", "ms,", "medians"]


def test_regress_text_in_words() -> None:
    lines = trend_report.regress(trends(100, 120)).splitlines()
    assert lines[1].startswith("  first became slower: measurement 2, ")
    assert lines[2].endswith(": 100.00 → 120.00 ms")
    assert lines[3:] == [
        "    kernel: +20.000 ms",
        "    differs: nothing in recipe or bootwright",
    ]
    assert trend_report.regress(trends(100, 120, 100)).endswith(
        "none is slower than those before it (1 was, and is fixed)"
    )
    assert trend_report.regress(Trend(series=())) == "no measurements in the history"
