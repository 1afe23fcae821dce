"""Measuring disks: what is refused, and that nothing stays."""

from pathlib import Path

import pytest

from bootwright.disks import bench, table
from bootwright.errors import HostError, InputError
from bootwright.events import Event, Progress
from bootwright.home import Home
from bootwright.host import locks

SMALL = 128 << 20


def _plan(*sizes: int, full: int = 0) -> bench.BenchPlan:
    return bench.BenchPlan(kinds=(table.disk("copy"),), sparse_bytes=sizes, full_bytes=full)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(data=tmp_path / "data", state=tmp_path / "state", cache=tmp_path / "cache")


@pytest.mark.parametrize("size", [1 << 20, SMALL + 4096])
def test_bench_check_refuses_images_that_are_too_small_or_odd(home: Home, size: int) -> None:
    with pytest.raises(InputError, match="invalid image size"):
        bench.check(home, _plan(size))


def test_bench_measure_runs_once_at_a_time(home: Home) -> None:
    home.state.mkdir()
    locks.take(home.state / "bench.lock")
    with pytest.raises(HostError, match="another disk benchmark is running"):
        bench.measure(home, _plan(SMALL))


def test_bench_measure_interrupted_leaves_nothing(home: Home) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and event.step.startswith("copy"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.measure(home, _plan(SMALL), interrupt)
    assert list(home.state.iterdir()) == []
