"""Taking measurements: order, seeds, what is kept, and when no more boots are run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bootwright.digest import digest_of_bytes
from bootwright.errors import InputError, NotFoundError
from bootwright.events import Event
from bootwright.experiments import figures, measure
from bootwright.experiments.events import MeasurementBegun, MeasurementInterrupted, SampleTaken
from bootwright.experiments.subject import Subject
from bootwright.history import measurements
from bootwright.history.history import History
from bootwright.history.measurement import Measurement, MeasurementPlan, SideName
from bootwright.home import Home
from bootwright.recipes.recipe import Recipe
from tests.experiments.measured import TINY, Instant


def begin(home: Home, *, compares: bool = False, looks: Sequence[int] = (4,)) -> Measurement:
    one = Subject(title="web", recipe=TINY)
    other = Subject(title="web", recipe=replace(TINY, cmdline=()), changes=("cmdline-=quiet",))
    plan = MeasurementPlan(looks=tuple(looks), timeout_s=60)
    return measure.begin(home, {"A": one, "B": other} if compares else {"A": one}, plan)


def test_measure_take_counts_seeds_and_shares_them_in_pairs(home: Home) -> None:
    executor = Instant({"A": 20, "B": 10})
    taken = asyncio.run(measure.take(home, begin(home, compares=True), executor))
    assert "".join(job.side for job in executor.jobs) == "ABBAABBA"
    seeds = [(job.side, job.number, job.recipe.random_seed) for job in executor.jobs]
    assert sorted(seeds) == [(side, n, n + 1) for side in "AB" for n in range(4)]
    assert executor.jobs[1].recipe.cmdline == ()
    assert measurements.load(History(home.history), taken.id) == taken


def test_measure_take_resumes_an_interrupted_measurement(home: Home) -> None:
    begun = begin(home, compares=True)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(measure.take(home, begun, Instant({"A": 20, "B": 10}, stop_after=3)))
    kept = measurements.load(History(home.history), begun.id)
    assert [(s.side, s.number) for s in kept.samples] == [("A", 0), ("B", 0), ("B", 1)]
    rest = Instant({"A": 20, "B": 10})
    taken = asyncio.run(measure.take(home, kept, rest))
    assert (rest.jobs[0].side, rest.jobs[0].number) == ("A", 1)
    assert len(taken.samples) == 8 == len({(s.side, s.number) for s in taken.samples})


def test_measure_take_gives_up_a_side_that_never_boots(home: Home) -> None:
    executor = Instant({"A": 20, "B": None})
    taken = asyncio.run(measure.take(home, begin(home, compares=True, looks=[50]), executor))
    assert len(figures.failed(taken, "B")) == measure.TOO_MANY_FAILURES
    assert len(executor.jobs) < 8


def test_measure_take_may_stop_at_a_look(home: Home) -> None:
    executor = Instant({"A": 20})
    begun = begin(home, looks=[2, 3, 9])
    asked = []

    def is_over(now: Measurement) -> bool:
        asked.append(len(now.samples))
        return len(asked) == 2

    asyncio.run(measure.take(home, begun, executor, is_over=is_over))
    assert (asked, len(executor.jobs)) == ([2, 3], 3)


def test_measure_begin_refuses_what_cannot_be_compared_or_resumed(home: Home) -> None:
    wall = replace(TINY, clock="wall")
    with pytest.raises(InputError, match="they do not compare"):
        measure.begin(home, _pair(TINY, wall), MeasurementPlan(looks=(1,), timeout_s=60))
    with pytest.raises(NotFoundError, match="no measurement 77"):
        measure.resumed(home, 77, "measure")
    begun = begin(home)
    with pytest.raises(InputError, match=f"{begun.id} is from measure, not from compare"):
        measure.resumed(home, begun.id, "compare")


def test_measure_begin_warns_of_sides_that_end_at_different_points(home: Home) -> None:
    image = digest_of_bytes(b"image")
    inside = replace(TINY, image=image, init="tini", disk="pmem", disk_bytes=1 << 30)
    begun = measure.begin(home, _pair(TINY, inside), MeasurementPlan(looks=(1,), timeout_s=60))
    [warned] = measure.warnings(home, begun)
    assert warned == (
        "A ends when the guest's command starts, B when the SSH server accepts connections: "
        "the work is not the same"
    )
    assert measure.warnings(home, begin(home, compares=True)) == []


def test_an_interrupted_one_says_how_far_it_came(home: Home) -> None:
    seen: list[Event] = []
    begun = begin(home, compares=True)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(
            measure.take(
                home, begun, Instant({"A": 20, "B": None}, stop_after=3), observe=seen.append
            )
        )
    kinds = [MeasurementBegun, SampleTaken, SampleTaken, SampleTaken, MeasurementInterrupted]
    assert [type(event) for event in seen] == kinds
    taken = [event for event in seen if isinstance(event, SampleTaken)]
    assert [event.sample.failure for event in taken] == ["", *["its kernel panicked"] * 2]
    assert [(event.taken, event.planned) for event in taken] == [(1, 8), (2, 8), (3, 8)]
    [last] = [event for event in seen if isinstance(event, MeasurementInterrupted)]
    assert (last.taken, last.planned, last.measurement.id) == (3, 8, begun.id)


def _pair(a: Recipe, b: Recipe) -> dict[SideName, Subject]:
    return {"A": Subject(title="a", recipe=a), "B": Subject(title="b", recipe=b)}


def test_a_recipe_is_measured_with_its_changes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Instant({"A": 20})
    monkeypatch.setattr(measure, "Local", lambda home, parallel: executor)
    found = asyncio.run(measure.measure(home, TINY, 3, changes=["cmdline-=quiet"]))
    assert (found.boots, found.wanted, found.title) == (3, 3, "")
    assert found.changes == ("cmdline-=quiet",)
    assert found.recipe == executor.jobs[0].recipe == replace(TINY, cmdline=())
    assert [sample.seed for sample in found.samples] == [1, 2, 3]
    with pytest.raises(InputError, match="cmdline-=loud has no effect"):
        asyncio.run(measure.measure(home, TINY, 3, changes=["cmdline-=loud"]))
