"""How long one boot took over all measurements of it, and which of them first became slower.

Only what compares is set beside each other: the same title and changes, on one clock, and on the
wall clock on one kind of host. Its recipe may be another each time; that is what explains a step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bootwright.clock import CLOCKS
from bootwright.experiments import measure
from bootwright.experiments.differences import differences
from bootwright.experiments.effects import Effect, least_pairs, paired
from bootwright.experiments.measure import WHOLE
from bootwright.experiments.shifts import shifted
from bootwright.experiments.statistics import Summary, smallest_effect_ns
from bootwright.experiments.verdicts import Verdict, verdict
from bootwright.history.measurement import Measurement, SideName

JSON_VERSION = 1
_DIGITS = 8
"""With so many a word can be the beginning of a digest."""
_LOAD = 1.0
"""Loads that lie farther apart are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One side of a measurement, of which at least one boot succeeded."""

    measurement: Measurement
    side: SideName
    phases: dict[str, Summary]

    @property
    def recipe(self) -> dict[str, object]:
        return self.measurement.sides[self.side].recipe

    @property
    def whole(self) -> Summary:
        return self.phases[WHOLE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A point that is surely slower, or faster, than the one it is held against."""

    before: Point
    after: Point
    verdict: Verdict
    effect: Effect
    phases: dict[str, int]
    """By how much the medians of the phases differ, where that is of interest; largest first."""
    differences: list[str]
    """What is not as it was: of the recipe, the host, bootwright itself."""
    mended_by: Point | None = None
    """Of a slower one: the later point that is as fast again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points that compare, the oldest first."""

    title: str
    changes: tuple[str, ...]
    clock: str
    host: str
    """On the wall clock; empty on the virtual one, which no host matters to."""
    points: list[Point] = field(default_factory=list)


def of_image(measurements: Iterable[Measurement], image: str | None) -> list[Series]:
    """Sort measurements into series.

    Args:
        image: As the user gave it when measuring, or its digest, or the beginning of that; empty:
            the tiny guest; None: whatever was measured.
    """
    found: dict[tuple[object, ...], Series] = {}
    for one in measurements:
        for name, side in one.sides.items():
            phases = measure.summaries(one, name)
            if not phases or not (image is None or _is(image, side.title, side.recipe)):
                continue
            host = ""
            if not one.guest_clock.is_repeatable:
                accelerator = side.recipe.get("accelerator")
                host = f"{one.host.cpus} x {one.host.cpu or 'unknown CPU'}, {accelerator}"
            key = (side.title, side.changes, one.clock, host, side.recipe.get("init"))
            series = found.setdefault(
                key, Series(title=side.title, changes=side.changes, clock=one.clock, host=host)
            )
            series.points.append(Point(measurement=one, side=name, phases=phases))
    return list(found.values())


def _is(image: str, title: str, recipe: dict[str, object]) -> bool:
    if not image:
        return recipe.get("image") is None
    digits = image.removeprefix("sha256-")
    digest = str(recipe.get("image") or "").removeprefix("sha256-")
    return title == image or (len(digits) >= _DIGITS and digest.startswith(digits))


def steps(series: Series) -> list[Step]:
    """Return where a series became slower or faster, by more than anyone should care about.

    Each point is held against the last step, not against its neighbour: nine slow-downs of half a
    per cent are one of four and a half. One that cannot be told apart from it moves nothing.
    """
    found: list[Step] = []
    anchor: Point | None = None
    for point in series.points:
        if anchor is None:
            anchor = point
            continue
        effect = _effect(anchor, point, series.clock)
        smallest_ns = smallest_effect_ns(anchor.whole.median_ns)
        said = verdict(effect, smallest_ns)
        if said in ("slower", "faster"):
            if said == "faster":
                found = [_mended(step, point) for step in found]
            found.append(_step(anchor, point, said, effect))
            anchor = point
    return found


def regressions(found: Iterable[Step]) -> list[Step]:
    """Return the slower steps that were not mended since, the first one first."""
    return [step for step in found if step.verdict == "slower" and step.mended_by is None]


