"""Debian's suites, for hints."""

from __future__ import annotations

from bootwright import suggest

SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable")
"""Source: Debian's wiki, DebianReleases."""


def hint(suite: str) -> str:
    """Return a hint for an unknown *suite*."""
    near = suggest.nearest(suite, SUITES, cutoff=0.7)
    return f"did you mean {near}?" if near else f"Debian's suites are {', '.join(SUITES)}"
