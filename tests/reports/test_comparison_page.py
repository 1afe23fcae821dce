"""A comparison as a page."""

from __future__ import annotations

import re

from bootwright.reports.comparison_page import page
from tests.reports.html import assert_is_whole
from tests.reports.pages import HOST, KERNEL, KERNELS, LONG, compared


def test_page_says_what_was_booted_when_and_where() -> None:
    seen = assert_is_whole(page(compared([100.0] * 8, [90.0] * 7 + [None]), kernels=KERNELS))
    assert seen.facts["kernel"] == KERNEL
    assert seen.facts["host"] == f"2 x {HOST.cpu}, Linux {HOST.kernel}"
    assert re.fullmatch(r"2023-11-1\d \d\d:\d\d", seen.facts["date"])
    assert seen.facts["n"] == "7 pairs of boots, 1 failed"
    assert seen.facts["B"] == "web with cmdline+=notests"


def test_page_answers_with_the_difference_or_with_words() -> None:
    faster = page(compared([100.0] * 8, [90.0] * 8), kernels=KERNELS)
    assert "<strong>\N{MINUS SIGN}10.0 ms</strong> <span>B is faster by 10.0 ms" in faster
    same = page(compared([100.0] * 8, [100.0] * 8), kernels=KERNELS)
    assert "<strong>no difference</strong> <span>no difference larger than" in same
    few = page(compared([100.0], [90.0]), kernels=KERNELS)
    assert "<strong>cannot tell</strong>" in few
    none = page(compared([None], [None]), kernels=KERNELS)
    assert "<strong>no verdict</strong> <span>1 of 1 boots of B failed" in none


def test_page_draws_intervals_bounds_zero_and_pairs() -> None:
    result = compared([100.0] * 8, [90.0, 91, 92, 90, 91, 92, 90, 91])
    seen = assert_is_whole(page(result, kernels=KERNELS))
    rows = len(result.phases)
    assert seen.with_class("interval") == seen.with_class("zero") == rows
    assert seen.with_class("band") == rows
    assert seen.with_class("dot") == 8 * rows + 2 * 8
    whole = next(label for label in seen.labels if label.startswith("whole: faster"))
    assert "\np 0.008\n" in whole


def test_page_leaves_an_outlier_at_the_edge() -> None:
    a = [100.0] * 20
    seen = assert_is_whole(page(compared(a, [90.0] * 19 + [9e6]), kernels=KERNELS))
    assert seen.with_class("beyond") == 3, "of the whole, of the kernel, and the boot itself"


def test_page_without_boots_draws_those_that_failed() -> None:
    whole = page(compared([None] * 3, [None] * 3), kernels=KERNELS)
    assert_is_whole(whole)
    assert whole.count("\N{MULTIPLICATION X}") == 6
    assert "boot 3 of B: its kernel panicked" in whole


def test_page_of_a_kernel_that_is_gone_has_its_digest() -> None:
    seen = assert_is_whole(page(compared([100.0], [90.0]), kernels={}))
    assert re.fullmatch("[0-9a-f]{12}", seen.facts["kernel"])


def test_page_of_many_pairs_stays_small() -> None:
    many: list[float | None] = [100 + n % 7 for n in range(301)]
    shown = page(compared(many, many, phases=15, title=LONG), kernels=KERNELS)
    assert len(shown) < 200_000


def test_page_says_how_many_pairs_tell_of_a_phase() -> None:
    assert "cannot tell: 7 pairs may" in page(compared([1000.0] * 6, [900.0] * 6), kernels=KERNELS)
