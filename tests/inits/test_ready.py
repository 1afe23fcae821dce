"""The script that a guest starts by itself."""

from __future__ import annotations

import pytest

from bootwright.inits import ready
from bootwright.inits.table import INITS


@pytest.mark.parametrize("name", ["systemd", "systemd-trimmed"])
def test_ready_guest_files_for_systemd_include_a_wanted_unit(name: str) -> None:
    files = ready.guest_files(INITS[name], "echo hello\n")
    assert files["/bootwright/run/bootwright/ready"] == (b"echo hello\n", 0o644)
    unit, _ = files["/bootwright/run/systemd/system/bootwright-ready.service"]
    assert f"ExecStart=/bin/sh {ready.PATH}\n".encode() in unit
    wanted, _ = files["/bootwright/run/systemd/system/multi-user.target.d/50-bootwright.conf"]
    assert b"Wants=bootwright-ready.service" in wanted


@pytest.mark.parametrize("name", ["tini", "bare"])
def test_ready_guest_files_for_other_inits_are_the_script(name: str) -> None:
    assert list(ready.guest_files(INITS[name], "true")) == ["/bootwright/run/bootwright/ready"]
