"""The names of Debian's suites, to help with a misspelt one."""

from __future__ import annotations

import difflib

SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable")
"""Source: Debian's wiki, DebianReleases."""


def hint(suite: str) -> str:
    """Return what to try where the archive has no *suite*."""
    close = difflib.get_close_matches(suite, SUITES, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else f"Debian's suites are {', '.join(SUITES)}"
