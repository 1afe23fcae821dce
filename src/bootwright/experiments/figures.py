"""What the samples of a measurement say, phase by phase. Pure."""

from __future__ import annotations

from typing import cast

import msgspec

from bootwright.experiments import boots
from bootwright.experiments.results import (
    WHOLE,
    BootSample,
    FailedBoot,
    MeasureResult,
    PhaseFigures,
)
from bootwright.history.measurement import Measurement, Sample, SideName
from bootwright.recipes.recipe import Recipe
from bootwright.statistics.summary import summary


def recipe_of(measurement: Measurement, side: SideName = "A") -> Recipe:
    """Return the recipe of one side."""
    return msgspec.convert(measurement.sides[side].recipe, Recipe)


def failed(measurement: Measurement, side: SideName = "A") -> list[Sample]:
    """Return the boots of one side that failed."""
    return [s for s in measurement.samples if s.side == side and s.failure]


def succeeded(measurement: Measurement, side: SideName = "A") -> list[Sample]:
    """Return the boots of one side that succeeded, in the order of their numbers."""
    good = (s for s in measurement.samples if s.side == side and s.phases)
    return sorted(good, key=lambda s: s.number)


def lengths(measurement: Measurement, side: SideName = "A") -> dict[str, dict[int, int]]:
    """Return the phases of one side, and the whole: ``{phase: {number: ns}}``."""
    columns: dict[str, dict[int, int]] = {}
    for sample in succeeded(measurement, side):
        for phase, length_ns in _with_whole(sample).items():
            columns.setdefault(phase, {})[sample.number] = length_ns
    return columns


def figures(measurement: Measurement, side: SideName = "A") -> dict[str, PhaseFigures]:
    """Return what the samples of one side say of each phase, and of the whole."""
    return {phase: _figures(column) for phase, column in lengths(measurement, side).items()}


def _figures(column: dict[int, int]) -> PhaseFigures:
    found, numbers = summary(list(column.values())), list(column)
    return PhaseFigures(
        median_ns=found.median_ns,
        min_ns=found.min_ns,
        max_ns=found.max_ns,
        ci_ns=found.ci_ns,
        confidence=found.confidence,
        spread_ns=found.spread_ns,
        outliers=tuple(numbers[index] + 1 for index in found.outliers),
    )


def samples(measurement: Measurement, side: SideName) -> tuple[BootSample, ...]:
    """Return one side's boots that succeeded as results have them."""
    return tuple(
        BootSample(boot=s.number + 1, seed=s.seed, phases=_with_whole(s))
        for s in succeeded(measurement, side)
    )


def failures(measurement: Measurement) -> tuple[FailedBoot, ...]:
    """Return the boots that failed as results have them."""
    return tuple(
        FailedBoot(side=s.side, boot=s.number + 1, seed=s.seed, reason=s.failure)
        for s in measurement.samples
        if s.failure
    )


def result(measurement: Measurement, warnings: tuple[str, ...] = ()) -> MeasureResult:
    """Return what a measurement of one recipe comes to."""
    side, recipe = measurement.sides["A"], recipe_of(measurement)
    begins, ends = boots.ends(recipe)
    return MeasureResult(
        id=measurement.id,
        began_s=measurement.began_s,
        clock=measurement.clock,
        boots=len(succeeded(measurement)),
        begins=begins,
        ends=ends,
        failed=failures(measurement),
        host=measurement.host,
        warnings=warnings,
        bootwright=measurement.bootwright,
        title=side.title,
        changes=side.changes,
        recipe=recipe,
        wanted=measurement.plan.looks[-1],
        phases=figures(measurement),
        samples=samples(measurement, "A"),
    )


def _with_whole(sample: Sample) -> dict[str, int]:
    return {**sample.phases, WHOLE: cast(int, sample.total_ns)}
