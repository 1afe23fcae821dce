"""Booting a machine for somebody who uses it; QEMU and ssh are fakes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bootwright.booting import boot as boots
from bootwright.booting.request import BootRequest, Wish, check_input, input_limit_bytes
from bootwright.booting.vm import VM
from bootwright.defaults.kvm_trial import Choice
from bootwright.errors import (
    BootwrightError,
    GuestError,
    InputError,
    LostGuestError,
    NotFoundError,
    VmmError,
)
from bootwright.events import Event, Notice
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.machines import control
from bootwright.machines.events import MarkReached, OutputReceived
from bootwright.machines.folder import MachineFolder, claimed_folder
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.draft import Draft
from bootwright.timelines.phases import START
from bootwright.timelines.recorder import Recorder
from tests.history.samples import evidence
from tests.machines.fakes import ssh_that_logs_in
from tests.machines.samples import RECIPE, SPEC, entries
from tests.machines.test_client_kept_machines import BOOTS
from tests.observed import Observed
from tests.vmms.fakes import Fake

pytestmark = pytest.mark.usefixtures("quiet_monitors")

CHOICE = Choice(accelerator="tcg", reason="asked for", disk_reason="it is quick")
RUNS_COMMAND = """
if command == "cont":
    answer()
    mark("initramfs.start"); mark("command.start")
    marks.sendall(b"hello")
    mark("command.end 3")
    return None
"""


def request_of(home: Home, spec: MachineSpec, *, again: bool = False) -> BootRequest:
    return BootRequest(
        home=home,
        spec=spec,
        choice=CHOICE,
        timeout_s=30,
        image="web" if spec.recipe.image else None,
        kernel="debian",
        again=again,
    )


def marked() -> Recorder:
    recorder = Recorder()
    recorder.mark(START)
    return recorder


# A guest that powers itself off when its VMM gets this signal.
POWERS_OFF = """
def power_off(*_):
    event("SHUTDOWN", guest=True, reason="guest-shutdown")
    os._exit(0)
