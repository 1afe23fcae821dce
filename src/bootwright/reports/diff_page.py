"""Two boots beside each other, as one page: where they differ, both as pictures, and a table.

What differs is drawn first. Without the page's script the largest change stands first in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import get_args

from bootwright.reports import charts
from bootwright.reports.axis import Axis
from bootwright.reports.charts import plain, signed
from bootwright.reports.diff import caution, counts, word
from bootwright.reports.document import document
from bootwright.reports.svg import svg
from bootwright.reports.text import duration
from bootwright.timelines.diff import LEAST_NS, Diff, SpanChange, SpanSide
from bootwright.timelines.span import Layer, Timeline

_WIDTHS = ((1200, 0.005), (740, 0.01), (360, 0.02))
"""Of pictures for a desk, a small window and a phone, and what share of a boot is drawn in each:
coarser than a picture that stands alone, so that two of them fit on a screen."""
_WHOLE = "in all"
_BARS = 12
"""Changes with a bar of their own; the others are one."""
_ROWS = 200
"""The table ends here; what follows changed by next to nothing."""

_NONE = "\N{EN DASH}"


def page(
    diff: Diff,
    a: Timeline,
    b: Timeline,
    *,
    names: tuple[str, str] = ("A", "B"),
    report: str = "",
    facts: Mapping[str, str] = {},
    headline: tuple[str, str] | None = None,
    lead: str = "",
    warnings: Sequence[str] = (),
) -> str:
    """Return the page.

    Args:
        diff: Of *a* and *b*.
        names: What the two boots are called.
        report: What was measured of the two, in many boots: it gives the figures. Without it they
            are those of these two boots.
        facts: What was booted, when and where, by what it is called.
        headline: With *report*: the figure that answers the question, and what explains it.
        lead: With *report*: HTML of the pictures that answer the question, in place of where these
            two boots differ, which would be another number for one question.
        warnings: What spoils the figures of *report*.
    """
    title = f"{plain(names[0])} → {plain(names[1])}"
    own = (f"{signed(diff.change_ns)}", f"{duration(diff.before_ns)} → {duration(diff.after_ns)}")
    own_warnings = diff.warnings if report else (*diff.warnings, *caution(diff))
    content = "\n".join(
        (
            "<main>",
            lead,
            "" if lead else _changes(diff, names, f"{counts(diff).capitalize()}."),
            _pictures(
                a,
                b,
                names,
                f"One instrumented boot of each. {counts(diff).capitalize()}." if report else "",
            ),
            _table(diff, names),
            report_card(report) if report else "",
            "</main>",
        )
    )
    return document(
        content,
        heading=title,
        headline=headline or own,
        facts={**facts, "clock": _CLOCKS[diff.clock]},
        warnings=tuple(plain(warning) for warning in (*warnings, *own_warnings)),
        title=f"{title}: two boots",
        styles=("charts", "picture"),
        scripts=("theme_switch", "tips", "sort"),
    )


def report_card(report: str) -> str:
    """Return a report as it is printed, as HTML."""
    return f'<section class="card"><h2>Report</h2><pre>{escape(report)}</pre></section>'


_CLOCKS = {
    "wall": "wall, the host's monotonic",
    "virtual": "virtual, 1 ns per instruction on any host",
    "guest": "the guest's, from its logs",
}


def _changes(diff: Diff, names: tuple[str, str], about: str) -> str:
    """Return the picture of where two boots differ: by layer, then the largest single changes."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for change in diff.changes:
        if change.before.own_ns or change.after.own_ns:
            before[change.layer] = before.get(change.layer, 0) + change.before.own_ns
            after[change.layer] = after.get(change.layer, 0) + change.after.own_ns
    colour = {layer: layer for layer in get_args(Layer) if layer in before}
    axis = Axis.over((0, diff.before_ns, diff.after_ns), pad=0)
    rows = [charts.scale_row(axis)]
    for name, side in zip(names, (before, after), strict=True):
        lengths = {layer: side[layer] for layer in colour}
        total = f"<strong>{duration(sum(side.values()))}</strong>"
        rows.append(charts.row(name, charts.shares(axis, lengths, colour), total, height=32))
    legend = charts.legend(colour, {name: (before[name], after[name]) for name in colour})
    moved = [change for change in diff.changes if abs(change.own_ns) >= LEAST_NS]
    moved.sort(key=lambda change: -abs(change.own_ns))
    shown = [(change.name, change.own_ns, word(change)) for change in moved[:_BARS]]
    rest = diff.change_ns - sum(own_ns for _, own_ns, _ in shown)
    if rest:
        shown.append(("all others", rest, "in total"))
    note = (
        f"Bars: by how much each span's own part of the boot changed, each moment counted once; "
        f"all add up to {signed(diff.change_ns)}. {escape(about)}"
    )
    return charts.figure(
        "Where they differ",
        "\n".join((*rows, *change_bars(shown, diff.change_ns))),
        note,
        legend=legend,
    )


