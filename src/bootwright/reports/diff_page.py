"""Two boots beside each other, as one page that needs nothing else: two pictures and a table.

Its script only sorts the table; without it the largest change stands first.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from bootwright.reports.diff import caution, counts, signed, word
from bootwright.reports.document import document
from bootwright.reports.svg import svg
from bootwright.reports.text import duration
from bootwright.timelines.diff import LEAST_NS, Diff, SpanChange, SpanSide
from bootwright.timelines.span import Timeline

_SHARE = 0.005
"""Coarser than a picture that stands alone, so that two of them fit on a screen."""
_ROWS = 400
"""The table ends here; what follows changed by next to nothing."""

_NONE = "\N{EN DASH}"

_STYLE = """
body { max-width: 1280px }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
p { margin: .3rem 0 }
.note { background: var(--warn); border-left: 4px solid #c78a00; padding: .4rem .7rem;
  margin: .8rem 0 }
.big { font-size: 1.15rem; font-variant-numeric: tabular-nums }
.less { color: var(--less) } .more { color: var(--more) }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px }
.scroll svg { display: block; width: 100%; min-width: 900px; height: auto }
.scroll figure { margin: 0 } .scroll figure + figure { border-top: 1px solid var(--line) }
.cells { overflow-x: auto }
caption { text-align: left; color: var(--quiet); padding-bottom: .4rem }
th, td { vertical-align: top }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 13rem }
th { position: sticky; top: 0; background: var(--paper) }
th button { font: inherit; font-weight: bold; color: inherit; background: none; border: 0;
  padding: 0; cursor: pointer; text-align: inherit }
th button:focus-visible { outline: 2px solid #1f66ad; outline-offset: 2px }
th[aria-sort=ascending] button::after { content: " ▲" }
th[aria-sort=descending] button::after { content: " ▼" }
pre { overflow-x: auto; font-size: .8rem; line-height: 1.35 }
.path { color: var(--more); font-weight: bold }
@media (max-width: 640px) {
  body { padding: .8rem; font-size: 14px }
  .length { display: none }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10px }
  .scroll, .cells { overflow: visible; border: 0 }
  .scroll svg { min-width: 0 }
  figure, tr { break-inside: avoid } th { position: static }
}
"""

_SCRIPT = """
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, table = head.closest("table");
    const column = head.cellIndex;
    const up = head.getAttribute("aria-sort") === "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = row => {
      const cell = row.cells[column], value = cell.dataset.value;
      return value === undefined ? cell.textContent : Number(value);
    };
    const rows = [...table.tBodies[0].rows].map(row => [key(row), row]);
    rows.sort(([a], [b]) => (typeof a === "number" ? a - b : a.localeCompare(b)) * (up ? 1 : -1));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  });
}
"""


def page(
    diff: Diff,
    a: Timeline,
    b: Timeline,
    *,
    names: tuple[str, str] = ("A", "B"),
    report: str = "",
) -> str:
    """Return the page.

    Args:
        diff: Of *a* and *b*.
        names: What the two boots are called.
        report: What was measured of the two, in many boots: it gives the figures, and stands above
            all as it is. Without it they are those of these two boots.
    """
    title = f"{names[0]} → {names[1]}"
    whole_ns = max(a.total_ns, b.total_ns)
    pictures = (
        _inline(svg(boot, title=name, whole_ns=whole_ns, share=_SHARE, prefix=prefix))
        for boot, name, prefix in ((a, names[0], "first"), (b, names[1], "second"))
    )
    notes = "".join(f'<p class="note">{escape(_plain(w))}</p>\n' for w in diff.warnings)
    figures = "\n".join(f"<figure>{picture}</figure>" for picture in pictures)
    body = f"""{_answer(diff, report)}
{notes}<h2>Both on one scale</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Pictures of the two boots">
{figures}
</div>
<h2>What changed</h2>
<div class="cells" tabindex="0" role="region" aria-label="Table of changes">
{_table(diff, names)}
</div>"""
    return document(
        body,
        heading=_plain(title),
        title=f"{_plain(title)}: two boots",
        style=_STYLE,
        script=_SCRIPT,
    )


def _answer(diff: Diff, report: str) -> str:
    """Return how much the two differ by: what was measured, or these two boots themselves."""
    about = f"{escape(counts(diff))}; {_CLOCKS[diff.clock]}"
    if report:
        return (
            f"<pre>{escape(report)}</pre>\n"
            f'<p class="quiet">below: one instrumented boot of each; {about}</p>'
        )
    side = "less" if diff.change_ns < 0 else "more" if diff.change_ns > 0 else "quiet"
    cautions = "".join(f'\n<p class="note">{escape(text)}</p>' for text in caution(diff))
    return f"""<p class="big">{duration(diff.before_ns)} → {duration(diff.after_ns)}:
