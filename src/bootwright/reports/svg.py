"""A boot as a static picture: standalone SVG 1.1 for READMEs and papers, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from bootwright.reports.lanes import BOX, FONT, Box, Lane, Scale, cut, lanes, text_width
from bootwright.reports.text import duration
from bootwright.timelines.span import ROOT, Interval, Span, Timeline, gaps, merged

WIDTH = 1200
_LEFT, _RIGHT = 84, 18
"""What is left free for the lanes' names, and so that the last tick's text has room."""
_LANE_GAP = 12
_HEAD = 64
"""Where the first lane begins: below the title and the axis."""
SHARE = 0.003
"""A span that is shorter than this part of the whole is not drawn."""
_SHARE_BESIDE = 0.008
"""One that is shorter than this part has no text beside its box."""
_LEAST_GAP = 0.5
"""Less than this many pixels of nothing would not be seen."""
_TICKS_WIDTH = 800
"""Below this width there are fewer times at the axis."""
_LEGEND_WIDTH = 700
_CLOCKS = {"virtual": "virtual", "guest": "guest's own"}
_TITLE_FONT, _SMALL_FONT = 15, 10

# The layers' colours differ in lightness too little to be told apart on grey paper; there the
# lanes' names tell them. Fills carry dark text in light and light text in dark.
_LIGHT = {
    "host": ("#dfe2e6", "#69727d"),
    "firmware": ("#e3d6ee", "#7c51a1"),
    "kernel": ("#cbdff5", "#1f66ad"),
    "initramfs": ("#c5e8e3", "#0d7c70"),
    "userspace": ("#fbe0b8", "#a8660a"),
    "ssh": ("#d2e9c5", "#48822a"),
}
_DARK = {
    "host": ("#3a414a", "#98a3b0"),
    "firmware": ("#473457", "#b68ad8"),
    "kernel": ("#1d4168", "#6cabea"),
    "initramfs": ("#12494a", "#45bdb0"),
    "userspace": ("#5a3f12", "#dda03d"),
    "ssh": ("#2f4d20", "#86bf67"),
}


def svg(
    timeline: Timeline,
    *,
    title: str,
    whole_ns: int | None = None,
    share: float = SHARE,
    prefix: str = "boot",
    width: int = WIDTH,
) -> str:
    """Return the picture.

    Args:
        title: What was booted; stands above the picture.
        whole_ns: How much time the width stands for; by default the boot's own length. Pictures
            with the same can be compared.
        share: Spans that are shorter than this part of that time are not drawn.
        prefix: Of the ids inside, so that several pictures can stand in one page.
        width: In pixels; a narrow one has no legend.
    """
    whole = max(1, timeline.total_ns if whole_ns is None else whole_ns)
    scale = Scale(left=_LEFT, width=width - _LEFT - _RIGHT, whole_ns=whole)
    least_ns = round(whole * share)
    drawn = lanes(
        timeline,
        scale,
        top=_HEAD,
        gap=_LANE_GAP,
        least_ns=least_ns,
        least_beside_ns=round(whole * max(share, _SHARE_BESIDE)),
        words=_words,
    )
    bottom = max([_HEAD, *(lane.y + lane.height for lane in drawn)])
    height = round(bottom + 58)
    explained = merged((s.start_ns, s.end_ns) for s in timeline.spans if s.kind != "frame")
    count = len(timeline.spans) - 1 - sum(len(lane.boxes) for lane in drawn)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" class="bw">',
        f"<title>{_clean(title)}</title>",
        f"<desc>A boot of {duration(timeline.total_ns)}, layer by layer.</desc>",
        f'<style type="text/css"><![CDATA[{_style(prefix)}]]></style>',
        *_patterns(prefix),
        f'<rect class="paper" width="{width}" height="{height}"/>',
        *_heading(timeline, title, width),
        *_axis(scale, bottom),
    ]
    for lane in drawn:
        lines += _lane(lane, scale, explained)
    lines += [*_legend(bottom + 26, count, least_ns, width), "</svg>", ""]
    return "\n".join(lines)


def _style(prefix: str) -> str:
    dark = "\n".join(
        (
            ".bw .paper, .bw .hole { fill: #0d1117 }",
            ".bw text { fill: #e6edf3 } .bw .quiet { fill: #9ba6b2 } .bw .figure { fill: #b3bcc6 }",
            ".bw .grid { stroke: #262d36 } .bw .path { fill: #ff7b72 }",
            *_colours(_DARK),
        )
    )
    return "\n".join(
        (
            "",
            f".bw text {{ font: {FONT}px sans-serif; fill: #1b2026 }}",
            f".bw .title {{ font-size: {_TITLE_FONT}px; font-weight: bold }}",
            f".bw .quiet {{ font-size: {_SMALL_FONT}px; fill: #57606a }}",
            f".bw .lane {{ font-size: {FONT}px; font-weight: bold }}",
            ".bw .figure { fill: #4b545e }",
            ".bw .end { text-anchor: end } .bw .middle { text-anchor: middle }",
            ".bw .paper, .bw .hole { fill: #ffffff }",
            ".bw .grid { stroke: #e4e8ec; stroke-width: 1 }",
            ".bw .box, .bw .edge { stroke-width: 0.8 } .bw .edge { fill: none }",
            ".bw .frame .edge { stroke-dasharray: 3 2 }",
            f".bw .wait .stripes {{ fill: url(#{prefix}-stripes) }}",
            ".bw .stripe { stroke: #888888; stroke-width: 1 }",
            ".bw .path { fill: #d1242f }",
            *_colours(_LIGHT),
            "@media screen and (prefers-color-scheme: dark) {",
            dark,
            "}",
            "",
        )
    )


def _colours(table: dict[str, tuple[str, str]]) -> Iterator[str]:
    for layer, (fill, line) in table.items():
        yield (
            f".bw .{layer} .box {{ fill: {fill}; stroke: {line} }} "
            f".bw .{layer} .edge {{ stroke: {line} }}"
        )


def _patterns(prefix: str) -> Iterator[str]:
    yield (
        f'<defs><pattern id="{prefix}-stripes" width="5" height="5" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line class="stripe" x1="0" y1="0" x2="0" y2="5"/></pattern></defs>'
    )


def _heading(timeline: Timeline, title: str, width: int) -> Iterator[str]:
    total, open_ns = timeline.total_ns, timeline.unaccounted_ns()[ROOT]
    share = 100 * open_ns / total if total else 0.0
    sums = f"{duration(total)}, of which {duration(open_ns)} unaccounted ({share:.1f} %)"
    if timeline.clock != "wall":
        sums += f", on the {_CLOCKS[timeline.clock]} clock"
    if width < _LEGEND_WIDTH:
        sums = duration(total)
    room = width - 2 * _RIGHT - text_width(sums) - 20
    # Bold is wider.
    shown = cut(_plain(title), room / 1.12, _TITLE_FONT)
    yield f'<text class="title" x="{_RIGHT}" y="25">{escape(shown)}</text>'
    yield f'<text class="end" x="{width - _RIGHT}" y="25">{escape(sums)}</text>'


def _axis(scale: Scale, bottom: float) -> Iterator[str]:
    step = tick_ns(round(scale.whole_ns * max(1, _TICKS_WIDTH / scale.width)))
    unit, size, digits = _unit(step)
    for at in range(0, scale.whole_ns + 1, step):
        x = scale.x(at)
        text = f"{at / size:.{digits}f} {unit}" if at else "0"
        anchor = "middle"
        if x + text_width(text, _SMALL_FONT) / 2 > scale.right + _RIGHT:
            anchor = "end"
        ends = f'x1="{x:.2f}" y1="{_HEAD - 12}" x2="{x:.2f}" y2="{bottom + 4:.2f}"'
        yield f'<line class="grid" {ends}/>'
        yield f'<text class="quiet {anchor}" x="{x:.2f}" y="{_HEAD - 17}">{text}</text>'


def tick_ns(whole_ns: int) -> int:
    """Return the distance of an axis's marks: 1, 2 or 5 of a decade, so that they are few."""
    decade = 1
    while decade * 10 * 12 < whole_ns:
        decade *= 10
    return next(m * decade for m in (1, 2, 5, 10) if m * decade * 12 >= whole_ns or m == 10)


