"""Pictures of a series of measurements: several as a line over columns, one as a bar.

Measurements stand at equal distances: when they were taken says nothing of their length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bootwright.experiments.results import WHOLE, TrendPoint, TrendSeries
from bootwright.reports import charts
from bootwright.reports.axis import Axis
from bootwright.reports.run_facts import moment
from bootwright.reports.text import duration
from bootwright.reports.trend import heading, step_words

_WHOLE_HEIGHT, _PHASES_HEIGHT = 230, 170
_TOP, _BOTTOM = 12, 8
"""Free above and below what is drawn, in pixels."""
_LABELS = 10
"""As many measurements as this have their number written below them."""


def one(series: TrendSeries, colour: Mapping[str, str]) -> str:
    """Return the picture of a single measurement: its value, and what it is made of."""
    point = series.points[0]
    whole = point.phases[WHOLE]
    phases = {name: point.phases[name].median_ns for name in colour}
    axis = Axis.over((0, max(sum(phases.values()), whole.ci_ns[1]) * 51 // 50), pad=0)
    low, high = whole.ci_ns
    interval_row = charts.row(
        "whole boot",
        charts.ground(axis, 44)
        + charts.mark(
            _label(point, None),
            '<rect class="hover" width="100%" height="44"/>'
            + charts.interval(axis, low, whole.median_ns, high, y=22),
        ),
        f"<strong>{duration(whole.median_ns)}</strong><small>n = {point.boots}</small>",
        height=44,
        kind="whole",
    )
    rows = (
        charts.scale_row(axis),
        interval_row,
        charts.row("phases", charts.shares(axis, phases, colour), height=32),
    )
    return charts.figure(
        heading(series),
        "\n".join(rows),
        f"Measurement {name_of(point)} of {moment(point.began_s)}, the only one so far: a line "
        "starts with the second. Dot and bar: the median of the whole and its "
        f"{whole.confidence * 100:.0f} % interval.",
        legend=charts.legend(colour, {name: (ns,) for name, ns in phases.items()}),
    )


def several(series: TrendSeries, colour: Mapping[str, str]) -> str:
    """Return the picture of several: the whole as a line, below it the phases as columns."""
    points = series.points
    latest = {
        name: (points[-1].phases[name].median_ns if name in points[-1].phases else None,)
        for name in colour
    }
    whole = [point.phases[WHOLE] for point in points]
    bounds = [bound for one in whole for bound in (*one.ci_ns, one.median_ns)]
    axis = Axis.over(bounds, least_ns=max(1000, max(bounds) // 20), pad=0)
    starts = "" if axis.low_ns <= 0 else " Its axis does not begin at zero."
    note = (
        "Line: median of the whole boot; bars: its interval. "
        f"\N{BLACK UP-POINTING TRIANGLE} slower, \N{BLACK DOWN-POINTING TRIANGLE} faster than the "
        f"step before.{starts} Columns below: the phases' medians, from zero."
    )
    chart = "\n".join(
        (
            _panel(
                _line(series, axis),
                _scale(axis, _WHOLE_HEIGHT),
                _WHOLE_HEIGHT,
                "Whole boot, median",
            ),
            _columns(series, colour),
            _numbers(points),
        )
    )
    return charts.figure(heading(series), chart, note, legend=charts.legend(colour, latest))


def _panel(picture: str, scale: str, height: int, name: str) -> str:
    return (
        f'<p class="panel-name">{name}</p>'
        f'<div class="panel"><svg class="upright" width="100%" height="{height}" '
        f'aria-hidden="true">{scale}</svg><svg class="strip" width="100%" height="{height}" '
        f'role="group" aria-label="{name}">{picture}</svg></div>'
    )


def _y(axis: Axis, height: int, time_ns: int) -> float:
    return height - _BOTTOM - (height - _TOP - _BOTTOM) * axis.at(time_ns) / 100


def _scale(axis: Axis, height: int) -> str:
    return "".join(
        f'<text x="100%" y="{_y(axis, height, time) + 4:.1f}" text-anchor="end">{label}</text>'
        for time, label in axis.ticks()
    )


def _lines(axis: Axis, height: int) -> str:
    return "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{_y(axis, height, time):.1f}" '
        f'y2="{_y(axis, height, time):.1f}"/>'
        for time, _ in axis.ticks()
    )


def _line(series: TrendSeries, axis: Axis) -> str:
    points = series.points
    steps = {(step.id, step.side): step for step in series.steps}
    parts = [_lines(axis, _WHOLE_HEIGHT)]
    middles = [_y(axis, _WHOLE_HEIGHT, point.phases[WHOLE].median_ns) for point in points]
    each = 100 / len(points)
    for index in range(1, len(points)):
        left, right = each * (index - 0.5), each * (index + 0.5)
        parts.append(
            f'<line class="trend" x1="{left:.2f}%" x2="{right:.2f}%" '
            f'y1="{middles[index - 1]:.1f}" y2="{middles[index]:.1f}"/>'
        )
    radius = 4 if len(points) <= 60 else 2.5
    for index, point in enumerate(points):
        at = f"{each * (index + 0.5):.2f}%"
        low, high = (_y(axis, _WHOLE_HEIGHT, bound) for bound in point.phases[WHOLE].ci_ns)
        step = steps.get((point.id, point.side))
        drawn = (
            f'<rect class="hover" x="{each * index:.2f}%" width="{each:.2f}%" '
            f'height="{_WHOLE_HEIGHT}"/>'
            f'<line class="range" x1="{at}" x2="{at}" y1="{low:.1f}" y2="{high:.1f}"/>'
        )
        if step is None:
            drawn += f'<circle class="point" cx="{at}" cy="{middles[index]:.1f}" r="{radius}"/>'
        else:
            kind = charts.side_class(step.effect_ns)
            shape = "0,-7 7,6 -7,6" if kind == "more" else "0,7 7,-6 -7,-6"
            drawn += (
                f'<svg class="step" x="{at}" y="{middles[index]:.1f}">'
                f'<polygon class="{kind}" points="{shape}"/></svg>'
            )
        parts.append(charts.mark(_label(point, None if step is None else step_words(step)), drawn))
    return "".join(parts)


def _columns(series: TrendSeries, colour: Mapping[str, str]) -> str:
    """Return the phases of each measurement as a column; a phase that is missing leaves no gap."""
    points = series.points
    sums = [
        sum(found.median_ns for name, found in point.phases.items() if name != WHOLE)
        for point in points
    ]
    axis = Axis.over((0, *sums), pad=0)
    each = 100 / len(points)
    wide = each * (0.72 if len(points) <= 60 else 0.9)
    parts = [_lines(axis, _PHASES_HEIGHT)]
    for index, point in enumerate(points):
        at_ns = 0
        column = ""
        for name, layer in colour.items():
            if name not in point.phases:
                continue
            upper = _y(axis, _PHASES_HEIGHT, at_ns + point.phases[name].median_ns)
            lower = _y(axis, _PHASES_HEIGHT, at_ns)
            at_ns += point.phases[name].median_ns
            column += (
                f'<rect class="fill {layer}" x="{each * index + (each - wide) / 2:.2f}%" '
                f'width="{wide:.2f}%" y="{upper:.1f}" height="{lower - upper:.1f}"/>'
            )
        parts.append(charts.mark(_label(point, None), column))
    return _panel("".join(parts), _scale(axis, _PHASES_HEIGHT), _PHASES_HEIGHT, "Phases, medians")


def _numbers(points: Sequence[TrendPoint]) -> str:
    each = 100 / len(points)
    every = -(-len(points) // _LABELS)
    texts = "".join(
        f'<text x="{each * (index + 0.5):.2f}%" y="14" text-anchor="middle">{name_of(point)}</text>'
        for index, point in enumerate(points)
        if index % every == 0
    )
    days = (points[0], points[-1])
    ends = "".join(
        f'<text x="{x}%" y="32" text-anchor="{anchor}">{moment(point.began_s)}</text>'
        for x, anchor, point in zip((0, 100), ("start", "end"), days, strict=True)
    )
    return (
        '<div class="panel" aria-hidden="true"><svg class="upright" width="100%" height="38">'
        '<text x="100%" y="14" text-anchor="end">ID</text></svg>'
        f'<svg class="strip" width="100%" height="38">{texts}{ends}</svg></div>'
    )


def name_of(point: TrendPoint) -> str:
    """Return what a point is called: its measurement's ID, and the side where it is B."""
    return f"{point.id}{'B' * (point.side == 'B')}"


def _label(point: TrendPoint, step: str | None) -> str:
    """Return what the card of a measurement says."""
    whole = point.phases[WHOLE]
    low, high = whole.ci_ns
    failed = f", {point.failed} failed" if point.failed else ""
    lines = [
        f"Measurement {name_of(point)}: {duration(whole.median_ns)}",
        f"{moment(point.began_s)}, n = {point.boots}{failed}",
        f"{whole.confidence * 100:.0f} % interval: {duration(low)} to {duration(high)}",
    ]
    lines += [
        f"{name}: {duration(found.median_ns)}"
        for name, found in point.phases.items()
        if name != WHOLE
    ]
    return "\n".join((*lines, *([step] if step else [])))
