"""A monitor that is started ahead of time, and what becomes of one that nothing needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bootwright.home import Home
from bootwright.machines import monitor_process
from bootwright.machines.monitor_process import MonitorProcess

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[MonitorProcess]:
    """Return the list of all monitors that are started."""
    found: list[MonitorProcess] = []

    class Noted(MonitorProcess):
        def __init__(self) -> None:
            super().__init__()
            found.append(self)

    monkeypatch.setattr(monitor_process, "MonitorProcess", Noted)
    return found


def test_monitor_that_is_not_needed_is_gone_after_the_block(
    home: Home, started: list[MonitorProcess]
) -> None:
    with monitor_process.started_ahead():
        [monitor] = started
        assert monitor.process.poll() is None
    assert monitor.process.returncode == -9
    assert monitor.connection.fileno() == -1
    assert not home.state.exists()


def test_take_gives_each_monitor_once(started: list[MonitorProcess]) -> None:
    with monitor_process.started_ahead():
        first, second = monitor_process.take(), monitor_process.take()
        assert started == [first, second]
    third = monitor_process.take()
    assert first.process.poll() is None, "whoever took it owns it"
    for monitor in (first, second, third):
        monitor.end()


def test_monitor_whose_leash_is_cut_ends_and_has_made_nothing(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    monitor = MonitorProcess()
    monitor.connection.close()
    assert monitor.process.wait(60) == 0
    assert not home.state.exists()
    assert capfd.readouterr() == ("", "")


def test_monitor_ends_with_a_command_that_is_killed(home: Home) -> None:
    script = (
        "import os, signal\n"
        "from bootwright.machines.monitor_process import MonitorProcess\n"
        "print(MonitorProcess().process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    # Its pid; whether it has ended is seen by the fixture. It had our stderr, which is closed.
    assert done.stdout.strip().isdigit()
    assert done.stderr == ""


def test_package_is_not_looked_for_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bootwright").mkdir()
    (tmp_path / "bootwright/__init__.py").write_text("raise RuntimeError('not ours')\n")
    monkeypatch.chdir(tmp_path)
    monitor = MonitorProcess()
    monitor.connection.close()
    assert monitor.process.wait(60) == 0
