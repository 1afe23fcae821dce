"""A budget of real boots: kept, exceeded, accepted; and what the history says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.boots.harness import Bootwright

pytestmark = pytest.mark.boot


def test_check_fails_for_a_slower_boot_and_names_the_phase(
    bootwright: Bootwright, kernel: str, tmp_path: Path
) -> None:
    file = tmp_path / "budget.toml"
    text = f'clock = "virtual"\nboots = 2\n[[boot]]\nname = "k"\ntiny = true\nkernel = "{kernel}"\n'
    file.write_text(text)
    assert bootwright("check", str(file), "--update").returncode == 0
    file.write_text(text + 'with = ["cmdline-=cryptomgr.notests"]\n')
    done = bootwright("check", str(file))
    assert done.returncode == 1, done.stderr
    assert "since the baseline: cmdline: -cryptomgr.notests" in done.stdout
    assert "over budget or failed: k" in done.stdout
