"""bootwright stop: what the monitor is told, and what its answer is said as."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from bootwright.home import Home
from bootwright.machines import control
from bootwright.machines.messages import Ended, Stop
from tests.machines.fakes import FakeMonitor
from tests.machines.samples import at_rest

Cli = Callable[..., Any]


def test_stop_stops_several_machines(bootwright: Cli, home: Home) -> None:
    with ExitStack() as stack:
        monitors = [
            stack.enter_context(FakeMonitor(at_rest(home, name)).running())
            for name in ("web", "db", "left")
        ]
        done = bootwright("stop", "web", "db", "web")
        assert (done.status, done.out) == (0, "")
        assert sorted(done.err.splitlines()) == ["db: stopped", "web: stopped"]
        assert [monitor.heard for monitor in monitors] == [
            *([Stop(timeout_s=30)], [Stop(timeout_s=30)], [])
        ]
        assert monitors[2].folder.is_alive()


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (Ended(reason="stopped", text="shut down as requested"), "stopped"),
        (Ended(reason="powered-off", text="the guest powered itself off"), "stopped"),
        (
            Ended(reason="ended", text="did not shut down in time and was ended"),
            "did not shut down within 2.5 s and was ended",
        ),
        (
            Ended(reason="panicked", text="the guest's kernel panicked: x"),
            "the guest's kernel panicked: x",
        ),
        (Ended(reason="lost", text="its monitor was killed"), "its monitor was killed"),
    ],
)
def test_stop_says_how_the_machine_ended(
    ended: Ended, said: str, bootwright: Cli, home: Home
) -> None:
    with FakeMonitor(at_rest(home), ending=(ended,)).running() as monitor:
        done = bootwright("stop", "web", "--timeout", "2.5")
    assert (done.status, done.out, done.err) == (0, "", f"web: {said}\n")
    assert monitor.heard == [Stop(timeout_s=2.5)]


def test_stop_reports_a_monitor_killed_meanwhile(bootwright: Cli, home: Home) -> None:
    with FakeMonitor(at_rest(home), ending=()).running():
        assert bootwright("stop", "web").err == "web: its monitor was killed\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("db", "machine 'db' is not running; nothing was done\n  hint: bootwright start db\n"),
        ("nosuch", "no machine is called 'nosuch'; nothing was done\n  hint: there are: db, web\n"),
    ],
)
def test_stop_refuses_all_when_one_machine_does_not_run(
    name: str, said: str, bootwright: Cli, home: Home
) -> None:
    at_rest(home, "db")
    with FakeMonitor(at_rest(home)).running() as monitor:
        done = bootwright("stop", "web", name)
    assert (done.status, done.err) == (2, f"bootwright: error: {said}")
    assert monitor.heard == []


def test_stop_stops_the_rest_when_one_does_not_end(
    bootwright: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "GONE_S", 0.05)
    with (
        FakeMonitor(at_rest(home, "deaf"), ending=None).running(),
        FakeMonitor(at_rest(home)).running(),
    ):
        done = bootwright("stop", "deaf", "web", "--timeout", "0.05")
    assert done.status == 1
    assert done.err == (
        "web: stopped\n"
        "bootwright: error: the monitor of machine 'deaf' has not ended after 0.1 s\n"
        "  hint: end it by force: bootwright rm --force deaf\n"
    )


def test_stop_timeout_refuses_negative_values(bootwright: Cli, home: Home) -> None:
    with FakeMonitor(at_rest(home)).running() as monitor:
        done = bootwright("stop", "web", "--timeout", "-1")
    assert done.status == 2
    assert "--timeout is -1.0, which is out of range\n  hint: use a number, 0 or more" in done.err
    assert monitor.heard == []
