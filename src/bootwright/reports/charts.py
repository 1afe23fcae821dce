"""Pictures of times in rows on one axis, as HTML with SVG: dots, intervals, bars, shares.

Widths are percents, so that a picture fits any screen while its text keeps its size. What has the
class ``mark`` shows its label as a card (see tips.js). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from bootwright.reports.axis import Axis
from bootwright.reports.text import duration

MINUS = "\N{MINUS SIGN}"
_LAYERS = ("host", "firmware", "kernel", "initramfs", "userspace", "ssh")
_LAYER_OF = (
    ("host", "host"),
    ("VMM", "host"),
    ("firmware and", "kernel"),
    ("firmware", "firmware"),
    ("kernel", "kernel"),
    ("initramfs", "initramfs"),
    ("PID 1", "userspace"),
    ("userspace", "userspace"),
    ("SSH", "ssh"),
)
_DOTS = 300
"""More samples than this are drawn as a histogram."""
_LABELLED = 60
"""More samples than this have no cards of their own, so that a page stays small."""
_BINS = 90
_LEGEND = 8
"""A legend with more entries than this stands below its picture."""


def signed(change_ns: int) -> str:
    """Return a difference with a true minus: ``+8.2 ms``."""
    shown = duration(abs(change_ns))
    if shown == duration(0):
        return shown
    return ("+" if change_ns > 0 else MINUS) + shown


def plain(text: str) -> str:
    """Return a text on one line, without characters that HTML cannot have."""
    kept = "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)
    return " ".join(kept.split())


def side_class(change_ns: int) -> str:
    """Return the class that colours a difference."""
    return "less" if change_ns < 0 else "more" if change_ns > 0 else "quiet"


def colours(names: Iterable[str]) -> dict[str, str]:
    """Return the layer whose colour each phase has; as far as they suffice, each another."""
    found: dict[str, str] = {}
    for name in names:
        own = next((layer for start, layer in _LAYER_OF if name.startswith(start)), "")
        free = [layer for layer in _LAYERS if layer not in found.values()]
        if not own or (own in found.values() and free):
            own = free[0] if free else _LAYERS[len(found) % len(_LAYERS)]
        found[name] = own
    return found


def figure(title: str, chart: str, note: str = "", *, legend: str = "") -> str:
    """Return a picture below its title, above what it takes to read it; *note* is HTML."""
    below = f'<p class="note">{note}</p>' if note else ""
    if legend.count("<li>") > _LEGEND:
        legend, below = "", legend + below
    return (
        f"<figure>\n<figcaption><h2>{escape(plain(title))}</h2></figcaption>\n{legend}"
        f'<div class="chart">\n{chart}\n</div>\n{below}</figure>'
    )


def row(name: str, picture: str, value: str = "", *, height: int, kind: str = "") -> str:
    """Return a row of a chart: a name, what is drawn at it, and its figures, which are HTML."""
    return (
        f'<div class="row {kind}"><div class="name"><span>{escape(plain(name))}</span></div>'
        f'<svg class="strip" width="100%" height="{height}" role="group" '
        f'aria-label="{escape(plain(name))}">{picture}</svg>'
        f'<div class="value">{value}</div></div>'
    )


def scale_row(axis: Axis, *, signed: bool = False, sides: tuple[str, str] | None = None) -> str:
    """Return the row with the axis's times; *sides* are words for left and right of zero."""
    words = ""
    height = 20
    if sides is not None:
        height = 40
        at = axis.at(0)
        # A word needs a fifth of the width of a phone.
        if at > 24:
            words += (
                f'<text class="side less" x="{at - 1:.2f}%" y="13" text-anchor="end">'
                f"\N{BLACK LEFT-POINTING SMALL TRIANGLE} {escape(sides[0])}</text>"
            )
        if at < 76:
            words += (
                f'<text class="side more" x="{at + 1:.2f}%" y="13">'
                f"{escape(sides[1])} \N{BLACK RIGHT-POINTING SMALL TRIANGLE}</text>"
            )
    ticks = "".join(
        f'<text x="{axis.at(time):.2f}%" y="{height - 5}" text-anchor="{_anchor(axis, time)}">'
        f"{label}</text>"
        for time, label in axis.ticks(signed=signed)
    )
    return (
        f'<div class="row scale" aria-hidden="true"><div class="name"></div>'
        f'<svg class="strip" width="100%" height="{height}">{words}{ticks}</svg>'
        '<div class="value"></div></div>'
    )


def _anchor(axis: Axis, time_ns: int) -> str:
    at = axis.at(time_ns)
    return "start" if at < 2 else "end" if at > 98 else "middle"


def ground(axis: Axis, height: int, *, band_ns: int = 0, zero: bool = False) -> str:
    """Return grid lines, the band around zero that is of no interest, and zero itself."""
    parts = []
    if band_ns:
        left, right = axis.at(-band_ns), axis.at(band_ns)
        parts.append(
            f'<rect class="band" x="{left:.2f}%" width="{right - left:.2f}%" height="{height}"/>'
        )
    for time, _ in axis.ticks():
        parts.append(_upright("grid", axis.at(time), 0, height))
    if band_ns:
        parts += [_upright("bound", axis.at(at), 0, height) for at in (-band_ns, band_ns)]
    if zero:
        parts.append(_upright("zero", axis.at(0), 0, height))
    return "".join(parts)


def _upright(kind: str, at: float, top: float, bottom: float) -> str:
    return f'<line class="{kind}" x1="{at:.2f}%" x2="{at:.2f}%" y1="{top}" y2="{bottom}"/>'


def mark(label: str, picture: str) -> str:
    """Return what shows *label* as a card; its first line is the card's title."""
    return f'<g class="mark" role="img" aria-label="{_attribute(label)}">{picture}</g>'


