"""Measurements over time as a page."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from bootwright.experiments.results import Trend
from bootwright.reports.trend_page import page
from bootwright.reports.trend_plot import several
from tests.reports.html import assert_is_whole
from tests.reports.pages import HOST, KERNEL, KERNELS, series


def test_page_draws_a_line_columns_and_steps() -> None:
    seen = assert_is_whole(page(Trend(series=(series(100, 120, 90),)), title="x", kernels=KERNELS))
    assert (seen.with_class("trend"), seen.with_class("point"), seen.with_class("step")) == (
        2,
        1,
        2,
    )
    assert seen.tags.count("polygon") == 2
    columns = [label for label in seen.labels if label.startswith("Measurement 2:")]
    assert len(columns) == 2
    assert "kernel: 119.0 ms" in columns[0]
    assert "slower than 1 by 20.0 ms" in columns[0]


def test_longer_is_higher() -> None:
    drawn = several(series(100, 120, 120, 120), {"kernel": "kernel", "initramfs": "initramfs"})
    steps = re.findall(r'<svg class="step".*?y="([\d.]+)"', drawn)
    points = re.findall(r'<circle class="point".*?cy="([\d.]+)"', drawn)
    assert float(steps[0]) < float(points[0])


def test_page_says_when_where_and_of_what() -> None:
    seen = assert_is_whole(page(Trend(series=(series(100, 101),)), title="x", kernels=KERNELS))
    assert seen.facts["kernel"] == KERNEL
    assert seen.facts["host"].startswith(f"2 x {HOST.cpu}")
    assert seen.facts["n"] == "12 boots in 2 measurements"
    assert " to 2023-11-1" in seen.facts["date"]


def test_page_of_one_measurement_shows_its_value_and_phases() -> None:
    whole = page(Trend(series=(series(100),)), title="x", kernels=KERNELS)
    seen = assert_is_whole(whole)
    assert "<strong>100.0 ms</strong> <span>measurement 1, the only one so far</span>" in whole
    assert seen.with_class("trend") == 0
    assert "kernel\n99.0 ms, 99.0 %" in seen.labels
    assert "<table>" not in whole


def test_page_of_a_missing_phase_leaves_it_out() -> None:
    found = series(100, 100)
    first, second = found.points
    without = replace(second, phases={k: v for k, v in second.phases.items() if k != "initramfs"})
    shown = page(Trend(series=(replace(found, points=(first, without)),)), title="x")
    labels = assert_is_whole(shown).labels
    assert any("initramfs" in label for label in labels if label.startswith("Measurement 1"))
    assert not any("initramfs" in label for label in labels if label.startswith("Measurement 2"))


def test_page_names_few_kernels() -> None:
    found = series(*range(100, 109))
    points = tuple(
        replace(point, recipe={**point.recipe, "kernel": f"{point.id}" * 12})
        for point in found.points
    )
    seen = assert_is_whole(page(Trend(series=(replace(found, points=points),)), title="x"))
    assert seen.facts["kernel"] == f"{'9' * 12}; {'8' * 12}; {'7' * 12}; and 6 others"


def test_page_without_measurements_says_so() -> None:
    assert "no measurements in the history" in page(Trend(series=()), title="x")


def test_page_escapes_names() -> None:
    shown = page(Trend(series=(series(100, 120, title="<script>x"),)), title="<script>x")
    assert_is_whole(shown)
    for svg in re.findall(r"<svg class=\"strip\".*?</svg></div>", shown, re.DOTALL):
        ElementTree.fromstring(f"<div>{svg}")
