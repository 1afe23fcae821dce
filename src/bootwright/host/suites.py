"""Debian's suites, for hints."""

from __future__ import annotations

import difflib

SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable")
"""Source: Debian's wiki, DebianReleases."""


def hint(suite: str) -> str:
    """Return a hint for an unknown *suite*."""
    close = difflib.get_close_matches(suite, SUITES, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else f"Debian's suites are {', '.join(SUITES)}"
