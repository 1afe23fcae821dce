"""Two boots as a page."""

from __future__ import annotations

import re
from dataclasses import replace

from bootwright.reports.diff import ONE_EACH
from bootwright.reports.diff_page import change_bars, page
from bootwright.timelines.diff import Ran, diff
from tests.reports.boots import HOSTILE, hostile, small
from tests.reports.html import assert_is_whole
from tests.reports.test_diff import faster


def test_page_holds_both_boots_on_one_scale() -> None:
    a, b = small(), faster()
    whole = page(diff(a, b), a, b, names=("before", "after"), facts={"kernel": "6.1 → 6.2"})
    seen = assert_is_whole(whole)
    assert seen.facts == {"kernel": "6.1 → 6.2", "clock": "wall, the host's monotonic"}
    assert "<strong>\N{MINUS SIGN}200.0 ms</strong> <span>1.000 s → 800.0 ms</span>" in whole
    assert seen.with_class("bw") == 6, "both, for three widths"
    assert ONE_EACH in whole
    assert "<![CDATA[" not in whole
    assert "<?xml" not in whole
    assert whole.count("<style") == 1
    widths = re.findall(r'<title>late: .*?class="box".*?width="([\d.]+)"', whole, re.DOTALL)
    assert [widths[i] for i in (0, 2, 4)] == [widths[i] for i in (1, 3, 5)]


def test_page_draws_the_largest_changes_and_their_sum() -> None:
    a, b = small(), faster()
    labels = assert_is_whole(page(diff(a, b), a, b)).labels
    bars = [label.split("\n") for label in labels if label.count("\n") == 2]
    assert bars[:3] == [
        ["the boot", "\N{MINUS SIGN}200.0 ms", "in all"],
        ["a", "\N{MINUS SIGN}300.0 ms", "vanished"],
        ["c", "+120.0 ms", "more"],
    ]
    layers = [label for label in labels if label.startswith("kernel\n")]
    assert layers == ["kernel\n300.0 ms, 30.0 %", "kernel\n300.0 ms, 37.5 %"]


def test_page_table_has_the_largest_change_first() -> None:
    a, b = small(), faster()
    (first, *_) = re.findall(r"<tr><td.*?</tr>", page(diff(a, b), a, b), re.DOTALL)
    cells = [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", first, re.DOTALL)]
    minus = "\N{MINUS SIGN}300.0 ms"
    assert cells == ["a * userspace", "vanished", minus, minus, "300.0 ms", "\N{EN DASH}", minus]


def test_page_shows_warnings() -> None:
    found = diff(small(), faster(), ran_a=Ran(accelerator="kvm"), ran_b=Ran(accelerator="tcg"))
    (warning,) = found.warnings
    assert f'<p class="warning">{warning}</p>' in page(found, small(), faster())


def test_page_of_the_virtual_clock_speaks_of_no_chance() -> None:
    a, b = replace(small(), clock="virtual"), replace(faster(), clock="virtual")
    assert ONE_EACH not in page(diff(a, b), a, b)


def test_page_with_a_measurement_gives_its_figures_alone() -> None:
    a, b = small(), faster()
    report = "B is faster by 7 ms, p 0.008"
    lead = "<figure>the answer</figure>"
    whole = page(diff(a, b), a, b, report=report, lead=lead, headline=("7 ms", "p 0.008"))
    assert report in whole
    assert ONE_EACH not in whole
    assert "<strong>7 ms</strong> <span>p 0.008</span>" in whole
    assert "One instrumented boot of each." in whole
    assert "in all" not in assert_is_whole(whole).labels


def test_page_escapes_hostile_names() -> None:
    a, b = hostile(), small()
    whole = page(diff(a, b), a, b, names=(HOSTILE[0], HOSTILE[2]), facts={"kernel": HOSTILE[0]})
    assert_is_whole(whole)
    assert "\ud800" not in whole
    assert "\x00" not in whole


def test_page_of_equal_boots_has_no_bars() -> None:
    same = assert_is_whole(page(diff(small(), small()), small(), small()))
    assert same.with_class("bar") == 0
    assert list(change_bars([])) == []
