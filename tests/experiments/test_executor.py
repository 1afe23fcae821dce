"""The local executor: how many at once, and what becomes of failures and of boots cut short."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from bootwright.errors import GuestError, HostError
from bootwright.experiments import boots
from bootwright.experiments.executor import Job, Local
from bootwright.history.measurement import Sample
from bootwright.home import Home
from bootwright.recipes.recipe import Recipe
from tests.experiments.measured import TINY

JOBS = [
    Job(side="A", number=n, recipe=replace(TINY, random_seed=n + 1), timeout_s=9) for n in range(6)
]


async def gathered(executor: Local, jobs: list[Job]) -> list[Sample]:
    return [sample async for sample in executor.run(jobs)]


def test_local_executor_boots_one_at_a_time_on_the_wall_clock(home: Home) -> None:
    wall = replace(TINY, clock="wall")
    assert Local(home).width(wall) == 1
    assert Local(home, parallel=3).width(wall) == 3
    assert 1 <= Local(home).width(TINY) <= len(os.sched_getaffinity(0))
    assert Local(home).width(replace(TINY, memory_mib=1 << 30)) == 1


def test_local_executor_runs_at_most_so_many_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = most = 0

    async def boot(home: Home, recipe: Recipe, timeout_s: float) -> dict[str, int]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return {"kernel": recipe.random_seed or 0}

    monkeypatch.setattr(boots, "boot", boot)
    samples = asyncio.run(gathered(Local(home, parallel=2), JOBS))
    assert sorted((s.number, s.seed, s.phases["kernel"]) for s in samples) == [
        (n, n + 1, n + 1) for n in range(6)
    ]
    assert most == 2


def test_local_executor_records_guest_errors_and_raises_host_errors(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = set[int | None]()

    async def boot(home: Home, recipe: Recipe, timeout_s: float) -> dict[str, int]:
        if recipe.random_seed == 1:
            raise GuestError("it panicked", evidence="first\nKernel panic")
        if recipe.random_seed == 2:
            raise HostError("the disk is full")
        try:
            await asyncio.sleep(60)
        finally:
            ended.add(recipe.random_seed)
        return {}

    monkeypatch.setattr(boots, "boot", boot)
    [failed] = asyncio.run(gathered(Local(home, parallel=1), JOBS[:1]))
    assert (failed.failure, failed.phases, failed.total_ns) == (
        "it panicked: Kernel panic",
        {},
        None,
    )
    with pytest.raises(HostError, match="full"):
        asyncio.run(gathered(Local(home, parallel=3), [JOBS[2], JOBS[3], JOBS[1]]))
    assert ended == {3, 4}
