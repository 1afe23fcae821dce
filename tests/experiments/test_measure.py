"""Taking measurements: order, seeds, what is kept, and when no more boots are run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bootwright import digest
from bootwright.errors import InputError, NotFoundError
from bootwright.experiments import measure
from bootwright.history import measurements
from bootwright.history.history import History
from bootwright.history.measurement import Measurement, Plan
from bootwright.home import Home
from tests.experiments.measured import MS, TINY, Instant, measurement


def begin(home: Home, *, compares: bool = False, looks: Sequence[int] = (4,)) -> Measurement:
    one = ("web", TINY, ())
    other = ("web", replace(TINY, cmdline=()), ("cmdline-=quiet",))
    plan = Plan(looks=tuple(looks), timeout_s=60)
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
    assert len(measure.failed(taken, "B")) == measure.HOPELESS
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
    plan = Plan(looks=(1,), timeout_s=60)
    with pytest.raises(InputError, match="never compare"):
        measure.begin(home, {"A": ("a", TINY, ()), "B": ("b", wall, ())}, plan)
    with pytest.raises(NotFoundError, match="no measurement 77"):
        measure.resumed(home, 77, "measure")
    begun = begin(home)
    with pytest.raises(InputError, match=f"{begun.id} is a measure, no compare"):
        measure.resumed(home, begun.id, "compare")


def test_measure_begin_warns_of_sides_that_end_at_different_points(home: Home) -> None:
    image = digest.of_bytes(b"image")
    inside = replace(TINY, image=image, init="tini", disk="pmem", disk_bytes=1 << 30)
    plan = Plan(looks=(1,), timeout_s=60)
    begun = measure.begin(home, {"A": ("tiny", TINY, ()), "B": ("web", inside, ())}, plan)
    [warned] = measure.warnings(home, begun)
    assert warned == (
        "A ends where the guest's command starts, and B where the SSH server accepts: "
        "not the same work"
    )
    assert measure.warnings(home, begin(home, compares=True)) == []


def test_measure_values_omit_failed_boots_and_name_outliers() -> None:
    told = measure.values(measurement([100, 101, None, 100, 102, 101, 100, 300]), [])
    whole = told["phases"]["whole"]  # type: ignore[index]
    assert (whole["median_ns"], whole["max_ns"]) == (101 * MS, 300 * MS)
    assert whole["outliers"] == [8]
    assert told["boots"] == 7
    assert told["failed"] == [{"side": "A", "boot": 3, "seed": 3, "reason": "its kernel panicked"}]
