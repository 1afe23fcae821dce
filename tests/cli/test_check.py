"""bootwright check, history trend, history regress: what is said before, and without, a boot."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bootwright.experiments import baseline, measure
from bootwright.experiments.executor import Job
from bootwright.history.measurement import Sample
from bootwright.home import Home
from bootwright.kernels.kernel import Kernel
from tests.experiments import measured

Cli = Callable[..., Any]
TINY = '[[boot]]\nname = "kernel"\ntiny = true\nclock = "virtual"\nboots = 6\n'


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Return how long boots take from now on; nothing is booted."""
    wanted: list[float | None] = [100] * 6

    class Executor:
        async def run(self, jobs: Iterable[Job]) -> AsyncGenerator[Sample, None]:
            for job, length in zip(jobs, wanted, strict=False):
                yield measured.sample(job.side, job.number, length)

    monkeypatch.setattr(measure, "Local", lambda home, parallel: Executor())
    return wanted


@pytest.mark.usefixtures("debian")
def test_check_compares_with_budget_and_baseline(
    bootwright: Cli, tmp_path: Path, lengths: list[float | None]
) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(TINY + 'budget = { whole = "150ms" }\n')
    done = bootwright("check", str(file))
    assert done.status == 0, done.err
    assert done.out.endswith("within budget: 1 boot\n")
    done = bootwright("check", str(file), "--update")
    assert done.err.startswith("kernel:\nmeasure: boot 1 of 6 done")
    assert "budget.baseline.toml: written" in done.err
    lengths[:] = [120] * 6
    junit = tmp_path / "boots.xml"
    done = bootwright("check", str(file), "--json", "--junit", str(junit))
    told = json.loads(done.out)
    assert (done.status, told["passed"]) == (1, False)
    over = [(row["phase"], row["kind"]) for row in told["boots"][0]["rows"] if row["is_over"]]
    assert over == [("kernel", "baseline"), ("whole", "baseline")]
    assert 'failures="2"' in junit.read_text()
    assert bootwright("check", str(file), "--update").status == 0
    assert bootwright("check", str(file), "--markdown").out.startswith("### Boot time: within")


@pytest.mark.usefixtures("debian")
def test_check_update_refuses_failed_boots(
    bootwright: Cli, tmp_path: Path, lengths: list[float | None]
) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(TINY)
    lengths[-1] = None
    done = bootwright("check", str(file), "--update")
    assert done.status == 1
    assert "is as it was: boots of kernel failed" in done.err
    assert not baseline.path_of(file).exists()


@pytest.mark.usefixtures("debian", "lengths")
def test_history_trend_and_regress_read_what_check_measured(
    bootwright: Cli, tmp_path: Path, lengths: list[float | None]
) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(TINY)
    bootwright("check", str(file))
    lengths[:] = [150] * 6
    bootwright("check", str(file))
    page = tmp_path / "trend.html"
    done = bootwright("history", "trend", "--tiny", "--html", str(page))
    assert done.status == 0
    assert "slower than 1 by 50.0 ms" in done.out
    assert "<svg" in page.read_text()
    assert "first became slower: measurement 2" in bootwright("history", "regress").out
    [series] = json.loads(bootwright("history", "regress", "--json").out)["series"]
    assert series["regressions"] == [2]
    assert [point["id"] for point in series["points"]] == [1, 2]
    assert json.loads(bootwright("history", "trend", "web", "--json").out)["series"] == []


def test_history_trend_of_an_empty_history_says_what_fills_it(bootwright: Cli, home: Home) -> None:
    for words in (("trend",), ("regress", "--tiny")):
        done = bootwright("history", *words)
        assert (done.status, done.out) == (0, "")
        assert "bootwright measure and check record them" in done.err


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        (None, (), "cannot read the budget"),
        (TINY, ("--json", "--markdown"), "contradict each other"),
        (TINY, ("--junit", "/none/x.xml"), "its folder does not exist"),
        (TINY + 'budget = { firmware = "1s" }', (), "has a budget for an unknown phase 'firmware'"),
        (TINY + 'with = ["nonsense"]', (), "nonsense"),
        (TINY.replace("tiny = true", 'image = "wep"'), (), "wep"),
    ],
)
def test_check_refuses_wrong_input_before_any_boot(
    text: str | None,
    words: tuple[str, ...],
    message: str,
    bootwright: Cli,
    debian: Kernel,
    home: Home,
    tmp_path: Path,
) -> None:
    file = tmp_path / "budget.toml"
    if text is not None:
        file.write_text(text)
    done = bootwright("check", str(file), *words)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert not home.history.exists()


def test_check_ignores_a_baseline_of_another_clock(
    bootwright: Cli, debian: Kernel, home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(TINY)
    old = structs.replace(baseline.of(measured.measurement([100] * 6)), clock="wall")
    baseline.write(baseline.path_of(file), {"kernel": old})
    done = bootwright("check", str(file))
    assert done.status == 2
    assert "'kernel' cannot be compared: its baseline is of the wall clock" in done.err
    assert "--update writes a new baseline" in done.err
