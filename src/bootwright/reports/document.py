"""The frame of a page that needs nothing else: its head, its colours, its heading."""

from __future__ import annotations

from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2026; --quiet: #57606a; --paper: #fff;
  --line: #d8dee4; --less: #0b6b2f; --more: #b3261e; --warn: #fff4d6 }
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; padding: 1.2rem }
h1 { font-size: 1.35rem; margin: 0 0 .6rem; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { padding: .28rem .5rem; border-bottom: 1px solid var(--line); text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap }
.quiet { color: var(--quiet) }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9ba6b2; --paper: #0d1117; --line: #30363d;
    --less: #56d364; --more: #ff7b72; --warn: #2e2608 }
}
"""


def document(body: str, *, heading: str, style: str, title: str = "", script: str = "") -> str:
    """Return the page.

    Args:
        body: HTML that follows the heading.
        heading: As plain text.
        style: CSS of this page's own; its colours are variables: ``--ink``, ``--quiet``,
            ``--paper``, ``--line``, ``--less``, ``--more``, ``--warn``.
        title: What the browser's tab says, as plain text; the heading, where it is empty.
        script: JavaScript, run once the page is there.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="bootwright">
<title>{escape(title or heading)}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
<main>
<h1>{escape(heading)}</h1>
{body}
</main>
{f"<script>{script}</script>" if script else ""}
</body>
</html>
"""
