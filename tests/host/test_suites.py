"""Help with a misspelt suite."""

from __future__ import annotations

import pytest

from bootwright.host import suites


@pytest.mark.parametrize(
    ("given", "meant"),
    [("bookwrm", "bookworm"), ("trixy", "trixie"), ("stabel", "stable"), ("bulseye", "bullseye")],
)
def test_the_nearest_is_named(given: str, meant: str) -> None:
    assert suites.hint(given) == f"did you mean {meant}?"


def test_all_are_named_where_none_is_near() -> None:
    assert suites.hint("jammy") == (
        "Debian's suites are bullseye, bookworm, trixie, forky, sid, stable, testing, unstable"
    )


@pytest.mark.parametrize("suite", suites.SUITES)
def test_each_suite_is_nearest_to_itself(suite: str) -> None:
    assert suites.hint(suite) == f"did you mean {suite}?"
