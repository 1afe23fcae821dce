"""bootwright measure and compare: what is said before anything boots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.history import measurements
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.kernels.kernel import Kernel
from bootwright.recipes.change_text import FORMS
from tests.experiments.measured import Instant, measurement

Cli = Callable[..., Any]
TINY = ("--tiny", "--clock", "virtual")


@pytest.mark.parametrize("command", ["measure", "compare"])
def test_compare_with_help_lists_all_changes(bootwright: Cli, command: str) -> None:
    done = bootwright(command, "--with", "help")
    assert done.status == 0
    assert [line.split()[0] for line in done.out.splitlines()] == [form for form, _ in FORMS]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["measure"], "no image was given"),
        (["measure", "web"], "no image is called 'web'"),
        (["measure", *TINY, "--with", "faster"], "unknown change"),
        (["measure", *TINY, "--with", "cmdline+=quiet"], "cmdline+=quiet has no effect"),
        (["measure", *TINY, "--with", "init=tini"], "which does not go with no image"),
        (["measure", *TINY, "--with", "kernel=nosuch"], "no kernel is called 'nosuch'"),
        (["measure", *TINY, "--with", "file:/x=/nowhere"], "cannot read /nowhere"),
        (["measure", *TINY, "--with", "config:CONFIG_SMP=n"], "needs a kernel built with it"),
        (["measure", *TINY, "--with", "vcpus=2"], "with vcpus=2: vcpus is 2"),
        (["measure", "--resume", "9"], "no measurement 9"),
        (["measure", *TINY, "--html", "/nowhere/x.html"], "there is no folder /nowhere"),
        (["compare", *TINY, "--with", "memory=1G", "--html", "/"], "it is a folder"),
        (["kernel", "compare", "debian", "debian", "--html", "/"], "it is a folder"),
        (["compare", *TINY], "nothing to compare with"),
        (
            ["compare", *TINY, "--with", "memory=1G", "--smallest", "much"],
            "--smallest: invalid value",
        ),
        (
            ["compare", *TINY, "--with", "memory=1G", "--smallest", "0ms"],
            "invalid smallest effect '0'",
        ),
        (["compare", *TINY, "--staged", "-n", "4"], "--staged and -n contradict each other"),
        (
            ["compare", *TINY, "--with", "cmdline+=a", "--with", "cmdline-=a"],
            "conflict",
        ),
    ],
)
def test_measure_and_compare_refuse_wrong_usage(
    bootwright: Cli, debian: Kernel, arguments: list[str], said: str
) -> None:
    done = bootwright(*arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert "hint: " in done.err


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("cmdline+=cryptomgr.notests", "cmdline-=cryptomgr.notests"),
        ("cmdline:panic=-1", "cmdline-=panic=-1"),
    ],
)
def test_compare_with_a_change_that_a_has_removes_it_from_a(
    bootwright: Cli, debian: Kernel, monkeypatch: pytest.MonkeyPatch, text: str, without: str
) -> None:
    executor = Instant({"A": 1000, "B": 900})
    monkeypatch.setattr("bootwright.experiments.measure.Local", lambda home, parallel: executor)
    done = bootwright("compare", *TINY, "--with", text, "--json")
    assert (done.status, done.err) == (0, f"A has that already, so A is booted with {without}\n")
    told = json.loads(done.out)
    assert (told["verdict"], told["pairs"]) == ("faster", 8)
    assert {name: side["changes"] for name, side in told["sides"].items()} == {
        "A": [without],
        "B": [text],
    }
    words = {job.side: job.recipe.cmdline for job in executor.jobs}
    dropped = without.removeprefix("cmdline-=")
    assert words["A"] == tuple(word for word in words["B"] if word != dropped) != words["B"]


def test_compare_refuses_a_change_that_changes_nothing(bootwright: Cli, debian: Kernel) -> None:
    done = bootwright("compare", *TINY, "--with", "memory=512M")
    assert (done.status, done.out) == (2, "")
    assert "memory=512M has no effect" in done.err


def test_measure_resume_of_a_complete_measurement_boots_nothing(
    bootwright: Cli, debian: Kernel, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootwright.defaults.kvm_trial.remembered_build", lambda home, vmm: "7.2")
    whole = measurement([1000] * 6, [900] * 6)
    history = History(home.history)
    begun = measurements.begin(history, whole)
    for sample in whole.samples:
        measurements.add(history, begun.id, sample)
    done = bootwright("compare", "--resume", str(begun.id))
    assert done.status == 0
    assert done.out.startswith("B is faster by 100.0 ms (10%)")
    told = json.loads(bootwright("compare", "--resume", str(begun.id), "--json").out)
    assert (told["verdict"], told["pairs"], told["boots"]) == ("faster", 6, 12)
    assert told["sides"]["B"]["samples"][5]["seed"] == 6


@pytest.mark.parametrize(
    ("command", "heading"),
    [
        (("measure",), "the tiny guest"),
        (("compare", "--with", "memory=1G"), "the tiny guest → the tiny guest with memory=1G"),
    ],
)
def test_html_writes_a_page_that_names_the_kernel(
    bootwright: Cli,
    debian: Kernel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    heading: str,
) -> None:
    executor = Instant({"A": 1000, "B": 900})
    monkeypatch.setattr("bootwright.experiments.measure.Local", lambda home, parallel: executor)
    page = tmp_path / "page.html"
    done = bootwright(*command, *TINY, "-n", "6", "--html", str(page))
    assert done.status == 0
    assert f"{page}: written (" in done.err
    assert f"<h1>{heading}</h1>" in page.read_text()
    assert f"<dt>kernel</dt><dd>{debian.release}</dd>" in page.read_text()


def test_kernels_are_compared_in_each_guest(
    bootwright: Cli, debian: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Instant({"A": 1000, "B": 900})
    monkeypatch.setattr("bootwright.experiments.measure.Local", lambda home, parallel: executor)
    words = ("kernel", "compare", "debian", "debian", "--clock", "wall", "--accelerator", "tcg")
    page = tmp_path / "kernels.html"
    done = bootwright(*words, "-n", "8", "--html", str(page))
    assert done.status == 0
    assert "B against A" in page.read_text()
    assert "compare: boot 16 of 16 done\n" in done.err
    assert done.out.startswith("B is faster by 100.0 ms (10%)")
    told = json.loads(bootwright(*words, "-n", "8", "--json").out)
    assert told["kernel"]["effect_ns"] == -100_000_000
    assert told["tiny"]["sides"]["B"]["changes"] == ["kernel=debian"]
    assert (told["image"], told["reasons"], told["facts"]) == (None, None, None)
    assert {job.recipe.clock for job in executor.jobs} == {"wall"}


def test_trend_of_an_unknown_image_suggests_one_that_was_measured(
    bootwright: Cli, home: Home
) -> None:
    assert bootwright("history", "trend", "wep").err == (
        "no matching measurements; bootwright measure and check record them\n"
    )
    history = History(home.history)
    whole = measurement([1000] * 6)
    begun = measurements.begin(history, whole)
    for sample in whole.samples:
        measurements.add(history, begun.id, sample)
    for command in ("trend", "regress"):
        done = bootwright("history", command, "wep")
        assert (done.status, done.err) == (0, "no matching measurements; did you mean 'web'?\n")
