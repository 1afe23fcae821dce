"""What the samples of a measurement say."""

from __future__ import annotations

from bootwright.experiments import figures
from bootwright.experiments.results import WHOLE, FailedBoot
from tests.experiments.measured import MS, measurement


def test_figures_leave_failed_boots_out_and_name_those_far_off() -> None:
    found = figures.result(measurement([100, 101, None, 100, 102, 101, 100, 300]))
    whole = found.phases[WHOLE]
    assert (whole.median_ns, whole.max_ns) == (101 * MS, 300 * MS)
    assert whole.outliers == (8,)
    assert (found.boots, found.began_s) == (7, 1_700_000_000)
    assert found.failed == (FailedBoot(side="A", boot=3, seed=3, reason="its kernel panicked"),)
