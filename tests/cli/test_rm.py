"""bootwright rm: what is removed, what is refused, and what is done about a deaf monitor."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from bootwright.home import Home
from bootwright.host import processes
from bootwright.journal import JournalEntry
from bootwright.machines import control
from bootwright.machines.messages import Quit
from bootwright.machines.spec import MONITOR
from tests.machines.fakes import WAITS, FakeMonitor, held_elsewhere, shell, state_of, until
from tests.machines.samples import at_rest, entries, made

Cli = Callable[..., Any]


def test_rm_removes_the_named_stopped_machines_only(bootwright: Cli, home: Home) -> None:
    for name in ("web", "db", "left"):
        at_rest(home, name)
    done = bootwright("rm", "db", "web", "db")
    assert (done.status, done.out, done.err) == (0, "", "db: removed\nweb: removed\n")
    assert entries(home) == ["left"]


def test_rm_refuses_all_when_one_machine_runs(bootwright: Cli, home: Home) -> None:
    at_rest(home, "db")
    with FakeMonitor(at_rest(home)).running() as monitor:
        done = bootwright("rm", "db", "web")
    assert done.status == 2
    assert done.err == (
        "bootwright: error: machine 'web' is running; nothing was done\n"
        "  hint: bootwright stop web, or: bootwright rm --force web\n"
    )
    assert monitor.heard == []
    assert entries(home) == ["db", "web"]


def test_rm_refuses_all_when_one_machine_is_unknown(bootwright: Cli, home: Home) -> None:
    at_rest(home)
    done = bootwright("rm", "--force", "web", "nosuch")
    assert done.status == 2
    assert done.err == (
        "bootwright: error: no machine is called 'nosuch'; nothing was done\n"
        "  hint: there are: web\n"
    )
    assert entries(home) == ["web"]


@pytest.mark.parametrize("kept", [True, False])
def test_rm_force_ends_running_machines_first(kept: bool, bootwright: Cli, home: Home) -> None:
    with ExitStack() as stack:
        monitors = [
            stack.enter_context(FakeMonitor(at_rest(home, name), removes=not kept).running())
            for name in ("db", "web")
        ]
        at_rest(home, "resting")
        done = bootwright("rm", "--force", "web", "resting", "db")
    assert (done.status, done.out) == (0, "")
    assert done.err == "web: removed\nresting: removed\ndb: removed\n"
    assert [monitor.heard for monitor in monitors] == [[Quit()], [Quit()]]
    assert entries(home) == []


def test_rm_force_accepts_a_machine_that_is_already_gone(
    bootwright: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It ends by itself between our look at it and our word to it.
    with FakeMonitor(at_rest(home)).running() as monitor:
        real = control.end

        async def late(folder: Any) -> None:
            monitor.give_back()
            await real(folder)

        monkeypatch.setattr(control, "end", late)
        done = bootwright("rm", "--force", "web")
    assert (done.status, done.err) == (0, "web: removed\n")
    assert entries(home) == []


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGSTOP])
def test_rm_force_kills_a_monitor_that_does_not_answer(
    number: signal.Signals, bootwright: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_BEGIN_S", 0.05)
    folder = at_rest(home)
    tokens = {role: processes.new_token() for role in (MONITOR, "vmm")}
    for role, token in tokens.items():
        folder.journal.write(JournalEntry(event="take", kind="process", name=role, token=token))
    with (
        held_elsewhere(folder.lock, tokens[MONITOR]) as monitor,
        shell(WAITS, processes.environment_with_token(tokens["vmm"], {})) as vmm,
    ):
        monitor.send_signal(number)
        if number == signal.SIGSTOP:
            until(lambda: state_of(monitor.pid) == "T", "it to stop")
        done = bootwright("rm", "--force", "web")
        assert monitor.wait() == -9
        assert vmm.wait() == -9
    assert (done.status, done.out) == (0, "")
    assert done.err == "web: its monitor does not end; killing it\nweb: removed\n"
    assert entries(home) == []


def test_rm_force_kills_a_monitor_that_does_not_end(
    bootwright: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "GONE_S", 0.05)
    with FakeMonitor(at_rest(home), ending=None).running() as monitor:
        # It lives in this process, so that to kill it means to let it give back.
        monkeypatch.setattr(control, "force", lambda folder: monitor.give_back())
        done = bootwright("rm", "--force", "web")
    assert done.err == "web: its monitor does not end; killing it\nweb: removed\n"
    assert monitor.heard == [Quit()]
    assert entries(home) == []


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_rm_removes_a_damaged_machine(force: tuple[str, ...], bootwright: Cli, home: Home) -> None:
    folder = at_rest(home)
    for name in ("machine.json", "identity.json", "end.json"):
        (folder.path / name).write_text("{")
    done = bootwright("rm", *force, "web")
    assert (done.status, done.err) == (0, "web: removed\n")
    assert entries(home) == []


def test_rm_does_not_find_a_crashed_machine_that_was_not_kept(bootwright: Cli, home: Home) -> None:
    made(home)
    done = bootwright("rm", "web")
    assert done.status == 2
    assert done.err.startswith("bootwright: error: no machine is called 'web'\n")
    assert entries(home) == []
