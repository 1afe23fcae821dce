"""Killed at every step and at any moment: afterwards nothing of ours is left."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.boots.kills import (
    COMMAND,
    MONITOR,
    differences,
    in_parallel,
    kill_at,
    left,
    place,
    random_blow,
    settle,
    steps,
)

pytestmark = pytest.mark.boot

SEED = int(os.environ.get("BOOTWRIGHT_TEST_SEED", "20260101"))


def _tiny(kernel: str) -> tuple[str, ...]:
    return ("run", "--tiny", "--kernel", kernel, "--name", "victim", "--", "true")


def _killed_everywhere(role: str, words: tuple[str, ...], tmp_path: Path) -> list[str]:
    """Kill at every step of *words*; return what was left, step by step."""
    every = steps(place(tmp_path / "whole"), role, words, tmp_path / "whole.log")
    assert len(every) > 3, every

    def at(step: int) -> str:
        own = place(tmp_path / str(step))
        before = left(own)
        done = kill_at(own, role, step, words, tmp_path / f"{step}.log")
        settle(own)
        wrong = differences(before, left(own))
        if "Traceback" in done.stderr:
            wrong += f"; {done.stderr}"
        return f"killed before step {every[step - 1]}: {wrong}" if wrong else ""

    return in_parallel(range(1, len(every) + 1), at)


def test_run_leaves_nothing_when_its_monitor_is_killed_at_any_step(
    kernel: str, tmp_path: Path
) -> None:
    assert _killed_everywhere(MONITOR, _tiny(kernel), tmp_path) == []


def test_run_leaves_nothing_when_the_command_is_killed_at_any_step(
    kernel: str, tmp_path: Path
) -> None:
    assert _killed_everywhere(COMMAND, _tiny(kernel), tmp_path) == []


@pytest.mark.parametrize("count", [24, pytest.param(200, marks=pytest.mark.acceptance)])
def test_run_leaves_nothing_when_any_process_is_killed_at_random(
    count: int, kernel: str, tmp_path: Path
) -> None:
    def deal(number: int) -> str:
        own = place(tmp_path / str(number))
        before = left(own)
        blow = random_blow(random.Random(f"{SEED} {number}"))
        process = own.start(*_tiny(kernel))
        blow.strike(own)
        output, _ = process.communicate(timeout=120)
        settle(own)
        wrong = differences(before, left(own))
        if b"Traceback" in output:
            wrong += f"; {output.decode()}"
        return f"seed {SEED}, number {number}, {blow}: {wrong}" if wrong else ""

    assert in_parallel(range(count), deal) == []
