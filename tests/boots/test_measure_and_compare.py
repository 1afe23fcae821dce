"""Measurements and comparisons of real boots: the tiny guest, on the clock that tells all."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.boots.harness import Bootwright
from tests.boots.test_virtual_clock import busy_host

pytestmark = pytest.mark.boot

TINY = ("--tiny", "--clock", "virtual")


def test_measure_on_the_virtual_clock_is_repeatable_on_a_busy_host(
    bootwright: Bootwright, kernel: str
) -> None:
    words = ("measure", *TINY, "--kernel", kernel, "-n", "2", "--seed", "7")
    quiet = bootwright.json(*words)
    with busy_host():
        busy = bootwright.json(*words)
    assert quiet["samples"] == busy["samples"]
    assert [sample["seed"] for sample in quiet["samples"]] == [7, 8]
    for sample in quiet["samples"]:
        assert sample["kernel"] + sample["initramfs"] == sample["whole"]
    assert quiet["phases"]["whole"]["min_ns"] == min(s["whole"] for s in quiet["samples"])


def test_compare_finds_the_crypto_self_tests(bootwright: Bootwright, kernel: str) -> None:
    words = ("compare", *TINY, "--kernel", kernel, "-n", "6")
    # It is a default, so A is booted without it.
    told = bootwright.json(*words, "--with", "cmdline+=cryptomgr.notests")
    assert told["sides"]["A"]["changes"] == ["cmdline-=cryptomgr.notests"]
    assert told["verdict"] == "faster"
    assert told["phases"]["initramfs"]["verdict"] == "no-difference"
    # About 0.9 s of 1.3, on this clock.
    assert -1_100_000_000 < told["effect_ns"] < -700_000_000
    assert told["ci_ns"][0] <= told["effect_ns"] <= told["ci_ns"][1] < 0
    assert told["sides"]["B"]["changes"] == ["cmdline+=cryptomgr.notests"]
    samples = {side: told["sides"][side]["samples"] for side in "AB"}
    assert [s["seed"] for s in samples["A"]] == [s["seed"] for s in samples["B"]]


def test_compare_of_a_with_a_differs_by_no_nanosecond(
    bootwright: Bootwright, kernel: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "tiny.toml"
    words = ("recipe", "show", "--tiny", "--kernel", kernel, "--clock", "virtual")
    recipe.write_text(bootwright(*words).stdout)
    told = bootwright.json("compare", recipe, recipe, "-n", "2")
    assert (told["effect_ns"], told["ci_ns"], told["p"]) == (0, [0, 0], 1)
    assert {tuple(phase["ci_ns"]) for phase in told["phases"].values()} == {(0, 0)}
    assert told["sides"]["A"]["samples"] == told["sides"]["B"]["samples"]
    assert told["verdict"] == "cannot-tell"  # two boots are too few, whatever they say
    assert told["may_tell"] == 6


def test_measure_resume_continues_an_interrupted_measurement(
    bootwright: Bootwright, kernel: str
) -> None:
    words = ("measure", *TINY, "--kernel", kernel, "-n", "3", "--parallel", "1")
    process = bootwright.start(*words)
    assert process.stdout is not None
    said = ""
    while "boot 1 of 3 done" not in said:
        said += process.stdout.readline().decode()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 130
    found = re.search(r"(\d) of 3 boots are kept: bootwright measure --resume (\d+) goes on", rest)
    assert found, rest
    resumed = bootwright.json("measure", "--resume", found[2])
    assert resumed["samples"] == bootwright.json(*words)["samples"]
    assert resumed["id"] == int(found[2])


def test_compare_does_not_count_failed_boots_as_fast(bootwright: Bootwright, kernel: str) -> None:
    change = "vmm.nosuch=on"
    done = bootwright(
        "compare", *TINY, "--kernel", kernel, "-n", "6", "--with", change, "--parallel", "1"
    )
    assert done.returncode == 1, done.stderr
    assert re.match(r"no verdict: 3 of 3 boots of B failed: QEMU did not start", done.stdout)
    assert f"B: the tiny guest with {change}" in done.stdout
