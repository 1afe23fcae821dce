"""Events, and an observer for a part of the work."""

from __future__ import annotations

from bootwright.events import Notice, Progress, ignore, within
from tests.observed import Observed


def test_within_scales_shares_into_the_part_of_the_whole() -> None:
    observed = Observed()
    part = within(observed, 0.5, 0.75)
    for share in (0.0, 0.5, 1.0, None):
        part(Progress(step="copying", share=share))
    assert observed.progress == [
        ("copying", 0.5),
        ("copying", 0.625),
        ("copying", 0.75),
        ("copying", None),
    ]


def test_within_passes_other_events_on() -> None:
    observed = Observed()
    within(observed, 0.0, 0.1)(Notice(text="low on space"))
    assert observed.events == [Notice(text="low on space")]


def test_ignore_takes_every_event() -> None:
    ignore(Notice(text="low on space"))