signal.signal(signal.SIGUSR1, power_off)
"""


@pytest.fixture
def web(kept: MachineSpec, fake: Fake, tmp_path: Path) -> MachineSpec:
    """A machine that is not kept, with an ssh whose every log-in succeeds."""
    fake(POWERS_OFF + BOOTS)
    ssh_that_logs_in(tmp_path / "bin")
    return replace(kept, kept=False)


def booted(
    home: Home, spec: MachineSpec, observed: Observed | None = None
) -> AbstractAsyncContextManager[VM]:
    return boots.booted(request_of(home, spec), marked(), observed or Observed())


async def signal_vmm(home: Home, number: signal.Signals) -> None:
    status = await asyncio.to_thread(control.status, MachineFolder(home.machines / "web"))
    os.kill(status.vmm_pid, number)


async def for_ever() -> None:
    await asyncio.Event().wait()


async def failure(
    home: Home, spec: MachineSpec, body: Callable[[VM], Awaitable[None]]
) -> BootwrightError:
    """Return what a block raises that does something to its machine and goes on for ever."""

    async def use() -> None:
        async with booted(home, spec) as vm:
            await body(vm)
            await for_ever()

    with pytest.raises(BootwrightError) as bad:
        await use()
    return bad.value


# One command


async def test_one_command_of_a_tiny_guest(home: Home, tiny: MachineSpec, fake: Fake) -> None:
    fake(RUNS_COMMAND)
    observed = Observed()
    ran = await boots.run_once(request_of(home, tiny), ("true",), marked(), observed)
    assert (ran.name, ran.exit_status, ran.stdout, ran.stderr) == ("web", 3, "hello", "")
    assert [phase.name for phase in ran.phases] == [
        *(
            "host preparation",
            "VMM start",
            "firmware and kernel",
            "initramfs",
            "command",
            "clean-up",
        ),
    ]
    assert ran.total_ns == sum(phase.duration_ns for phase in ran.phases)
    assert ran.start_up_ns == sum(phase.duration_ns for phase in ran.phases[:4])
    assert (ran.accelerator_reason, ran.disk_reason) == ("asked for", "it is quick")
    assert (ran.disk, ran.machine_type) == ("none", "q35")
    assert OutputReceived(data=b"hello") in observed.events
    [row] = History(home.history).find()
    assert (row.command, row.image, row.kernel, row.total_ns) == ("run", "", "debian", ran.total_ns)
    assert entries(home) == []


async def test_an_input_that_no_command_could_read_is_refused(
    home: Home, tiny: MachineSpec
) -> None:
    request = request_of(home, tiny)
    given = b"x" * (input_limit_bytes(tiny.recipe) + 1)
    with pytest.raises(InputError, match="standard input is larger than"):
        await boots.run_once(request, ("true",), marked(), Observed(), input=given)
    with pytest.raises(InputError, match="there is no command to read the input"):
        check_input(tiny.recipe, b"x", has_command=False)
    assert not home.machines.exists()


async def test_output_that_is_not_captured_is_only_observed(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake(RUNS_COMMAND)
    observed = Observed()
    ran = await boots.run_once(request_of(home, tiny), ("true",), marked(), observed, capture=False)
    assert ran.stdout == ""
    assert OutputReceived(data=b"hello") in observed.events


async def test_one_command_over_ssh(home: Home, web: MachineSpec) -> None:
    command = ("sh", "-c", "echo out; echo err >&2; exit 7")
    ran = await boots.run_once(request_of(home, web), command, marked(), Observed())
    assert (ran.exit_status, ran.stdout, ran.stderr) == (7, "out\n", "err\n")
    assert [phase.name for phase in ran.phases][-3:] == ["SSH log-in", "command", "clean-up"]
    assert entries(home) == []


async def test_a_tiny_guest_cannot_be_logged_in_to(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake(RUNS_COMMAND)
    async with booted(home, tiny) as vm:
        with pytest.raises(InputError, match=r"^machine 'web' runs one command and has no SSH"):
            await vm.run("true")
        done = await vm.finished()
    assert (done.exit_status, done.stdout, done.stderr) == (3, "hello", "")
    assert done.duration_ns >= 0  # the fake tells begin and end together


# A block


async def test_a_machine_is_used_for_the_length_of_a_block(home: Home, web: MachineSpec) -> None:
    observed = Observed()
    async with booted(home, web, observed) as vm:
        assert vm.phases[-1].name == "PID 1 to sshd"
        first = await vm.run("echo one; exit 3")
        second = await vm.run("echo", "a  b")
        assert (first.exit_status, first.stdout) == (3, "one\n")
        assert (second.exit_status, second.stdout) == (0, "a  b\n")
        assert (await vm.run("cat", input="ä\n")).stdout == "ä\n"
        assert (await vm.run("cat", input=b"x")).stdout == "x"
        assert (await vm.run("cat")).stdout == ""
        assert vm.phases[-1].name == "SSH log-in"
        assert vm.start_up_ns == sum(phase.duration_ns for phase in vm.phases)
        reach = vm.endpoint
        assert (reach.host, reach.port, reach.user) == ("127.0.0.1", 40001, "root")
        assert vm.ports == {22: 40001}
        assert vm.console == "Linux version 6.1"
        assert (vm.name, vm.recipe, vm.choice) == ("web", web.recipe, CHOICE)
        with pytest.raises(GuestError, match=r"^machine 'web' runs no command by itself$"):
            await vm.finished()
        with pytest.raises(InputError, match=r"^there is no command to run$"):
            await vm.run()
    assert [phase.name for phase in vm.phases][-2:] == ["command", "clean-up"]
    marks = [event.name for event in observed.events if isinstance(event, MarkReached)]
    assert marks.count("ssh.login") == 5
    assert marks[-2:] == ["command.end", "machine.gone"]
    [row] = History(home.history).find()
    assert (row.image, row.start_up_ns) == ("web", vm.start_up_ns)
    assert entries(home) == []


async def test_a_command_that_takes_too_long_is_given_up(home: Home, web: MachineSpec) -> None:
    async with booted(home, web) as vm:
        with pytest.raises(GuestError, match=r"^the command has not ended after 0\.1 s: exec sl"):
            await vm.run("exec sleep 60", timeout=0.1)
        assert (await vm.run("echo still here")).stdout == "still here\n"


async def test_commands_may_run_at_once(home: Home, web: MachineSpec, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "between")
    async with booted(home, web) as vm:
        heard, said = await asyncio.gather(
            vm.run(f"cat {tmp_path}/between"), vm.run(f"echo hello >{tmp_path}/between; echo said")
        )
    assert (heard.stdout, said.stdout) == ("hello\n", "said\n")


async def test_files_are_copied(
    home: Home, web: MachineSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = tmp_path / "guest"
    guest.mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dump.sql").write_text("select 1;")
    async with booted(home, web) as vm:
        await vm.copy_in("dump.sql", str(guest))
        await vm.copy_out(f"{guest}/dump.sql", "back.sql")
        with pytest.raises(InputError, match=r"^there is no ") as bad:
            await vm.copy_in("nosuch.sql", str(guest))
    assert str(bad.value) == f"there is no {tmp_path}/nosuch.sql"
    assert (tmp_path / "back.sql").read_text() == "select 1;"


async def test_an_exception_of_the_block_leaves_nothing(home: Home, web: MachineSpec) -> None:
    class Mine(Exception):
        pass

    with pytest.raises(Mine) as mine:
        async with booted(home, web):
            raise Mine
    assert not hasattr(mine.value, "__notes__")
    assert entries(home) == []


async def test_a_cancelled_block_leaves_nothing(home: Home, web: MachineSpec) -> None:
    begun = asyncio.Event()

    async def use() -> None:
        async with booted(home, web):
            begun.set()
            await for_ever()

    task = asyncio.create_task(use())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert entries(home) == []


# The machine ends during the block


async def test_a_vmm_that_is_killed_cancels_the_block(home: Home, web: MachineSpec) -> None:
    error = await failure(home, web, lambda vm: signal_vmm(home, signal.SIGKILL))
    assert type(error) is VmmError
    assert str(error) == "the VMM died (exit status -9)"
    assert error.evidence == "Linux version 6.1"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # nothing of the cancellation is left
    assert entries(home) == []


async def test_a_monitor_that_is_killed_cancels_the_block(home: Home, web: MachineSpec) -> None:
    async def kill(vm: VM) -> None:
        status = await asyncio.to_thread(control.status, MachineFolder(home.machines / vm.name))
        os.kill(status.monitor_pid, signal.SIGKILL)

    error = await failure(home, web, kill)
    assert type(error) is VmmError
    assert str(error) == "the monitor of machine 'web' died"
    assert error.evidence == "Linux version 6.1"
    reclaim(home)
    assert entries(home) == []


async def test_a_guest_that_powers_off_cancels_the_block(home: Home, web: MachineSpec) -> None:
    async def power_off(vm: VM) -> None:
        await vm.run("true")
        await signal_vmm(home, signal.SIGUSR1)

    error = await failure(home, web, power_off)
    assert type(error) is GuestError
    assert str(error) == "machine 'web' has ended: the guest powered itself off"
    assert error.evidence == "Linux version 6.1"
    assert entries(home) == []


async def test_a_guest_that_powers_off_under_a_command(home: Home, web: MachineSpec) -> None:
    async def power_off(vm: VM) -> None:
        await vm.run("true")
        sending = asyncio.create_task(signal_vmm(home, signal.SIGUSR1))
        await vm.run("exec sleep 60")
        await sending

    error = await failure(home, web, power_off)
    assert type(error) is LostGuestError
    assert str(error) == (
        "machine 'web' went away while the command ran: the guest powered itself off"
    )
    assert error.evidence == "Linux version 6.1"
    assert entries(home) == []


async def test_tasks_of_the_block_are_cancelled_too(home: Home, web: MachineSpec) -> None:
    ended = []

    async def work() -> None:
        try:
            await for_ever()
        finally:
            ended.append("work")

    async def use(vm: VM) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            await signal_vmm(home, signal.SIGKILL)

    assert type(await failure(home, web, use)) is VmmError
    assert ended == ["work"]


async def test_a_machine_that_is_stopped_in_the_block_cancels_nothing(
    home: Home, web: MachineSpec
) -> None:
    async with booted(home, web) as vm:
        await vm.stop()
        await asyncio.sleep(0.05)
        with pytest.raises(GuestError, match=r"^machine 'web' has ended: shut down as"):
            await vm.run("true")
    assert entries(home) == []


async def test_a_machine_may_end_by_itself(home: Home, web: MachineSpec) -> None:
    async with booted(home, web) as vm, asyncio.TaskGroup() as group:
        group.create_task(signal_vmm(home, signal.SIGUSR1))
        assert await vm.wait() == "powered-off"
    assert entries(home) == []


async def test_an_observer_that_fails_ends_the_machine(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake(RUNS_COMMAND)

    def observe(event: Event) -> None:
        if isinstance(event, OutputReceived):
            raise BrokenPipeError("nobody reads on")

    with pytest.raises(BrokenPipeError, match=r"^nobody reads on$"):
        await boots.run_once(request_of(home, tiny), ("true",), marked(), observe)
    assert entries(home) == []


# Kept machines


async def test_a_kept_machine_lies_there_after_the_block_and_starts_again(
    home: Home, web: MachineSpec
) -> None:
    async with booted(home, replace(web, kept=True)):
        pass
    folder = MachineFolder(home.machines / "web")
    assert (entries(home), folder.is_alive()) == (["web"], False)
    async with boots.start("web", home=home, timeout=30) as vm:
        await vm.run("true")
        vm.detach()
    assert folder.is_alive()
    [row] = History(home.history).find()
    assert (row.command, row.image, row.kernel) == ("start", "web", "debian")
    await control.end(folder)


async def test_a_machine_that_is_not_kept_cannot_be_detached(home: Home, web: MachineSpec) -> None:
    async with booted(home, web) as vm:
        with pytest.raises(InputError, match=r"^machine 'web' is not kept, so it cannot be det"):
            vm.detach()


async def test_a_machine_that_is_not_there_is_not_started(home: Home) -> None:
    with pytest.raises(NotFoundError, match=r"^no machine is called 'db'$"):
        async with boots.start("db", home=home):
            pytest.fail("there is none")


# What is asked for


def test_wish_refuses_what_does_not_go_together(home: Home) -> None:
    cases: tuple[tuple[Draft, dict[str, Any], str], ...] = (
        (Draft(), {}, "a tiny guest needs a command"),
        (Draft(), {"command": ("true",), "timeout_s": 0}, "--timeout is 0, but must be more than"),
        (Draft(image="web"), {"publish": ("80",)}, "--publish '80' is not a pair of ports"),
        (Draft(image="web"), {"name": "a.b"}, "'a.b' cannot name a machine"),
    )
    for draft, options, message in cases:
        with pytest.raises(InputError, match=f"^{message}"):
            Wish(home=home, draft=draft, **options)
    assert not home.data.exists()


# What is kept in the history


def remembered(home: Home, marks: int, *, again: bool = False) -> list[Event]:
    recorder, observed = Recorder(), Observed()
    for mark in evidence().clean.marks[:marks]:
        recorder.mark(mark.name, mark.time_ns)
    boots.remember(request_of(home, SPEC, again=again), recorder, observed)
    return observed.events


async def test_wish_refuses_a_name_that_is_taken_before_anything_is_fetched(
    home: Home, kept: MachineSpec
) -> None:
    with claimed_folder(home, kept):
        wish = Wish(home=home, draft=Draft(tiny=True), name="web", command=("true",))
        with pytest.raises(InputError, match="a machine named 'web' already exists"):
            wish.request_now()
        with pytest.raises(InputError, match="a machine named 'web' already exists"):
            await wish.request()


def test_a_boot_that_let_somebody_in_is_kept_as_run_saw_it(home: Home) -> None:
    assert remembered(home, 9) == []
    stored = History(home.history).load(1)
    assert stored.evidence.clean == evidence().clean
    assert msgspec.convert(stored.recipe, type(RECIPE)) == RECIPE
    assert (stored.row.command, stored.row.image) == ("run", "web")


def test_one_whose_command_was_interrupted_is_kept_too(home: Home) -> None:
    assert remembered(home, 7, again=True) == []
    [row] = History(home.history).find()
    assert (row.command, row.total_ns) == ("start", row.start_up_ns)


def test_one_that_did_not_come_up_is_not(home: Home) -> None:
    assert remembered(home, 6) == []
    assert not home.history.exists()


def test_a_run_that_cannot_be_kept_is_a_notice(home: Home) -> None:
    home.state.mkdir(parents=True)
    home.history.mkdir()
    [notice] = remembered(home, 9)
    assert isinstance(notice, Notice)
    assert notice.text.startswith("note: cannot store this boot in the history: ")
