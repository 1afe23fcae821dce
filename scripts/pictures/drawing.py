"""What all pictures share: one look for a light and one for a dark page, and a few shapes.

A viewer shows a picture from a README without its page's style, and GitHub's own switch between
light and dark is not the browser's. So each picture is written twice, with fixed colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Liberation Sans', sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """The colours of one look."""

    name: str
    paper: str
    ink: str
    quiet: str
    grid: str
    accent: str
    layers: Mapping[str, tuple[str, str]]
    """Of each layer of a timeline, and of groups elsewhere: fill and edge."""


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1b2026",
    quiet="#57606a",
    grid="#e1e5ea",
    accent="#1a7f37",
    layers={
        "host": ("#dfe2e6", "#69727d"),
        "firmware": ("#e3d6ee", "#7c51a1"),
        "kernel": ("#cbdff5", "#1f66ad"),
        "initramfs": ("#c5e8e3", "#0d7c70"),
        "userspace": ("#fbe0b8", "#a8660a"),
        "ssh": ("#d2e9c5", "#48822a"),
    },
)
DARK = Theme(
    name="dark",
    paper="#0d1117",
    ink="#e6edf3",
    quiet="#9ba6b2",
    grid="#262d36",
    accent="#3fb950",
    layers={
        "host": ("#3a414a", "#98a3b0"),
        "firmware": ("#473457", "#b68ad8"),
        "kernel": ("#1d4168", "#6cabea"),
        "initramfs": ("#12494a", "#45bdb0"),
        "userspace": ("#5a3f12", "#dda03d"),
        "ssh": ("#2f4d20", "#86bf67"),
    },
)
THEMES = (LIGHT, DARK)


def document(width: int, height: int, theme: Theme, title: str, parts: list[str]) -> str:
    """Return a whole picture."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" font-family="{FONT}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="6" fill="{theme.paper}"/>',
            *parts,
            "</svg>",
            "",
        )
    )


def text(
    x: float, y: float, words: str, *, fill: str, size: float = 13, anchor: str = "start",
    bold: bool = False,
) -> str:  # fmt: skip
    """Return one line of text; *y* is its base line."""
    weight = ' font-weight="600"' if bold else ""
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}"{end}{weight}>'
        f"{escape(words)}</text>"
    )


def box(
    x: float, y: float, width: float, height: float, colours: tuple[str, str], *,
    title: str = "", radius: float = 2,
) -> str:  # fmt: skip
    """Return a rectangle; a viewer shows *title* where the pointer rests on it."""
    fill, edge = colours
    inner = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.8):.1f}" height="{height:.1f}" '
        f'rx="{radius:g}" fill="{fill}" stroke="{edge}" stroke-width="0.8">{inner}</rect>'
    )


def line(
    start: tuple[float, float], end: tuple[float, float], stroke: str, *, dashes: str = "",
    arrow: bool = False, width: float = 1,
) -> str:  # fmt: skip
    """Return a straight line, with a head at its end if it is an arrow."""
    (x1, y1), (x2, y2) = start, end
    dashed = f" stroke-dasharray={quoteattr(dashes)}" if dashes else ""
    drawn = (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )
    if arrow:
        back = 7 if x1 <= x2 else -7
        drawn += f'<path d="M{x2:.1f} {y2:.1f} l{-back} -4 l0 8 z" fill="{stroke}" stroke="none"/>'
    return drawn


def wide(words: str, size: float) -> float:
    """Return about how wide a text is; rather too much than too little."""
    return size * sum(
        0.34 if c in "iljtfr.,:;'|! " else 0.88 if c in "mwMW" else 0.6 for c in words
    )
