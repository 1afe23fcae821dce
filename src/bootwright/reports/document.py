"""The frame that all pages share: head, colours, masthead, facts, warnings.

A page has its own style, script and data, and a policy that lets it load nothing and run nothing
but that script. The parts are in the folder ``page``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template


def document(
    content: str,
    *,
    heading: str,
    headline: tuple[str, str],
    facts: Mapping[str, str],
    warnings: Sequence[str] = (),
    title: str = "",
    styles: Sequence[str] = ("charts",),
    scripts: Sequence[str] = ("theme_switch", "tips"),
) -> str:
    """Return a page that needs nothing else.

    Args:
        content: HTML that follows the header.
        heading: As plain text.
        headline: The figure that answers the page's question, and what explains it; plain text.
        facts: What was booted, when and where, by what it is called; plain text.
        warnings: What spoils the figures, as plain text.
        title: What the browser's tab says, as plain text; the heading, where it is empty.
        styles: The style sheets beside the frame's own.
        scripts: The scripts, in their order; together they are one module.
    """
    style = _style(styles)
    script = "\n".join(part(f"{name}.js") for name in scripts)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; "
        f"script-src {_digest(script)}; base-uri 'none'; form-action 'none'"
    )
    big, small = headline
    return Template(part("frame.html")).substitute(
        policy=policy,
        title=escape(title or heading),
        heading=escape(heading),
        big=escape(big),
        small=escape(small),
        facts="\n".join(
            f"    <div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
            for name, value in facts.items()
        ),
        warnings="\n".join(f'<p class="warning">{escape(text)}</p>' for text in warnings),
        style=style,
        script=script,
        content=content,
    )


def part(name: str) -> str:
    """Return one of the files that pages are made of."""
    return files("bootwright.reports").joinpath("page", name).read_text(encoding="utf-8")


def _style(names: Sequence[str]) -> str:
    """Return one style sheet; dark is what the system wants unless the reader chose, on a screen.

    The chosen theme is ``data-theme`` of the root element.
    """
    dark = part("dark.css")
    return "\n".join(
        (
            part("frame.css"),
            f'@media screen {{ :root[data-theme="dark"] {{\n{dark}}} }}',
            "@media screen and (prefers-color-scheme: dark) "
            f'{{ :root:not([data-theme="light"]) {{\n{dark}}} }}',
            *(part(f"{name}.css") for name in names),
        )
    )


def _digest(text: str) -> str:
    """Return what lets a browser use exactly this text, and no other that found its way in."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
