"""A measurement as a page."""

from __future__ import annotations

from bootwright.reports.measurement_page import page
from tests.reports.html import assert_is_whole
from tests.reports.pages import KERNEL, KERNELS, measured_result


def test_page_has_the_median_its_interval_and_each_boot() -> None:
    whole = page(measured_result([100, 101, 102, 103, 104, 105, None]), kernels=KERNELS)
    seen = assert_is_whole(whole)
    assert "<strong>102.5 ms</strong> <span>median of 6, " in whole
    assert (seen.facts["kernel"], seen.facts["n"]) == (KERNEL, "6 boots, 1 failed")
    assert {"date", "host", "clock"} <= seen.facts.keys()
    assert seen.with_class("interval") == 3
    assert seen.with_class("dot") == 18
    assert "its kernel panicked" in whole


def test_page_without_boots_draws_those_that_failed() -> None:
    whole = page(measured_result([None] * 30), kernels=KERNELS)
    assert_is_whole(whole)
    assert "<strong>no boot succeeded</strong> <span>30 failed</span>" in whole
    assert whole.count("\N{MULTIPLICATION X}") == 20
    assert "<p>10 more failed.</p>" in whole
