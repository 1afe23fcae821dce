"""Help with a misspelt suite."""

from __future__ import annotations

import pytest

from bootwright.host import suites


@pytest.mark.parametrize(
    ("given", "meant"),
    [("bookwrm", "bookworm"), ("trixy", "trixie"), ("stabel", "stable"), ("bulseye", "bullseye")],
)
def test_suites_hint_names_the_nearest(given: str, meant: str) -> None:
    assert suites.hint(given) == f"did you mean {meant}?"


def test_suites_hint_names_all_when_none_is_near() -> None:
    assert suites.hint("jammy") == (
        "Debian's suites are bullseye, bookworm, trixie, forky, sid, stable, testing, unstable"
    )


@pytest.mark.parametrize("suite", suites.SUITES)
def test_suites_hint_of_a_known_suite_is_itself(suite: str) -> None:
    assert suites.hint(suite) == f"did you mean {suite}?"