def change_bars(
    changes: Sequence[tuple[str, int, str]], total_ns: int | None = None
) -> Iterator[str]:
    """Yield rows of bars from zero: a name, by how much it changed, and a word about it.

    Args:
        changes: The largest first; without any there is no row.
        total_ns: Their sum, for a row above them; None: no such row.
    """
    if not changes:
        return
    whole = () if total_ns is None else (("the boot", total_ns, _WHOLE),)
    axis = Axis.over((0, *(change_ns for _, change_ns, _ in (*whole, *changes))))
    yield charts.scale_row(axis, signed=True, sides=("shorter", "longer"))
    for name, change_ns, said in (*whole, *changes):
        height = 34 if said == _WHOLE else 26
        picture = charts.ground(axis, height, zero=True) + charts.mark(
            f"{name}\n{signed(change_ns)}\n{said}",
            f'<rect class="hover" width="100%" height="{height}"/>'
            + charts.bar(
                axis,
                0,
                change_ns,
                kind=charts.side_class(change_ns),
                y=5,
                height=height - 10,
            ),
        )
        value = (
            f'<strong class="{charts.side_class(change_ns)}">{signed(change_ns)}</strong>'
            f"<small>{escape(said)}</small>"
        )
        kind = "whole" if said == _WHOLE else "flat"
        yield charts.row(name, picture, value, height=height, kind=kind)


def _pictures(a: Timeline, b: Timeline, names: tuple[str, str], note: str) -> str:
    """Return both boots on one scale, drawn for three widths of which a page shows one."""
    whole_ns = max(a.total_ns, b.total_ns)
    shown = "\n".join(
        f'<div class="wide-{width}">'
        + "\n".join(
            _inline(
                svg(
                    boot,
                    title=name,
                    whole_ns=whole_ns,
                    share=share,
                    prefix=f"{prefix}-{width}",
                    width=width,
                ),
                f"{prefix}-{width}",
            )
            for boot, name, prefix in ((a, names[0], "first"), (b, names[1], "second"))
        )
        + "</div>"
        for width, share in _WIDTHS
    )
    return (
        '<figure class="pictures"><figcaption><h2>Both on one scale</h2></figcaption>'
        f'{shown}<p class="note">{escape(note)}</p></figure>'
    )


def _inline(picture: str, prefix: str) -> str:
    """Return an SVG file as it stands inside HTML: with the page's style in place of its own."""
    head, _, rest = picture.partition("?>\n")
    assert head.startswith("<?xml")
    before, _, rest = rest.partition("<style")
    rest = rest.partition("</style>")[2]
    rest = rest.replace('class="stripes"', f'class="stripes" fill="url(#{prefix}-stripes)"')
    return (before + rest).replace("<svg ", '<svg role="img" ', 1).rstrip()


def _table(diff: Diff, names: tuple[str, str]) -> str:
    changed = [change for change in diff.changes[1:] if _counts(change)]
    first, second = (escape(plain(name)) for name in names)
    left_out = len(changed) - _ROWS
    more = f" The {left_out} smallest changes are left out." if left_out > 0 else ""
    return charts.table(
        "What changed",
        "A span's own part is the time of the boot that belongs to it alone: each moment counts "
        "for the innermost span, preferably one on the critical path (*). Own changes sum to the "
        f"boot's change; lengths do not, since spans run in parallel.{more}",
        (
            ('<button type="button">Span</button>', "text"),
            ('<button type="button">What</button>', "text"),
            ('<button type="button" data-sorted>Own change</button>', ""),
            ('<button type="button">With children</button>', "spare"),
            (f'<button type="button">Length in {first}</button>', "spare"),
            (f'<button type="button">Length in {second}</button>', "spare"),
            ('<button type="button">Length change</button>', ""),
        ),
        (_row(change) for change in changed[:_ROWS]),
    )


def _counts(change: SpanChange) -> bool:
    """Return whether anything about a span differs by as much as is called a change."""
    return max(map(abs, (change.own_ns, change.part_ns, change.length_ns))) >= LEAST_NS


def _row(change: SpanChange) -> str:
    path = ' <span class="path" title="on the critical path">*</span>' if change.critical else ""
    title = escape(plain(change.id))
    name = f'{escape(plain(change.name))}{path} <span class="quiet">{change.layer}</span>'
    cells = "".join(
        (
            _figure(change.own_ns),
            _figure(change.part_ns, "spare"),
            _length(change.before),
            _length(change.after),
            _figure(change.length_ns),
        )
    )
    return (
        f'<tr><td class="text" title="{title}">{name}</td>'
        f'<td class="text">{word(change)}</td>{cells}</tr>\n'
    )


def _figure(change_ns: int, css: str = "") -> str:
    side = charts.side_class(change_ns)
    shown = signed(change_ns) if change_ns else _NONE
    return f'<td class="{side} {css}" data-value="{abs(change_ns)}">{shown}</td>'


def _length(side: SpanSide) -> str:
    shown = duration(side.length_ns) if side.length_ns else _NONE
    return f'<td class="spare" data-value="{side.length_ns}">{shown}</td>'
