"""What a command does to a machine that another one started; its monitor is a fake."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootwright.errors import BootwrightError, GuestError, InputError
from bootwright.home import Home
from bootwright.host import locks, processes
from bootwright.journal import JournalEntry
from bootwright.machines import control
from bootwright.machines.folder import MachineFolder
from bootwright.machines.messages import (
    AskStatus,
    Ended,
    Failed,
    MarkTaken,
    Paused,
    Quit,
    Stop,
    encode,
)
from bootwright.machines.spec import MONITOR
from tests.machines.fakes import WAITS, FakeMonitor, address, held_elsewhere, shell
from tests.machines.samples import STATUS, at_rest

ENDED = Ended(reason="stopped", text="shut down as requested", console="/logs/web")
MARK = MarkTaken(name="initramfs.start", time_ns=1)


@pytest.fixture
def folder(home: Home) -> MachineFolder:
    return at_rest(home)


@contextmanager
def held(folder: MachineFolder) -> Iterator[None]:
    """Hold a machine's lock, as a monitor does that listens to nobody."""
    lock = locks.take(folder.lock)
    try:
        yield
    finally:
        os.close(lock)


def not_running(error: BootwrightError) -> None:
    assert isinstance(error, InputError)
    assert str(error) == "machine 'web' is not running"
    assert error.hint == "bootwright start web"


def no_answer(error: BootwrightError) -> None:
    assert isinstance(error, GuestError)
    assert str(error) == "the monitor of machine 'web' does not answer"
    assert error.hint == "try again, or end it by force: bootwright rm --force web"


def test_control_status_returns_the_machines_state(folder: MachineFolder) -> None:
    with FakeMonitor(folder).running() as monitor:
        assert control.status(folder) == STATUS
        assert control.status(folder) == STATUS
    assert monitor.heard == [AskStatus(), AskStatus()]


def test_control_status_skips_other_messages(folder: MachineFolder) -> None:
    chatter = encode(MARK) + encode(Paused(text="the disk is full"))
    with FakeMonitor(folder, chatter=chatter).running():
        assert control.status(folder) == STATUS


def test_control_status_without_a_monitor(folder: MachineFolder) -> None:
    with pytest.raises(InputError) as bad:
        control.status(folder)
    not_running(bad.value)


def test_control_status_with_a_path_too_long_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = MachineFolder(tmp_path / ("deep" * 30) / "web")
    folder.path.mkdir(parents=True)
    with FakeMonitor(folder).running() as monitor:
        assert control.status(folder) == STATUS
        assert asyncio.run(control.stop(folder, 1)) == Ended(reason="stopped")
    assert monitor.heard == [AskStatus(), Stop(timeout_s=1)]