def _attribute(label: str) -> str:
    lines = (escape(plain(line)) for line in label.split("\n"))
    return "&#10;".join(lines)


def dots(
    axis: Axis,
    samples: Sequence[tuple[int, str]],
    *,
    middle: float,
    room: float,
    radius: float,
) -> str:
    """Return samples as dots that do not hide each other; many as a histogram.

    Args:
        samples: Times, and what each one's card says.
        middle: Where the dots stand, in pixels from the top.
        room: How far up and down they may go.
        radius: Of a dot, in pixels.
    """
    places: dict[int, list[tuple[float, str, bool]]] = {}
    for time, label in sorted(samples, key=lambda sample: sample[0]):
        at = axis.at(time)
        places.setdefault(round(at * _BINS / 100), []).append((at, label, axis.holds(time)))
    if len(samples) > _DOTS:
        most = max(map(len, places.values()))
        return "".join(
            f'<rect class="count" x="{(bin_ - 0.45) * 100 / _BINS:.2f}%" '
            f'width="{90 / _BINS:.2f}%" y="{middle + room - 2 * room * len(there) / most:.1f}" '
            f'height="{2 * room * len(there) / most:.1f}"/>'
            for bin_, there in places.items()
        )
    parts = []
    for there in places.values():
        step = min(2 * radius + 1, 2 * room / max(1, len(there) - 1))
        for index, (at, label, inside) in enumerate(there):
            y = middle + step * (index - (len(there) - 1) / 2)
            kind = "dot" if inside else "dot beyond"
            card = ""
            if len(samples) > _LABELLED:
                kind += " many"
            else:
                kind += " mark"
                card = f' role="img" aria-label="{_attribute(label)}"'
            place = f'cx="{at:.2f}%" cy="{y:.1f}" r="{radius}"'
            parts.append(f'<circle class="{kind}"{card} {place}/>')
    return "".join(parts)


def interval(
    axis: Axis, low_ns: int, middle_ns: int, high_ns: int, *, y: float, kind: str = ""
) -> str:
    """Return an interval with its estimate."""
    left, right = axis.at(low_ns), axis.at(high_ns)
    ends = f'x1="{left:.2f}%" x2="{right:.2f}%" y1="{y}" y2="{y}"'
    caps = "".join(_upright(f"cap {kind}", at, y - 6, y + 6) for at in (left, right))
    return (
        f'<line class="interval {kind}" {ends}/>'
        f'{caps}<circle class="estimate {kind}" cx="{axis.at(middle_ns):.2f}%" cy="{y}" r="4"/>'
    )


def bar(axis: Axis, start_ns: int, end_ns: int, *, kind: str, y: int, height: int) -> str:
    """Return a bar between two times; the shortest is still seen."""
    left, right = sorted((axis.at(start_ns), axis.at(end_ns)))
    return (
        f'<rect class="bar {kind}" x="{left:.2f}%" width="{max(right - left, 0.3):.2f}%" '
        f'y="{y}" height="{height}"/>'
    )


def shares(
    axis: Axis, phases: Mapping[str, int], colour: Mapping[str, str], *, height: int = 30
) -> str:
    """Return phases as one bar from zero on, each next to the one before it."""
    parts = []
    at_ns = 0
    total_ns = sum(phases.values())
    for name, length_ns in phases.items():
        left, right = axis.at(at_ns), axis.at(at_ns + length_ns)
        at_ns += length_ns
        words = ""
        # 3.3 px are a percent of a phone's width.
        if (right - left) * 3.3 > len(name) * 7 + 12:
            words = (
                f'<text class="on-fill" x="6" y="{height / 2 + 4:.0f}">{escape(plain(name))}</text>'
            )
        share = 100 * length_ns / total_ns if total_ns else 0.0
        parts.append(
            mark(
                f"{name}\n{duration(length_ns)}, {share:.1f} %",
                f'<svg x="{left:.2f}%" width="{right - left:.3f}%" height="{height}">'
                f'<rect class="fill {colour[name]}" width="100%" height="100%"/>{words}</svg>',
            )
        )
    return "".join(parts)


def legend(
    colour: Mapping[str, str], lengths_ns: Mapping[str, Sequence[int | None]] | None = None
) -> str:
    """Return what the colours mean, with lengths and, of one, its share of all."""
    return (
        '<ul class="legend">'
        + "".join(
            f'<li><svg class="swatch" aria-hidden="true"><rect class="fill {layer}" width="12" '
            f'height="12"/></svg><span>{escape(plain(name))}'
            f"{''.join(_lengths((lengths_ns or {}).get(name, ())))}</span></li>"
            for name, layer in colour.items()
        )
        + "</ul>\n"
    )


def _lengths(lengths_ns: Sequence[int | None]) -> Iterator[str]:
    if lengths_ns:
        shown = " → ".join("none" if ns is None else duration(ns) for ns in lengths_ns)
        yield f" <b>{shown}</b>"


def table(title: str, note: str, heads: Iterable[tuple[str, str]], rows: Iterable[str]) -> str:
    """Return a table below its title.

    Args:
        note: What it takes to read it, as HTML.
        heads: Of each column what is written in it, as HTML, and its class: ``text`` stands left,
            ``spare`` is left out on a phone.
        rows: As HTML.
    """
    head = "".join(f'<th scope="col" class="{kind}">{text}</th>' for text, kind in heads)
    return (
        f'<div class="cells" tabindex="0" role="region" aria-label="{escape(title)}">\n<table>\n'
        f"<caption><h2>{escape(title)}</h2>{note}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{''.join(rows)}</tbody>\n</table></div>"
    )
