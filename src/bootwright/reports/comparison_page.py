"""A comparison as a page: whether B is faster, by how much and how sure, as a picture first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from bootwright.experiments.results import WHOLE, CompareResult, PhaseComparison
from bootwright.reports import charts
from bootwright.reports.axis import Axis, without_outliers
from bootwright.reports.charts import MINUS, plain, signed
from bootwright.reports.comparison import WORDS, p_text, phase_verdict, verdict
from bootwright.reports.document import document
from bootwright.reports.measurement import ms, what
from bootwright.reports.run_facts import clock_fact, failures, host_fact, kernel_fact, moment
from bootwright.reports.text import duration

_SIDES = {"faster": "less", "slower": "more"}
_CROSSES = 20
"""Failed boots of one side that are drawn."""


def page(result: CompareResult, *, kernels: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        kernels: Releases of kernels, by their digest.
    """
    sides = [what(side.title, side.changes) for side in result.sides.values()]
    heading = " → ".join(map(plain, sides))
    return document(
        f"<main>\n{figures(result)}\n{_table(result)}\n{failures(result)}</main>",
        heading=heading,
        headline=headline(result),
        facts=facts(result, kernels),
        warnings=result.warnings,
        title=f"{heading}: comparison",
    )


def headline(result: CompareResult) -> tuple[str, str]:
    """Return the answer: by how much B is faster or slower, where it is, and how sure that is."""
    if result.whole is None:
        return "no verdict", result.why_none
    if result.verdict in _SIDES:
        return signed(result.whole.effect_ns), verdict(result)
    return WORDS[result.whole.verdict], verdict(result)


def facts(result: CompareResult, kernels: Mapping[str, str]) -> dict[str, str]:
    """Return what was booted, when and where; *kernels*: their releases, by digest."""
    names = (kernel_fact(side.recipe.kernel, kernels) for side in result.sides.values())
    kernel = " → ".join(dict.fromkeys(names))
    sides: dict[str, str] = {
        name: plain(what(side.title, side.changes)) for name, side in result.sides.items()
    }
    failed = f", {len(result.failed)} failed" if result.failed else ""
    return {
        **sides,
        "kernel": kernel,
        "date": moment(result.began_s),
        "host": host_fact(result),
        "clock": clock_fact(result),
        "n": f"{result.pairs} pairs of boots{failed}",
        "measured": f"from when {result.begins} until {result.ends}",
        "measurement": f"{result.id}, bootwright {result.bootwright}",
    }


def figures(result: CompareResult, *, of: str = "") -> str:
    """Return the pictures: the differences, the single boots, the phases of both.

    Args:
        of: What is compared, where a page has several comparisons.
    """
    prefix = f"{of}: " if of else ""
    shown = [_boots(result, prefix)]
    if result.phases:
        shown = [_differences(result, prefix), *shown, _phases(result, prefix)]
    return "\n".join(shown)


def _differences(result: CompareResult, prefix: str) -> str:
    names = [WHOLE, *(name for name in result.phases if name != WHOLE)]
    pairs = {name: _pairs(result, name) for name in names}
    axis = _axis(result, [[d for d, _ in phase] for phase in pairs.values()])
    rows = [charts.scale_row(axis, signed=True, sides=("B faster", "B slower"))]
    rows += [_difference(result, name, axis, pairs[name]) for name in names]
    confidence = result.phases[WHOLE].confidence * 100
    beyond = sum(not axis.holds(d) for phase in pairs.values() for d, _ in phase)
    note = (
        f"Bar: {confidence:.0f} % interval of B {MINUS} A, its estimate in the middle. "
        f"Dots: the {result.pairs} pairs of boots. Shaded: differences up to "
        f"{duration(result.smallest_ns)}, the smallest effect of interest."
    )
    if beyond:
        note += f" Rings at the edge: {beyond} beyond the axis."
    return charts.figure(f"{prefix}B against A", "\n".join(rows), note)


def _axis(result: CompareResult, differences: list[list[int]]) -> Axis:
    """Return the axis of differences: intervals and bounds, and dots that are not far beyond."""
    needed = [0, -result.smallest_ns, result.smallest_ns]
    for found in result.phases.values():
        needed += [*found.ci_ns, found.effect_ns]
    low, high = min(needed), max(needed)
    reach = high - low
    for phase in differences:
        needed += [d for d in phase if low - reach <= d <= high + reach]
        needed += without_outliers(phase)
    return Axis.over(needed)


def _pairs(result: CompareResult, phase: str) -> list[tuple[int, str]]:
    a = {sample.boot: sample.phases for sample in result.sides["A"].samples}
    b = {sample.boot: sample.phases for sample in result.sides["B"].samples}
    return [
        (
            b[boot][phase] - a[boot][phase],
            f"{phase}, pair {boot}\nB {MINUS} A: {signed(b[boot][phase] - a[boot][phase])}"
            f"\nA {duration(a[boot][phase])}, B {duration(b[boot][phase])}",
        )
        for boot in a
        if boot in b and phase in a[boot] and phase in b[boot]
    ]


