"""How long a boot took in its measurements, as a page: a picture and a table of each series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from bootwright.experiments.results import WHOLE, Trend, TrendPoint, TrendSeries
from bootwright.reports import charts
from bootwright.reports.charts import plain, signed
from bootwright.reports.document import document
from bootwright.reports.measurement import ms
from bootwright.reports.run_facts import host_text, kernel_fact, moment
from bootwright.reports.text import duration
from bootwright.reports.trend import NOTHING, step_words
from bootwright.reports.trend_plot import name_of, one, several

_NAMED = 3
"""As many kernels and hosts are named above the pictures."""


def page(found: Trend, *, title: str, kernels: Mapping[str, str] = {}) -> str:
    """Return the page.

    Args:
        title: Its heading, as plain text.
        kernels: Releases of kernels, by their digest.
    """
    body = "\n".join(_section(series, kernels) for series in found.series)
    if not body:
        body = f"<figure><p>{NOTHING}: bootwright measure and check record them</p></figure>"
    return document(
        f"<main>\n{body}\n</main>",
        heading=title,
        headline=_headline(found),
        facts=_facts(found, kernels),
    )


def _headline(found: Trend) -> tuple[str, str]:
    if not found.series:
        return "no measurements", ""
    if len(found.series) > 1:
        return f"{len(found.series)} series", "each of what compares"
    series = found.series[0]
    last = series.points[-1]
    now = duration(last.phases[WHOLE].median_ns)
    if len(series.points) == 1:
        return now, f"measurement {last.id}, the only one so far"
    slower = len(series.regressions)
    said = f"{slower} became slower and are not fixed" if slower else "none became slower"
    if slower == 1:
        said = f"measurement {series.regressions[0]} became slower and is not fixed"
    return now, f"in the last of {len(series.points)} measurements; {said}"


def _facts(found: Trend, kernels: Mapping[str, str]) -> dict[str, str]:
    points = [point for series in found.series for point in series.points]
    if not points:
        return {}
    dates = list(dict.fromkeys(moment(f(p.began_s for p in points)) for f in (min, max)))
    return {
        "date": " to ".join(dates),
        "kernel": _few(_kernel(point, kernels) for point in points),
        "host": _few(host_text(point) for point in points),
        "n": f"{sum(p.boots for p in points)} boots in {len(points)} "
        f"measurement{'s' * (len(points) != 1)}",
    }


def _few(names: Iterable[str]) -> str:
    """Return the newest of several names, each once; *names* have the oldest first."""
    found = list(dict.fromkeys(reversed(list(names))))
    others = len(found) - _NAMED
    return "; ".join((*found[:_NAMED], *((f"and {others} others",) if others > 0 else ())))


def _kernel(point: TrendPoint, kernels: Mapping[str, str]) -> str:
    return kernel_fact(str(point.recipe.get("kernel", "")), kernels)


def _section(series: TrendSeries, kernels: Mapping[str, str]) -> str:
    phases = list(
        dict.fromkeys(name for point in series.points for name in point.phases if name != WHOLE)
    )
    colour = charts.colours(phases)
    drawn = one if len(series.points) == 1 else several
    return drawn(series, colour) + (_table(series, kernels) if len(series.points) > 1 else "")


def _table(series: TrendSeries, kernels: Mapping[str, str]) -> str:
    several = len({_kernel(point, kernels) for point in series.points}) > 1
    return charts.table(
        "Measurements",
        "",
        (
            ("ID", ""),
            ("date", "text date"),
            ("n", ""),
            ("whole, ms", ""),
            ("interval, ms", "spare"),
            ("change", "spare"),
            *((("kernel", "text spare"),) if several else ()),
            ("what changed", "text"),
        ),
        _rows(series, kernels if several else None),
    )


def _rows(series: TrendSeries, kernels: Mapping[str, str] | None) -> Iterator[str]:
    """Yield a row for each measurement; *kernels*: None, where all have the same."""
    steps = {(step.id, step.side): step for step in series.steps}
    before_ns: int | None = None
    for point in series.points:
        step = steps.get((point.id, point.side))
        said = "" if step is None else "; ".join((step_words(step), *step.differences))
        kind = "" if step is None else charts.side_class(step.effect_ns)
        whole = point.phases[WHOLE]
        low, high = whole.ci_ns
        change = "" if before_ns is None else signed(whole.median_ns - before_ns)
        before_ns = whole.median_ns
        failed = f"<small>, {point.failed} failed</small>" if point.failed else ""
        kernel = ""
        if kernels is not None:
            kernel = f'<td class="text spare">{escape(plain(_kernel(point, kernels)))}</td>'
        yield (
            f'<tr><td>{name_of(point)}</td><td class="text date">{moment(point.began_s)}</td>'
            f"<td>{point.boots}{failed}</td><td>{ms(whole.median_ns)}</td>"
            f'<td class="spare">{ms(low)} to {ms(high)}</td><td class="spare">{change}</td>{kernel}'
            f'<td class="text {kind}">{escape(plain(said))}</td></tr>\n'
        )