def _unit(step_ns: int) -> tuple[str, int, int]:
    """Return unit, its nanoseconds, and how many decimals show a step."""
    if step_ns >= 100_000_000:
        return "s", 1_000_000_000, 0 if step_ns >= 1_000_000_000 else 1
    if step_ns >= 1_000_000:
        return "ms", 1_000_000, 0
    return ("µs", 1000, 0) if step_ns >= 1000 else ("ns", 1, 0)


def _lane(lane: Lane, scale: Scale, explained: list[Interval]) -> Iterator[str]:
    yield f'<g class="layer {lane.layer}">'
    yield (f'<text class="lane" x="{_RIGHT}" y="{lane.y + 10.8:.2f}">{escape(lane.layer)}</text>')
    for box in lane.boxes:
        yield from _box(box, scale, explained)
    yield "</g>"


def _box(box: Box, scale: Scale, explained: list[Interval]) -> Iterator[str]:
    span = box.span
    open_ns = gaps(explained, span.start_ns, span.end_ns) if span.kind == "frame" else []
    critical = " critical" if span.critical else ""
    yield f'<g class="span {span.layer} {span.kind}{critical}">'
    yield f"<title>{_clean(_hover(span, sum(end - start for start, end in open_ns)))}</title>"
    y = f"{box.y:.2f}"
    yield f'<rect class="box" x="{box.x:.2f}" y="{y}" width="{box.width:.2f}" height="{BOX}"/>'
    for start, end in open_ns:
        if scale.length(end - start) >= _LEAST_GAP:
            yield (
                f'<rect class="hole" x="{scale.x(start):.2f}" y="{y}" '
                f'width="{scale.length(end - start):.2f}" height="{BOX}"/>'
            )
    if span.kind == "wait":
        yield (
            f'<rect class="stripes" x="{box.x:.2f}" y="{y}" width="{box.width:.2f}" '
            f'height="{BOX}" opacity="0.55"/>'
        )
    yield f'<rect class="edge" x="{box.x:.2f}" y="{y}" width="{box.width:.2f}" height="{BOX}"/>'
    if span.critical:
        yield (
            f'<rect class="path" x="{box.x:.2f}" y="{box.y + BOX - 2:.2f}" '
            f'width="{box.width:.2f}" height="2"/>'
        )
    if box.label is not None:
        side = " end" if box.label.side == "left" else ""
        figure = f' <tspan class="figure">{box.label.figure}</tspan>' if box.label.figure else ""
        yield (
            f'<text class="label{side}" x="{box.label.x:.2f}" y="{box.y + 10.8:.2f}">'
            f"{escape(box.label.text)}{figure}</text>"
        )
    yield "</g>"