def _difference(result: CompareResult, name: str, axis: Axis, pairs: list[tuple[int, str]]) -> str:
    found = result.phases[name]
    is_whole = name == WHOLE
    height, middle, room, y, radius = (84, 30, 22, 66, 3.5) if is_whole else (50, 17, 11, 38, 2.5)
    low, high = found.ci_ns
    kind = _SIDES.get(found.verdict, "")
    label = (
        f"{name}: {phase_verdict(found)}\nB {MINUS} A: "
        f"{signed(found.effect_ns)}\n{found.confidence * 100:.0f} % interval: {signed(low)} to "
        f"{signed(high)}\np {p_text(found.p)}\nmedians: A {duration(found.a_median_ns)}, "
        f"B {duration(found.b_median_ns)}"
    )
    picture = (
        charts.ground(axis, height, band_ns=result.smallest_ns, zero=True)
        + charts.mark(
            label,
            f'<rect class="hover" width="100%" height="{height}"/>'
            + charts.interval(axis, low, found.effect_ns, high, y=y, kind=kind),
        )
        + charts.dots(axis, pairs, middle=middle, room=room, radius=radius)
    )
    value = (
        f'<strong class="{kind or "muted"}">{signed(found.effect_ns)}</strong>'
        f"<small>{phase_verdict(found)}</small>"
    )
    shown = "whole boot" if is_whole else name
    return charts.row(shown, picture, value, height=height, kind="whole" if is_whole else "")


def _boots(result: CompareResult, prefix: str) -> str:
    samples = {
        name: [(sample.phases[WHOLE], sample.boot) for sample in side.samples]
        for name, side in result.sides.items()
    }
    lengths = [length for side in samples.values() for length, _ in side]
    failed = {name: sum(f.side == name for f in result.failed) for name in samples}
    shown = [length for side in samples.values() for length in without_outliers(s for s, _ in side)]
    axis = Axis.over(shown, least_ns=max(1000, max(shown, default=0) // 50))
    rows = [charts.scale_row(axis)] if lengths else []
    for name, side in samples.items():
        title = what(result.sides[name].title, result.sides[name].changes)
        labels = [(length, f"{name}, boot {boot}\n{duration(length)}") for length, boot in side]
        picture = charts.ground(axis, 52) if lengths else ""
        value = f"<strong>0</strong><small>boots succeeded, {failed[name]} failed</small>"
        if not side:
            crosses = "\N{MULTIPLICATION X} " * min(failed[name], _CROSSES)
            picture += f'<text class="more" x="3%" y="30">{crosses}</text>'
        else:
            middle = sorted(length for length, _ in side)[len(side) // 2]
            found = result.whole
            if found is not None:
                middle = found.a_median_ns if name == "A" else found.b_median_ns
            at = axis.at(middle)
            picture += charts.dots(axis, labels, middle=26, room=20, radius=3.5)
            picture += f'<line class="cap" x1="{at:.2f}%" x2="{at:.2f}%" y1="4" y2="48"/>'
            lost = f", {failed[name]} failed" if failed[name] else ""
            value = f"<strong>{duration(middle)}</strong><small>median of {len(side)}{lost}</small>"
        rows.append(charts.row(f"{name}: {title}", picture, value, height=52))
    note = "Crosses: boots that failed."
    if lengths:
        note = "Dots: single boots, the whole of each. Upright line: their median."
        if beyond := sum(not axis.holds(length) for length in lengths):
            note += f" Rings at the edge: {beyond} beyond the axis."
    if lengths and axis.low_ns > 0:
        note += " The axis does not begin at zero."
    return charts.figure(f"{prefix}Single boots", "\n".join(rows), note)


def _phases(result: CompareResult, prefix: str) -> str:
    medians: dict[str, dict[str, int]] = {"A": {}, "B": {}}
    for name, found in result.phases.items():
        if name != WHOLE:
            medians["A"][name] = found.a_median_ns
            medians["B"][name] = found.b_median_ns
    colour = charts.colours(medians["A"])
    axis = Axis.over((0, *(sum(side.values()) for side in medians.values())), pad=0)
    rows = [
        charts.row(
            name, charts.shares(axis, phases, colour), duration(sum(phases.values())), height=32
        )
        for name, phases in medians.items()
    ]
    lengths = {name: (medians["A"][name], medians["B"][name]) for name in colour}
    return charts.figure(
        f"{prefix}Phases, medians",
        "\n".join(rows),
        legend=charts.legend(colour, lengths),
    )


def _table(result: CompareResult) -> str:
    if not result.phases:
        return ""
    return charts.table(
        "All figures",
        f"Milliseconds. A and B: medians; B {MINUS} A: by pairs; p: signed-rank test, adjusted "
        "over phases (Holm).",
        (
            ("phase", "text"),
            ("A", ""),
            ("B", ""),
            (f"B {MINUS} A", ""),
            ("interval", "spare"),
            ("p", "spare"),
            ("verdict", "text"),
        ),
        _rows(result.phases),
    )


def _rows(phases: Mapping[str, PhaseComparison]) -> Iterator[str]:
    for name, found in phases.items():
        low, high = (ms(bound, "+").replace("-", MINUS) for bound in found.ci_ns)
        kind = ' class="whole"' if name == WHOLE else ""
        yield (
            f'<tr{kind}><th scope="row" class="text">{escape(plain(name))}</th>'
            f"<td>{ms(found.a_median_ns)}</td><td>{ms(found.b_median_ns)}</td>"
            f'<td class="{_SIDES.get(found.verdict, "quiet")}">'
            f"{ms(found.effect_ns, '+').replace('-', MINUS)}</td>"
            f'<td class="spare">{low} to {high}</td>'
            f'<td class="spare">{escape(p_text(found.p))}</td>'
            f'<td class="text">{phase_verdict(found)}</td></tr>\n'
        )
