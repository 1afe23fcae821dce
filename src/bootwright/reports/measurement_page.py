"""A measurement as a page: how long the boot takes, how sure that is, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from bootwright.experiments.results import WHOLE, MeasureResult
from bootwright.reports import charts
from bootwright.reports.axis import Axis, without_outliers
from bootwright.reports.charts import plain
from bootwright.reports.document import document
from bootwright.reports.measurement import ms, what
from bootwright.reports.run_facts import clock_fact, failures, host_fact, kernel_fact, moment
from bootwright.reports.text import duration


def page(result: MeasureResult, *, kernels: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        kernels: Releases of kernels, by their digest.
    """
    title = plain(what(result.title, result.changes))
    whole = result.phases.get(WHOLE)
    headline = ("no boot succeeded", f"{len(result.failed)} failed")
    if whole is not None:
        low, high = whole.ci_ns
        headline = (
            duration(whole.median_ns),
            f"median of {result.boots}, {whole.confidence * 100:.0f} % interval {duration(low)} to "
            f"{duration(high)}",
        )
    failed = f", {len(result.failed)} failed" if result.failed else ""
    return document(
        f"<main>\n{_picture(result)}\n{_table(result)}\n{failures(result)}</main>",
        heading=title,
        headline=headline,
        facts={
            "kernel": kernel_fact(result.recipe.kernel, kernels),
            "date": moment(result.began_s),
            "host": host_fact(result),
            "clock": clock_fact(result),
            "n": f"{result.boots} boots{failed}",
            "measured": f"from when {result.begins} until {result.ends}",
            "measurement": f"{result.id}, bootwright {result.bootwright}",
        },
        warnings=result.warnings,
        title=f"{title}: measurement",
    )


def _picture(result: MeasureResult) -> str:
    if not result.phases:
        crosses = "\N{MULTIPLICATION X} " * min(len(result.failed), 20)
        picture = f'<text class="more" x="3%" y="26">{crosses}</text>'
        return charts.figure("Boots", charts.row("failed", picture, height=44))
    phases = {name: found.median_ns for name, found in result.phases.items() if name != WHOLE}
    colour = charts.colours(phases)
    wholes = [sample.phases[WHOLE] for sample in result.samples]
    highest = max(*without_outliers(wholes), *(f.ci_ns[1] for f in result.phases.values()))
    axis = Axis.over((0, max(highest, sum(phases.values())) * 51 // 50), pad=0)
    rows = [
        charts.scale_row(axis),
        charts.row("phases, medians", charts.shares(axis, phases, colour), height=32),
    ]
    beyond = sum(not axis.holds(length) for length in wholes)
    names = [WHOLE, *phases]
    rows += [_row(result, name, axis) for name in names]
    note = (
        "Dots: single boots. Bar: the interval of their median. Phases stand one behind the other "
        "above, and each from zero below."
    )
    if beyond:
        note += f" Rings at the edge: {beyond} beyond the axis."
    legend = charts.legend(colour, {name: (ns,) for name, ns in phases.items()})
    return charts.figure("Boots and phases", "\n".join(rows), note, legend=legend)


def _row(result: MeasureResult, name: str, axis: Axis) -> str:
    found = result.phases[name]
    is_whole = name == WHOLE
    height, middle, room, y, radius = (84, 30, 22, 66, 3.5) if is_whole else (50, 17, 11, 38, 2.5)
    low, high = found.ci_ns
    label = (
        f"{name}: {duration(found.median_ns)}\n{found.confidence * 100:.0f} % interval: "
        f"{duration(low)} to {duration(high)}\nfrom {duration(found.min_ns)} to "
        f"{duration(found.max_ns)}"
    )
    samples = [
        (sample.phases[name], f"{name}, boot {sample.boot}\n{duration(sample.phases[name])}")
        for sample in result.samples
        if name in sample.phases
    ]
    picture = (
        charts.ground(axis, height)
        + charts.mark(
            label,
            f'<rect class="hover" width="100%" height="{height}"/>'
            + charts.interval(axis, low, found.median_ns, high, y=y),
        )
        + charts.dots(axis, samples, middle=middle, room=room, radius=radius)
    )
    value = (
        f"<strong>{duration(found.median_ns)}</strong>"
        f"<small>± {duration(found.spread_ns)} spread</small>"
    )
    shown = "whole boot" if is_whole else name
    return charts.row(shown, picture, value, height=height, kind="whole" if is_whole else "")


def _table(result: MeasureResult) -> str:
    if not result.phases:
        return ""
    return charts.table(
        "All figures",
        "Milliseconds. Spread: the median distance from the median.",
        (
            ("phase", "text"),
            ("median", ""),
            ("spread", "spare"),
            ("min", ""),
            ("max", ""),
            ("interval of the median", "spare"),
        ),
        _cells(result),
    )


def _cells(result: MeasureResult) -> Iterator[str]:
    for name, found in result.phases.items():
        low, high = found.ci_ns
        kind = ' class="whole"' if name == WHOLE else ""
        yield (
            f'<tr{kind}><th scope="row" class="text">{escape(plain(name))}</th>'
            f'<td>{ms(found.median_ns)}</td><td class="spare">{ms(found.spread_ns)}</td>'
            f"<td>{ms(found.min_ns)}</td><td>{ms(found.max_ns)}</td>"
            f'<td class="spare">{ms(low)} to {ms(high)}</td></tr>\n'
        )