def _words(span: Span) -> tuple[str, str]:
    name = _plain(span.name)
    return (name if len(name) <= 60 else name[:59] + "…", duration(span.duration_ns))


def _hover(span: Span, open_ns: int) -> str:
    lines = [
        f"{span.name}: {duration(span.duration_ns)}, from {duration(span.start_ns)} on",
        span.id,
        span.source,
    ]
    if span.critical:
        lines.append("on the critical path")
    elif span.slack_ns is not None:
        lines.append(f"slack {duration(span.slack_ns)}")
    if open_ns:
        lines.append(f"unaccounted {duration(open_ns)}")
    return "\n".join(lines)


def _legend(y: float, undrawn: int, least_ns: int, width: int) -> Iterator[str]:
    if width < _LEGEND_WIDTH:
        if undrawn > 0:
            said = f"{undrawn} spans shorter than {duration(least_ns)} are not drawn"
            yield f'<text class="quiet" x="{_RIGHT}" y="{y:.2f}">{said}</text>'
        return
    x = float(_LEFT)
    yield '<g class="legend kernel">'
    for kind, text in (
        ("work", "work"),
        ("wait", "wait"),
        ("frame", "frame: known by its ends; empty where unaccounted"),
        ("path", "on the critical path"),
    ):
        yield f'<g class="{kind if kind != "path" else "work critical"}">'
        rect = f'x="{x:.2f}" y="{y - 10:.2f}" width="24" height="13"'
        yield f'<rect class="box" {rect}/>'
        if kind == "frame":
            yield f'<rect class="hole" x="{x + 9:.2f}" y="{y - 10:.2f}" width="15" height="13"/>'
        if kind == "wait":
            yield f'<rect class="stripes" {rect} opacity="0.55"/>'
        yield f'<rect class="edge" {rect}/></g>'
        if kind == "path":
            yield f'<rect class="path" x="{x:.2f}" y="{y + 0.5:.2f}" width="24" height="2.5"/>'
        yield f'<text class="quiet" x="{x + 30:.2f}" y="{y:.2f}">{text}</text>'
        x += 30 + text_width(text, _SMALL_FONT) + 22
    yield "</g>"
    if undrawn > 0:
        which = "1 span is" if undrawn == 1 else f"{undrawn} spans are"
        yield (
            f'<text class="quiet" x="{_LEFT}" y="{y + 18:.2f}">{which} not drawn: '
            f"shorter than {duration(least_ns)}, or inside such a span</text>"
        )


def _plain(text: str) -> str:
    """Return a text on one line, with only characters that XML 1.0 has."""
    return " ".join("".join(c if _is_xml(c) else "\ufffd" for c in text).split())


def _clean(text: str) -> str:
    """Return several lines as XML."""
    return escape("\n".join(_plain(line) for line in text.split("\n")))


def _is_xml(char: str) -> bool:
    """Source: XML 1.0, production 2 (Char)."""
    code = ord(char)
    return (
        code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code > 0xFFFF
    )
