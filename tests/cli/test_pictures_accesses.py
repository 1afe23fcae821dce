"""Accesses to devices in what `timeline --json` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bootwright.cli import pictures
from bootwright.cli.main import cli
from bootwright.timelines.evidence import DeviceAccess
from bootwright.timelines.span import ROOT, Timeline
from tests.reports.boots import span


def test_timeline_json_has_an_object_for_each_device_accessed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = span(ROOT, "", 0, 1, "frame", "host")
    counted = (DeviceAccess("UART ttyS0 (console)", 83, 239, 322), DeviceAccess("HPET", 2, 0, 8))
    timeline = Timeline(spans=(root,), clock="virtual", clock_error_ns=0, accesses=counted)
    pictures.show(timeline, as_json=True)
    assert json.loads(capsys.readouterr().out)["accesses"] == [
        {"device": "UART ttyS0 (console)", "reads": 83, "writes": 239, "bytes": 322},
        {"device": "HPET", "reads": 2, "writes": 0, "bytes": 8},
    ]


def test_timeline_log_json_has_no_accesses(tmp_path: Path) -> None:
    log = tmp_path / "dmesg"
    log.write_text("[    0.000000] Linux version 6.1.0\n[    0.500000] Run /init as init process\n")
    done = CliRunner().invoke(cli, ["timeline", "--log", str(log), "--json"], obj=0)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["accesses"] == []
