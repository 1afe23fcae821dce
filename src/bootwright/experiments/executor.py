"""Executors: they run boots, and give each back when it is over, failed or not.

The local one uses this host. Another, such as a cluster's, is another class with the same `run`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from bootwright.errors import GuestError, HostError, VmmError
from bootwright.experiments import boots
from bootwright.history.measurement import Sample, SideName
from bootwright.home import Home
from bootwright.host import memory
from bootwright.recipes.recipe import MIB, Recipe

_VMM_MIB = 600
"""What QEMU takes beside its guest's memory: most of it is translated code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One boot to be run."""

    side: SideName
    number: int
    recipe: Recipe
    timeout_s: float


class Executor(Protocol):
    """Runs boots."""

    def run(self, jobs: Iterable[Job]) -> AsyncGenerator[Sample, None]:
        """Yield a sample of each job when it is over, in any order.

        A boot that fails is a sample with its failure. Jobs are taken from *jobs* only when they
        can be started; to close the iterator ends those that run.

        Raises:
            BootwrightError: no boot can work where they run: space, a program, a file is missing.
        """
        ...


class Local:
    """Runs boots on this host: those of the virtual clock on all its processors, those of the wall
    clock one after the other.

    Args:
        parallel: Run so many at once, on whichever clock.
    """

    def __init__(self, home: Home, *, parallel: int | None = None) -> None:
        self._home = home
        self._parallel = parallel

    def width(self, recipe: Recipe) -> int:
        """Return how many boots of *recipe* are run at once."""
        if self._parallel is not None:
            return self._parallel
        if not recipe.guest_clock.is_repeatable:
            return 1
        most = len(os.sched_getaffinity(0))
        with suppress(HostError):
            room_mib = memory.read().available_bytes // MIB
            most = min(most, room_mib // (recipe.memory_mib + _VMM_MIB))
        return max(1, most)

    async def run(self, jobs: Iterable[Job]) -> AsyncGenerator[Sample, None]:
        """Yield a sample of each job; see `Executor.run`."""
        waiting = iter(jobs)
        running: set[asyncio.Task[Sample]] = set()
        width = 1
        try:
            while True:
                while len(running) < width and (job := next(waiting, None)) is not None:
                    width = self.width(job.recipe)
                    running.add(asyncio.create_task(self._boot(job)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _boot(self, job: Job) -> Sample:
        began_s, phases, failure = time.time(), dict[str, int](), ""
        try:
            phases = await boots.boot(self._home, job.recipe, job.timeout_s)
        except (GuestError, VmmError) as error:
            failure = ": ".join(filter(None, [str(error), _telling(error.evidence)]))
        return Sample(
            side=job.side,
            number=job.number,
            seed=job.recipe.random_seed,
            began_s=began_s,
            phases=phases,
            failure=failure,
        )


def _telling(evidence: str) -> str:
    """Return the one line of a console or a log that tells most: a panic's, else the last."""
    lines = evidence.strip().splitlines()
    return next((line for line in lines if "panic" in line), "".join(lines[-1:]))
