"""How a boot's length went over its measurements, as text: a row each, and where it changed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bootwright.experiments.results import Trend, TrendSeries, TrendStep
from bootwright.reports.measurement import ms, what
from bootwright.reports.text import BOLD, duration, styled

_BEFORE_PHASES = 30
NOTHING = "no measurements in the history"


def trend(found: Trend, *, color: bool = False, columns: int | None = None) -> str:
    """Return a table for each series.

    Args:
        color: Whether what became slower is bold.
        columns: How wide it may be; where that is narrow, the first phases are left out.
    """
    parts = ["\n".join(_trend(series, color, columns)) for series in found.series]
    return "\n\n".join(parts) or NOTHING


def regress(found: Trend) -> str:
    """Return, of each series, which measurement first became slower, and what differs."""
    parts = ["\n".join(_regress(series)) for series in found.series]
    return "\n\n".join(parts) or NOTHING


def heading(series: TrendSeries) -> str:
    """Return what a series is of."""
    where = "virtual clock" if series.clock == "virtual" else f"wall clock on {series.host}"
    count = len(series.points)
    return f"{what(series.title, series.changes)}, {where}: {count} measurement{'s' * (count != 1)}"


def when(began_s: float) -> str:
    """Return a moment as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(began_s))


def step_words(step: TrendStep) -> str:
    """Return a step in one sentence."""
    low, high = sorted(abs(bound) for bound in step.ci_ns)
    mended = "" if step.fixed_by is None else f"; fixed by {step.fixed_by}"
    return (
        f"{step.verdict} than {step.against} by {duration(abs(step.effect_ns))} "
        f"({duration(low)} to {duration(high)}){mended}"
    )


def _trend(series: TrendSeries, color: bool, columns: int | None) -> Iterator[str]:
    yield heading(series)
    phases = list(series.points[-1].phases)
    while columns and len(phases) > 1 and _wide(phases) > columns:
        phases = phases[1:]  # the whole is the last
    widths = [max(10, len(phase) + 2) for phase in phases]
    head = "".join(f"{phase:>{width}}" for phase, width in zip(phases, widths, strict=True))
    yield f"  {'ID':<6}{'when':<18}{'n':>4}{head}  ms, medians"
    steps = {(step.id, step.side): step for step in series.steps}
    for point in series.points:
        cells = "".join(
            f"{ms(point.phases[phase].median_ns) if phase in point.phases else '-':>{w}}"
            for phase, w in zip(phases, widths, strict=True)
        )
        name = f"{point.id}{'B' * (point.side == 'B')}"
        step = steps.get((point.id, point.side))
        note = "" if step is None else f"  {step_words(step)}"
        if point.failed:
            note += f"  ({point.failed} failed)"
        row = f"  {name:<6}{when(point.began_s):<18}{point.boots:>4}{cells}{note}"
        yield styled(row, BOLD, color and step is not None and step.verdict == "slower")


def _wide(phases: list[str]) -> int:
    """Return the columns of a table with these phases."""
    return _BEFORE_PHASES + sum(max(10, len(phase) + 2) for phase in phases) + len("  ms, medians")


def _regress(series: TrendSeries) -> Iterator[str]:
    yield heading(series)
    standing = [step for step in series.steps if step.is_regression]
    if not standing:
        mended = sum(step.verdict == "slower" for step in series.steps)
        few = "; it takes two" if len(series.points) < 2 else ""
        yield f"  none is slower than those before it{few}" + (
            f" ({mended} was, and is fixed)" if mended else ""
        )
    for index, step in enumerate(standing):
        first = "first became slower" if not index else "then again"
        yield f"  {first}: measurement {step.id}, {when(step.began_s)}"
        yield f"    {step_words(step)}: {ms(step.before_ns)} → {ms(step.after_ns)} ms"
        for phase, off_ns in step.phases.items():
            yield f"    {phase}: {ms(off_ns, '+')} ms"
        for line in step.differences or ["nothing in recipe or bootwright"]:
            yield f"    differs: {line}"
    if standing and series.clock == "wall":
        yield (
            "  measurements of different days are not interleaved, so the host may have changed: "
            "confirm with bootwright compare"
        )