def _effect(before: Point, after: Point, clock: str) -> Effect:
    """Compare seed by seed where enough are common, else each boot with each."""
    if CLOCKS[clock].is_repeatable:
        a, b = _by_seed(before), _by_seed(after)
        common = sorted(a.keys() & b.keys())
        if len(common) >= least_pairs():
            return paired([a[seed] for seed in common], [b[seed] for seed in common])
    return shifted(list(_by_number(before).values()), list(_by_number(after).values()))


def _by_seed(point: Point) -> dict[int, int]:
    samples = point.measurement.samples
    return {
        s.seed: s.total_ns
        for s in samples
        if s.side == point.side and s.seed is not None and s.total_ns is not None
    }


def _by_number(point: Point) -> dict[int, int]:
    return measure.lengths(point.measurement, point.side)[WHOLE]


def _mended(step: Step, point: Point) -> Step:
    was_ns = step.before.whole.median_ns
    is_mended = point.whole.median_ns <= was_ns + smallest_effect_ns(was_ns)
    if step.verdict != "slower" or step.mended_by is not None or not is_mended:
        return step
    return replace(step, mended_by=point)


def _step(before: Point, after: Point, said: Verdict, effect: Effect) -> Step:
    grown = {
        phase: after.phases[phase].median_ns - summary.median_ns
        for phase, summary in before.phases.items()
        if phase != WHOLE and phase in after.phases
    }
    telling = smallest_effect_ns(before.whole.median_ns)
    phases = {phase: off for phase, off in grown.items() if abs(off) >= telling}
    return Step(
        before=before,
        after=after,
        verdict=said,
        effect=effect,
        phases=dict(sorted(phases.items(), key=lambda item: -abs(item[1]))),
        differences=_differences(before, after),
    )


def _differences(before: Point, after: Point) -> list[str]:
    lines = differences(before.recipe, after.recipe)
    old, new = before.measurement, after.measurement
    if old.bootwright != new.bootwright:
        lines.append(f"bootwright: {old.bootwright} → {new.bootwright}")
    if not new.guest_clock.is_repeatable:
        if old.host.kernel != new.host.kernel:
            lines.append(f"host's kernel: {old.host.kernel} → {new.host.kernel}")
        if old.host.governor != new.host.governor:
            lines.append(f"host's governor: {old.host.governor} → {new.host.governor}")
        loads = (old.host.load, new.host.load)
        if loads[0] is not None and loads[1] is not None and abs(loads[0] - loads[1]) > _LOAD:
            lines.append(f"host's load: {loads[0]:.1f} → {loads[1]:.1f}")
    return lines


def values(all_series: Iterable[Series]) -> dict[str, object]:
    """Return series as --json prints them; documented in docs/json.md."""
    return {"version": JSON_VERSION, "series": [_series(series) for series in all_series]}


def _series(series: Series) -> dict[str, object]:
    found = steps(series)
    return {
        "title": series.title,
        "changes": series.changes,
        "clock": series.clock,
        "host": series.host,
        "points": [_point(point) for point in series.points],
        "steps": [_step_values(step) for step in found],
        "regressions": [step.after.measurement.id for step in regressions(found)],
    }


def _point(point: Point) -> dict[str, object]:
    one = point.measurement
    return {
        "id": one.id,
        "side": point.side,
        "began_s": one.began_s,
        "boots": point.whole.n,
        "failed": len(measure.failed(one, point.side)),
        "phases": {
            phase: {
                "median_ns": s.median_ns,
                "min_ns": s.min_ns,
                "max_ns": s.max_ns,
                "ci_ns": s.ci_ns,
            }
            for phase, s in point.phases.items()
        },
        "recipe": point.recipe,
        "bootwright": one.bootwright,
    }


def _step_values(step: Step) -> dict[str, object]:
    mended = step.mended_by
    return {
        "id": step.after.measurement.id,
        "side": step.after.side,
        "began_s": step.after.measurement.began_s,
        "against": step.before.measurement.id,
        "verdict": step.verdict,
        "effect_ns": step.effect.effect_ns,
        "ci_ns": step.effect.ci_ns,
        "p": step.effect.p,
        "before_ns": step.before.whole.median_ns,
        "after_ns": step.after.whole.median_ns,
        "phases": step.phases,
        "differences": step.differences,
        "mended_by": None if mended is None else mended.measurement.id,
    }
