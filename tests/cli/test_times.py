"""Lengths of time and moments, as users give them."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.cli import times
from bootwright.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("12h", 43200), ("2d", 172800), ("1.5W", 907200), (" 0d ", 0)],
)
def test_age_s_reads_lengths_with_a_unit(text: str, seconds: float) -> None:
    assert times.age_s("--since", text) == seconds


@pytest.mark.parametrize("text", ["", "2", "d", "-2d", "2 days", "1e9d", "2026-03-31"])
def test_age_s_refuses_what_is_no_length(text: str) -> None:
    with pytest.raises(InputError) as caught:
        times.age_s("--older-than", text)
    assert str(caught.value) == f"--older-than {text!r} is not a duration"
    assert caught.value.hint.endswith("such as 12h or 30d")


def test_moment_s_reads_ages_and_local_dates() -> None:
    before_s = time.time()
    two_hours_ago = times.moment_s("--since", "2h")
    assert int(before_s) - 7200 <= two_hours_ago <= time.time() - 7200
    for text in ("2026-03-31", "2026-03-31 08:15", "2026-03-31T08:15:30"):
        assert times.moment_s("--since", text) == datetime.fromisoformat(text).timestamp()
    assert times.moment_s("--since", "2026-03-31 00:00+00:00") == 1774915200
    assert times.shown(times.moment_s("--since", "2026-03-31 08:15")) == "2026-03-31 08:15"


@given(st.text())
def test_moment_s_reads_or_refuses_any_text(text: str) -> None:
    with suppress(InputError):
        assert isinstance(times.moment_s("--since", text), float)