def test_control_status_of_a_monitor_that_never_answers(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_ANSWER_S", 0.05)
    with FakeMonitor(folder, status=None).running(), pytest.raises(GuestError) as bad:
        control.status(folder)
    no_answer(bad.value)


def test_control_status_of_a_monitor_that_does_not_listen_yet(folder: MachineFolder) -> None:
    with held(folder), pytest.raises(GuestError) as bad:
        control.status(folder)
    no_answer(bad.value)


@pytest.mark.parametrize("chatter", [b"HTTP/1.1 400 Bad Request\n", b"\xff\n", encode(Quit())])
def test_control_status_of_a_monitor_that_sends_garbage(
    chatter: bytes, folder: MachineFolder
) -> None:
    with FakeMonitor(folder, chatter=chatter).running(), pytest.raises(GuestError) as bad:
        control.status(folder)
    no_answer(bad.value)


async def test_control_connect_end_and_stop_without_a_monitor(folder: MachineFolder) -> None:
    for telling in (control.connect(folder), control.end(folder), control.stop(folder, 1)):
        with pytest.raises(InputError) as bad:
            await telling
        not_running(bad.value)


async def test_control_connect_waits_for_a_new_monitor(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_BEGIN_S", 60)

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        writer.close()

    with held(folder), address(folder.control) as path:
        connecting = asyncio.create_task(control.connect(folder))
        for _ in range(3):
            await asyncio.sleep(control._BEGIN_PAUSE_S)
        assert not connecting.done()
        async with await asyncio.start_unix_server(greet, path=path):
            reader, writer = await asyncio.wait_for(connecting, 60)
            assert await reader.readline() == b"hello\n"
            writer.close()


async def test_control_connect_to_a_monitor_about_to_end(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_BEGIN_S", 60)
    with held(folder):
        connecting = asyncio.create_task(control.connect(folder))
        await asyncio.sleep(control._BEGIN_PAUSE_S)
        assert not connecting.done()
    with pytest.raises(InputError) as bad:
        await asyncio.wait_for(connecting, 60)
    not_running(bad.value)


async def test_control_connect_to_a_monitor_that_never_listens(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_BEGIN_S", 0.05)
    with held(folder), pytest.raises(GuestError) as bad:
        await control.connect(folder)
    no_answer(bad.value)


async def test_control_end_returns_when_the_machine_is_gone(folder: MachineFolder) -> None:
    with FakeMonitor(folder, chatter=encode(MARK), removes=True).running() as monitor:
        await control.end(folder)
        assert not folder.path.exists()
    assert monitor.heard == [Quit()]


async def test_control_stop_returns_how_the_machine_ended(folder: MachineFolder) -> None:
    with FakeMonitor(folder, ending=(MARK, ENDED)).running() as monitor:
        assert await control.stop(folder, 2.5) == ENDED
        assert not folder.is_alive()
    assert monitor.heard == [Stop(timeout_s=2.5)]


async def test_control_stop_returns_the_end_of_a_failed_machine(folder: MachineFolder) -> None:
    failed = Failed(error="GuestError", text="the kernel panicked", hint="", evidence="")
    ending = (failed, Ended(reason="vmm-died"))
    failing = pytest.raises(GuestError, match=r"^the kernel panicked$")
    with FakeMonitor(folder, ending=ending).running(), failing:
        await control.stop(folder, 1)
    with FakeMonitor(folder, ending=ending).running():
        await control.end(folder)  # it is gone, however that came about


async def test_control_stop_reports_a_monitor_killed_meanwhile(folder: MachineFolder) -> None:
    with FakeMonitor(folder, ending=(MARK,)).running():
        ended = await control.stop(folder, 1)
    assert ended == Ended(reason="lost", text="its monitor was killed")


async def test_control_end_and_stop_report_a_monitor_that_does_not_end(
    folder: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "GONE_S", 0.05)
    with FakeMonitor(folder, ending=None).running():
        for telling, waited in ((control.end(folder), "0.05"), (control.stop(folder, 0.2), "0.25")):
            with pytest.raises(GuestError) as bad:
                await telling
            assert str(bad.value) == (
                f"the monitor of machine 'web' has not ended after {waited} s"
            )
            assert bad.value.hint == "end it by force: bootwright rm --force web"


def test_control_force_kills_a_monitor_by_its_token(folder: MachineFolder) -> None:
    tokens = {role: processes.new_token() for role in (MONITOR, "vmm")}
    for role, token in tokens.items():
        folder.journal.write(JournalEntry(event="take", kind="process", name=role, token=token))
    folder.journal.write(JournalEntry(event="take", kind="file", name=MONITOR))
    with (
        held_elsewhere(folder.lock, tokens[MONITOR]) as monitor,
        shell(WAITS, processes.environment_with_token(tokens["vmm"], {})) as vmm,
    ):
        control.force(folder)
        assert monitor.wait() == -9
        assert not folder.is_alive()
        assert vmm.poll() is None  # the kernel sees to it, or else whoever settles
    assert len(folder.journal.owned()) == 3


def test_control_force_refuses_a_monitor_without_a_journal_row(folder: MachineFolder) -> None:
    with held_elsewhere(folder.lock) as monitor:
        control.force(folder)
        assert monitor.poll() is None
