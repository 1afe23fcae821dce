"""How long one boot took over all measurements of it, and which of them first became slower.

Only what compares is set beside each other: the same title and changes, on one clock, and on the
wall clock on one kind of host. Its recipe may be another each time; that is what explains a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bootwright.experiments import figures
from bootwright.experiments.differences import differences
from bootwright.experiments.results import (
    WHOLE,
    PhaseFigures,
    Trend,
    TrendPoint,
    TrendSeries,
    TrendStep,
)
from bootwright.history import measurements
from bootwright.history.history import History
from bootwright.history.measurement import Measurement, SideName
from bootwright.home import Home
from bootwright.recipes.recipe import Clock
from bootwright.statistics.effects import Effect, least_pairs, paired
from bootwright.statistics.shifts import shifted
from bootwright.statistics.summary import smallest_effect_ns
from bootwright.statistics.verdicts import Verdict, verdict

_DIGITS = 8
"""With so many a word can be the beginning of a digest."""
_LOAD = 1.0
"""Loads that lie farther apart are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """One side of a measurement, of which at least one boot succeeded."""

    measurement: Measurement
    side: SideName
    phases: dict[str, PhaseFigures]

    @property
    def whole_ns(self) -> int:
        return self.phases[WHOLE].median_ns


def trend(
    home: Home, image: str | None = None, *, clock: Clock | None = None, since_s: float = 0
) -> Trend:
    """Return how long an image took in each measurement of it, and where that changed.

    Args:
        image: As the user gave it when measuring, or its digest, or the beginning of that; empty:
            the tiny guest; None: whatever was measured.
        clock: Only measurements on this clock.
        since_s: Only those that were begun since then, in seconds since 1970.

    Raises:
        HostError, FormatError: the history cannot be read.
    """
    found = (
        one
        for one in measurements.find(History(home.history))
        if one.began_s >= since_s and clock in (None, one.clock)
    )
    return Trend(series=of_image(found, image))


def of_image(
    measurements: Iterable[Measurement], image: str | None = None
) -> tuple[TrendSeries, ...]:
    """Sort measurements into series; see `trend`."""
    found: dict[tuple[object, ...], list[_Taken]] = {}
    for one in measurements:
        for name, side in one.sides.items():
            phases = figures.figures(one, name)
            if not phases or not (image is None or _is(image, side.title, side.recipe)):
                continue
            key = (side.title, side.changes, one.clock, _host(one, name), side.recipe.get("init"))
            found.setdefault(key, []).append(_Taken(measurement=one, side=name, phases=phases))
    return tuple(map(_series, found.values()))


def _host(one: Measurement, side: SideName) -> str:
    if one.guest_clock.is_repeatable:
        return ""
    accelerator = one.sides[side].recipe.get("accelerator")
    return f"{one.host.cpus} x {one.host.cpu or 'unknown CPU'}, {accelerator}"


def _is(image: str, title: str, recipe: dict[str, object]) -> bool:
    if not image:
        return recipe.get("image") is None
    digits = image.removeprefix("sha256-")
    digest = str(recipe.get("image") or "").removeprefix("sha256-")
    return title == image or (len(digits) >= _DIGITS and digest.startswith(digits))


def _series(points: Sequence[_Taken]) -> TrendSeries:
    first = points[0]
    side = first.measurement.sides[first.side]
    steps = _steps(points)
    return TrendSeries(
        title=side.title,
        changes=side.changes,
        clock=first.measurement.clock,
        host=_host(first.measurement, first.side),
        points=tuple(map(_point, points)),
        steps=tuple(steps),
        regressions=tuple(step.id for step in steps if step.is_regression),
    )


def _point(taken: _Taken) -> TrendPoint:
    one = taken.measurement
    return TrendPoint(
        id=one.id,
        side=taken.side,
        began_s=one.began_s,
        boots=len(figures.succeeded(one, taken.side)),
        failed=len(figures.failed(one, taken.side)),
        phases=taken.phases,
        recipe=one.sides[taken.side].recipe,
        bootwright=one.bootwright,
        host=one.host,
    )


def _steps(points: Sequence[_Taken]) -> list[TrendStep]:
    """Return where a series became slower or faster, by more than anyone should care about.

    Each point is held against the last step, not against its neighbour: nine slow-downs of half a
    per cent are one of four and a half. One that cannot be told apart from it moves nothing.
    """
    found: list[TrendStep] = []
    anchor = points[0]
    for point in points[1:]:
        effect = _effect(anchor, point)
        said = verdict(effect, smallest_effect_ns(anchor.whole_ns))
        if said in ("slower", "faster"):
            if said == "faster":
                found = [_mended(step, point) for step in found]
            found.append(_step(anchor, point, said, effect))
            anchor = point
    return found


def _effect(before: _Taken, after: _Taken) -> Effect:
    """Compare seed by seed where enough are common, else each boot with each."""
    if after.measurement.guest_clock.is_repeatable:
        a, b = _by_seed(before), _by_seed(after)
        common = sorted(a.keys() & b.keys())
        if len(common) >= least_pairs():
            return paired([a[seed] for seed in common], [b[seed] for seed in common])
    return shifted(_wholes_ns(before), _wholes_ns(after))


def _by_seed(point: _Taken) -> dict[int, int]:
    return {
        s.seed: s.total_ns
        for s in figures.succeeded(point.measurement, point.side)
        if s.seed is not None and s.total_ns is not None
    }


def _wholes_ns(point: _Taken) -> list[int]:
    return list(figures.lengths(point.measurement, point.side)[WHOLE].values())


def _mended(step: TrendStep, point: _Taken) -> TrendStep:
    is_mended = point.whole_ns <= step.before_ns + smallest_effect_ns(step.before_ns)
    return (
        replace(step, fixed_by=point.measurement.id) if step.is_regression and is_mended else step
    )


def _step(before: _Taken, after: _Taken, said: Verdict, effect: Effect) -> TrendStep:
    grown = {
        phase: after.phases[phase].median_ns - one.median_ns
        for phase, one in before.phases.items()
        if phase != WHOLE and phase in after.phases
    }
    telling = smallest_effect_ns(before.whole_ns)
    phases = {phase: off for phase, off in grown.items() if abs(off) >= telling}
    return TrendStep(
        id=after.measurement.id,
        side=after.side,
        began_s=after.measurement.began_s,
        against=before.measurement.id,
        verdict=said,
        effect_ns=effect.effect_ns,
        ci_ns=effect.ci_ns,
        p=effect.p,
        before_ns=before.whole_ns,
        after_ns=after.whole_ns,
        phases=dict(sorted(phases.items(), key=lambda item: -abs(item[1]))),
        differences=tuple(_differences(before, after)),
    )


def _differences(before: _Taken, after: _Taken) -> list[str]:
    old, new = before.measurement, after.measurement
    lines = differences(old.sides[before.side].recipe, new.sides[after.side].recipe)
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
