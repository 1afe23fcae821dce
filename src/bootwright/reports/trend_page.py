"""How a boot's length went, as one page that needs nothing else: a plot and a table a series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from bootwright.experiments.results import WHOLE, Trend, TrendPoint, TrendSeries
from bootwright.reports.document import document
from bootwright.reports.measurement import ms
from bootwright.reports.svg import tick_ns
from bootwright.reports.text import duration
from bootwright.reports.trend import NOTHING, heading, step_words, when

_Height = Callable[[int], float]
"""Where a time stands, in the picture's units."""
_WIDTH, _HEIGHT = 1000, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 16, 18, 40
_COLOURS = ("#1f66ad", "#a8660a", "#0d7c70", "#7c51a1", "#48822a", "#69727d")
"""Of the phases, from the bottom; beyond them they begin anew."""

_STYLE = """
body { max-width: 1100px }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; overflow-wrap: anywhere }
p, ul { margin: .4rem 0 }
.scroll { overflow-x: auto }
svg { display: block; width: 100%; min-width: 640px; height: auto }
svg text { font: 11px system-ui, sans-serif; fill: var(--quiet) }
svg .grid { stroke: var(--line) } svg .range { stroke: var(--ink); stroke-width: 1.5 }
svg .whole { fill: none; stroke: var(--ink); stroke-width: 2 } svg .dot { fill: var(--ink) }
svg .slower { fill: var(--more) } svg .faster { fill: var(--less) } svg .area { fill-opacity: .35 }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .35em; opacity: .6 }
.legend span { margin-right: 1.1em; display: inline-block }
th:last-child, td:last-child { text-align: left; white-space: normal; min-width: 14rem }
.is-slower { color: var(--more) } .is-faster { color: var(--less) }
"""


def page(found: Trend, *, title: str) -> str:
    """Return the page.

    Args:
        title: Its heading, as plain text.
    """
    body = "\n".join(_section(series) for series in found.series) or f"<p>{NOTHING}</p>"
    return document(body, heading=title, style=_STYLE)


def _section(series: TrendSeries) -> str:
    phases = [phase for phase in series.points[-1].phases if phase != WHOLE]
    keys = "".join(
        f'<span><i class="key" style="background:{_colour(i)}"></i>{escape(phase)}</span>'
        for i, phase in enumerate(phases)
    )
    return f"""<h2>{escape(heading(series))}</h2>
<p class="quiet legend">{keys}<span>line: median of the whole; bars: its interval</span></p>
<div class="scroll">{plot(series, phases)}</div>
<div class="scroll"><table>
<thead><tr><th>ID</th><th>when</th><th>n</th><th>whole, ms</th><th>what</th></tr></thead>
<tbody>
{"".join(_rows(series))}</tbody>
</table></div>"""


def plot(series: TrendSeries, phases: list[str]) -> str:
    """Return a series as an SVG element: phases as areas, one on the other, and the whole.

    Measurements stand at equal distances: when they were taken says nothing of their length.
    """
    points = series.points
    top_ns: int = max(1, *(point.phases[WHOLE].ci_ns[1] for point in points)) * 21 // 20
    room = _WIDTH - _LEFT - _RIGHT
    xs = [_LEFT + room * (i + 0.5) / len(points) for i in range(len(points))]

    def y(time_ns: int) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * time_ns / top_ns

    return "".join(
        (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="{escape(heading(series))}">',
            *_axis(top_ns, y),
            *_areas(points, phases, xs, y),
            *_whole(series, xs, y),
            "</svg>",
        )
    )


def _axis(top_ns: int, y: _Height) -> Iterator[str]:
    step = tick_ns(top_ns * 2)
    for at in range(0, top_ns + 1, step):
        ends = f'x1="{_LEFT}" y1="{y(at):.1f}" x2="{_WIDTH - _RIGHT}" y2="{y(at):.1f}"'
        yield f'<line class="grid" {ends}/>'
        label = duration(at) if at else "0"
        yield f'<text x="{_LEFT - 8}" y="{y(at) + 4:.1f}" text-anchor="end">{label}</text>'


def _areas(
    points: Sequence[TrendPoint], phases: list[str], xs: list[float], y: _Height
) -> Iterator[str]:
    """Yield the phases' areas. Medians need not add up, so the areas may miss the line a little."""
    below = [0] * len(points)
    for index, phase in enumerate(phases):
        lengths = [
            point.phases[phase].median_ns if phase in point.phases else 0 for point in points
        ]
        above = [low + length for low, length in zip(below, lengths, strict=True)]
        there = [f"{x:.1f},{y(v):.1f}" for x, v in zip(xs, above, strict=True)]
        back = [f"{x:.1f},{y(v):.1f}" for x, v in zip(xs, below, strict=True)]
        corners = " ".join((*there, *reversed(back)))
        title = f"<title>{escape(phase)}</title>"
        colour = _colour(index)
        yield f'<polygon class="area" fill="{colour}" points="{corners}">{title}</polygon>'
        below = above


def _whole(series: TrendSeries, xs: list[float], y: _Height) -> Iterator[str]:
    points = series.points
    wholes = [point.phases[WHOLE] for point in points]
    line = " ".join(f"{x:.1f},{y(w.median_ns):.1f}" for x, w in zip(xs, wholes, strict=True))
    yield f'<polyline class="whole" points="{line}"/>'
    steps = {(step.id, step.side): step for step in series.steps}
    every = -(-len(points) // 20)
    for index, (point, x, whole) in enumerate(zip(points, xs, wholes, strict=True)):
        low, high = whole.ci_ns
        step = steps.get((point.id, point.side))
        words = f"{point.id}: {duration(whole.median_ns)}, n = {point.boots}"
        if step is not None:
            words += f", {step_words(step)}"
        kind = f"dot {step.verdict}" if step is not None else "dot"
        yield (
            f'<line class="range" x1="{x:.1f}" y1="{y(low):.1f}" x2="{x:.1f}" y2="{y(high):.1f}"/>'
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y(whole.median_ns):.1f}" '
            f'r="{4 if step is None else 6}"><title>{escape(words)}</title></circle>'
        )
        if index % every == 0:
            at = f'x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}"'
            yield f'<text {at} text-anchor="middle">{point.id}</text>'


def _rows(series: TrendSeries) -> Iterator[str]:
    steps = {(step.id, step.side): step for step in series.steps}
    for point in series.points:
        step = steps.get((point.id, point.side))
        said = ""
        if step is not None:
            words = "; ".join((step_words(step), *step.differences))
            said = f'<span class="is-{step.verdict}">{escape(words)}</span>'
        yield (
            f"<tr><td>{point.id}</td><td>{when(point.began_s)}</td><td>{point.boots}</td>"
            f"<td>{ms(point.phases[WHOLE].median_ns)}</td><td>{said}</td></tr>\n"
        )


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]
