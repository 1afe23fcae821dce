"""A timeline as one HTML file that needs nothing else: a picture to explore, and a table of it.

`document` is its frame; its other parts are in the folder ``page``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import get_args

from bootwright.reports.charts import plain
from bootwright.reports.document import document, part
from bootwright.reports.text import duration
from bootwright.timelines.span import ROOT, Kind, Layer, Silence, Timeline, gaps, merged

_SCRIPTS = (
    "data", "layout", "theme", "text", "draw", "view", "input", "card", "search", "table", "flame",
    "paper", "main",
)  # fmt: skip
"""In this order they are one script; each knows what stands before it."""
_LAYERS: tuple[str, ...] = get_args(Layer)
_KINDS: tuple[str, ...] = get_args(Kind)
_CLOCKS = {
    "wall": "wall, the host's monotonic",
    "virtual": "virtual, 1 ns per instruction",
    "guest": "the guest's, from its logs",
}


def page(
    timeline: Timeline,
    *,
    title: str,
    facts: Mapping[str, str] = {},
    flame: Sequence[tuple[tuple[str, ...], int]] = (),
) -> str:
    """Return the page.

    Args:
        timeline: Of one boot; one without spans gives a page that says so.
        title: Its heading, as plain text.
        facts: What else is known of the boot, such as its kernel and its machine, by what it is
            called; shown in this order, before the facts that the timeline itself has.
        flame: Where the vCPU was seen, the outermost frame first, and for how many nanoseconds.
    """
    big = duration(timeline.total_ns) if timeline.spans else "no spans"
    return document(
        Template(part("page.html")).substitute(
            data=_data(timeline, flame), silences=_silences(timeline)
        ),
        heading=title,
        headline=(big, _unexplained(timeline)),
        facts={**facts, **_own_facts(timeline)},
        warnings=timeline.warnings,
        styles=("page",),
        scripts=_SCRIPTS,
    )


def _silences(timeline: Timeline) -> str:
    """Return a table of the gaps in a log, the longest first; empty without one."""
    if not timeline.silences:
        return ""
    rows = "\n".join(_silence(silence, timeline.total_ns) for silence in timeline.silences)
    return f"""  <section aria-labelledby="silences-title">
    <h2 id="silences-title">Gaps that nothing explains</h2>
    <table id="silences" aria-labelledby="silences-title">
      <thead><tr><th scope="col">Length</th><th scope="col">Share</th>
        <th scope="col">Between these lines of the log</th>
        <th scope="col">What such lines are known to mean</th></tr></thead>
      <tbody>
{rows}
      </tbody>
    </table>
  </section>"""


def _silence(silence: Silence, total_ns: int) -> str:
    share = 100 * silence.duration_ns / total_ns if total_ns else 0.0
    lines = "".join(
        f"<div>{number}: {escape(plain(line))}</div>"
        for number, line in (
            (silence.before_line, silence.before),
            (silence.after_line, silence.after),
        )
    )
    return (
        f"<tr><td>{duration(silence.duration_ns)}</td><td>{share:.1f} %</td>"
        f"<td>{lines}</td><td>{escape(silence.known)}</td></tr>"
    )


def _unexplained(timeline: Timeline) -> str:
    if not timeline.spans:
        return "nothing was recorded"
    open_ns = timeline.unaccounted_ns()[ROOT]
    share = 100 * open_ns / timeline.total_ns if timeline.total_ns else 0.0
    return f"{duration(open_ns)} unaccounted ({share:.1f} %)"


def _own_facts(timeline: Timeline) -> dict[str, str]:
    facts = {"clock": _CLOCKS[timeline.clock]}
    if timeline.clock == "wall":
        facts["clock error"] = f"± {duration(timeline.clock_error_ns)}"
    if timeline.overhead_ns is not None:
        # Noise can make the watched pass the faster one.
        watching = f"{timeline.overhead_ns / 1e6:.1f}".replace("-", "\N{MINUS SIGN}")
        facts["instrumentation"] = f"{watching} ms, in a second boot"
    return facts


def _data(timeline: Timeline, flame: Sequence[tuple[tuple[str, ...], int]]) -> str:
    """Return the spans as JSON that can stand inside a script element."""
    unaccounted = timeline.unaccounted_ns()
    places = {span.id: place for place, span in enumerate(timeline.spans)}
    explained = merged((s.start_ns, s.end_ns) for s in timeline.spans if s.kind != "frame")
    whole = timeline.spans[0] if timeline.spans else None
    data = {
        "layers": _LAYERS,
        "kinds": _KINDS,
        "gaps": gaps(explained, whole.start_ns, whole.end_ns) if whole else (),
        "spans": [
            (
                places[span.parent] if span.parent else -1,
                _LAYERS.index(span.layer),
                _KINDS.index(span.kind),
                span.start_ns,
                span.end_ns,
                unaccounted[span.id],
                int(span.critical),
                span.slack_ns,
                span.id,
                span.name,
                span.source,
            )
            for span in timeline.spans
        ],
        "flame": flame,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # "</script" and "<!--" would end or change the element; & is no danger, but has no use either.
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