<strong class="{side}">{signed(diff.change_ns)}</strong></p>
<p class="quiet">{about}</p>{cautions}"""


_CLOCKS = {
    "wall": "on the host's clock",
    "virtual": "on the virtual clock, where an instruction is a nanosecond",
    "guest": "on the guest's own clock",
}


def _inline(picture: str) -> str:
    """Return an SVG file as it stands inside HTML: without the XML declaration and CDATA."""
    head, _, rest = picture.partition("?>\n")
    assert head.startswith("<?xml")
    rest = rest.replace("<![CDATA[", "", 1).replace("]]>", "", 1)
    return rest.replace("<svg ", '<svg role="img" ', 1).rstrip()


def _table(diff: Diff, names: tuple[str, str]) -> str:
    changed = [change for change in diff.changes[1:] if _counts(change)]
    rows = "\n".join(_row(change) for change in changed[:_ROWS])
    first, second = (escape(_plain(name)) for name in names)
    heads = "".join(_heads(first, second))
    left_out = len(changed) - _ROWS
    more = f" The {left_out} smallest changes are left out." if left_out > 0 else ""
    return f"""<table>
<caption>A span's own part is the time of the boot that belongs to it alone: each moment counts
for the innermost span, preferably one on the critical path (*). Own changes sum to the
boot's change; lengths do not, since spans run in parallel.{more}</caption>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


def _counts(change: SpanChange) -> bool:
    """Return whether anything about a span differs by as much as is called a change."""
    return max(map(abs, (change.own_ns, change.part_ns, change.length_ns))) >= LEAST_NS


def _heads(first: str, second: str) -> Iterator[str]:
    sort = ' aria-sort="descending"'
    for name, css, sorted_by in (
        ("Span", "", ""),
        ("What", "", ""),
        ("Own change", "", sort),
        ("With children", "length", ""),
        (f"Length in {first}", "length", ""),
        (f"Length in {second}", "length", ""),
        ("Length change", "", ""),
    ):
        cell = f' class="{css}"' if css else ""
        yield f'<th scope="col"{cell}{sorted_by}><button type="button">{name}</button></th>'


def _row(change: SpanChange) -> str:
    path = ' <span class="path" title="on the critical path">*</span>' if change.critical else ""
    title = escape(_plain(change.id))
    name = f'{escape(_plain(change.name))}{path} <span class="quiet">{change.layer}</span>'
    cells = "".join(
        (
            _figure(change.own_ns),
            _figure(change.part_ns, "length"),
            _length(change.before),
            _length(change.after),
            _figure(change.length_ns),
        )
    )
    return f'<tr><td title="{title}">{name}</td><td>{word(change)}</td>{cells}</tr>'


def _figure(change_ns: int, css: str = "") -> str:
    side = "less" if change_ns < 0 else "more" if change_ns > 0 else "quiet"
    shown = signed(change_ns) if change_ns else _NONE
    return f'<td class="{side} {css}" data-value="{abs(change_ns)}">{shown}</td>'


def _length(side: SpanSide) -> str:
    shown = duration(side.length_ns) if side.length_ns else _NONE
    return f'<td class="length" data-value="{side.length_ns}">{shown}</td>'


def _plain(text: str) -> str:
    """Return a text on one line, without characters that HTML cannot have."""
    kept = "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)
    return " ".join(kept.split())
