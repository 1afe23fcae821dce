"""A tiny guest with virtualization of its own, on whatever this host has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boots.harness import Bootwright

pytestmark = pytest.mark.boot


def test_nested_tiny_guest_is_the_same_each_time_on_the_virtual_clock(
    bootwright: Bootwright, kernel: str
) -> None:
    words = ("run", "--tiny", "--kernel", kernel, "--nested", "--clock", "virtual")
    told = [bootwright.json(*words, "--", "test -c /dev/kvm && dmesg") for _ in range(2)]
    assert [run["exit_status"] for run in told] == [0, 0], told[0]["output"]
    assert "SVM: kvm: Nested Paging enabled" in told[0]["output"]
    assert told[0]["output"] == told[1]["output"]


def test_nested_guest_without_virtualization_is_stopped_with_the_kernels_reason(
    bootwright: Bootwright, kernel: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "intel.toml"
    recipe.write_text('cpu = "Skylake-Client-v1"\n')
    refused = bootwright(
        *("run", "--tiny", "--recipe", recipe, "--kernel", kernel, "--nested"),
        *("--accelerator", "tcg", "--", "true"),
    )
    assert refused.returncode != 0
    assert "no virtualization in this guest: " in refused.stderr
