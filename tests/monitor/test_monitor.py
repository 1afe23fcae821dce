"""A monitor and the command that started it, as real processes; QEMU is a fake."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bootwright.errors import (
    BootwrightError,
    FormatError,
    GuestError,
    HostError,
    InputError,
    NotFoundError,
    VmmError,
)
from bootwright.home import Home
from bootwright.machines import client, control, monitor_process
from bootwright.machines.client import Machine
from bootwright.machines.events import MarkReached, OutputReceived
from bootwright.machines.folder import MachineFolder
from bootwright.machines.limits import DESCRIPTORS
from bootwright.machines.monitor_process import MonitorProcess
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import MachineSpec, Watch
from bootwright.timelines.recorder import Recorder
from tests.machines.fakes import until
from tests.machines.samples import at_rest, entries
from tests.observed import Observed
from tests.vmms.fakes import Fake

pytestmark = pytest.mark.usefixtures("quiet_monitors")


async def nothing(machine: Machine) -> None:
    """Do nothing to it."""


async def failure(
    home: Home, spec: MachineSpec, act: Callable[[Machine], Awaitable[None]]
) -> BootwrightError:
    """Start a machine, do something to it, and return why it does not become ready."""

    async def live() -> None:
        async with client.started(home, spec, Recorder()) as machine:
            await act(machine)
            await machine.ready(30)

    with pytest.raises(BootwrightError) as bad:
        await live()
    return bad.value


async def test_monitor_runs_a_tiny_guest_and_leaves_nothing(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    told = fake(
        'if command == "cont":\n'
        "    answer()\n"
        '    mark("initramfs.start"); mark("command.start")\n'
        '    marks.sendall(b"hello\\n")\n'
        '    mark("command.end 3")\n'
        "    return None"
    ).told
    recorder, observed = Recorder(), Observed()
    async with client.started(home, tiny, recorder, observed) as machine:
        await machine.ready(30)
        assert await machine.finished(30) == 3
    output = [event.data for event in observed.events if isinstance(event, OutputReceived)]
    assert b"".join(output) == b"hello"  # the newline sets the mark off
    marks = [event for event in observed.events if isinstance(event, MarkReached)]
    assert [mark.name for mark in marks] == [mark.name for mark in recorder.marks()]
    assert [mark.detail for mark in marks if mark.name == "command.end"] == ["3"]
    # A fake is faster than QEMU: its first marks may come before vmm.running.
    names = [mark.name for mark in recorder.marks()]
    assert names.pop(names.index("vmm.running")) == "vmm.running"
    assert names == [
        *("monitor.exec", "monitor.begun", "machine.claimed", "disk.made", "initrd.made"),
        *("vmm.exec", "vmm.ready"),
        *("initramfs.start", "command.start", "command.end", "machine.gone"),
    ]
    times = [mark.time_ns for mark in recorder.marks() if mark.name in names[:7]]
    assert times == sorted(times)
    assert told() == ["qmp_capabilities", "cont", "quit"]
    assert entries(home) == []


async def test_monitor_gives_the_vmm_what_is_the_machines_own(
    home: Home, kept: MachineSpec, fake: Fake, tmp_path: Path
) -> None:
    words = tmp_path / "words"
    fake(
        'if command == "cont":\n'
        f'    answer(); open("{words}", "w").write(options); mark("sshd.listening")\n'
        "    return None\n"
        'if command == "human-monitor-command":\n'
        '    return {"text": "  TCP[HOST_FORWARD]  40  127.0.0.1 40001 10.0.2.15 22  0 0\\r\\n"}'
    )
    spec = replace(kept, kept=False)  # nobody is there to shut the fake down
    async with client.started(home, spec, Recorder()) as machine:
        await machine.ready(30)
        folder = machine.folder
        given = words.read_text()
        assert f"-name {kept.name} " in given
        assert f",mac={folder.identity().mac}," in given
        assert f"{home.kernels}/{kept.recipe.kernel}/{kept.recipe.kernel_file} " in given
        assert f"-initrd {folder.initrd} " in given
        assert f"file.filename={folder.path}/disk.qcow2" in given


@pytest.mark.parametrize("is_relative", [False, True])
async def test_client_started_keeps_everything_in_the_home_it_is_given(
    is_relative: bool,
    home: Home,
    tiny: MachineSpec,
    fake: Fake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("BOOTWRIGHT_HOME", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    given = home
    if is_relative:
        monkeypatch.chdir(home.data.parent.parent)
        given = Home(data=Path("home/data"), state=Path("home/state"), cache=Path("home/cache"))
    fake("pass")
    async with client.started(given, tiny, Recorder()):
        assert entries(home) == ["web"]
    assert entries(home) == []
    assert (home.logs / "monitors.log").exists()
    assert not (tmp_path / "elsewhere").exists()


async def test_client_started_makes_no_host_key_without_an_ssh_server(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake("pass")
    async with client.started(home, tiny, Recorder()) as machine:
        assert machine.folder.identity().host_key == ""
        assert not machine.folder.known_hosts.exists()
    assert not home.keys.exists()


async def test_client_started_takes_the_monitor_that_was_started_ahead(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake("pass")
    recorder = Recorder()
    with monitor_process.started_ahead():
        recorder.mark("here")
        async with client.started(home, tiny, recorder) as machine:
            status = await asyncio.to_thread(control.status, machine.folder)
            # A second machine gets a monitor of its own.
            async with client.started(home, replace(tiny, name="db"), Recorder()) as other:
                second = await asyncio.to_thread(control.status, other.folder)
        assert status.monitor_pid != second.monitor_pid
    times = {mark.name: mark.time_ns for mark in recorder.marks()}
    assert times["monitor.exec"] < times["here"] < times["monitor.begun"]
    assert entries(home) == []


async def test_client_started_raises_the_limit_of_open_files_of_a_monitor_started_ahead(
    home: Home, tiny: MachineSpec, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("pass")
    ahead = MonitorProcess()
    _, hard = resource.prlimit(ahead.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(ahead.process.pid, resource.RLIMIT_NOFILE, (40, hard))
    monkeypatch.setattr(monitor_process, "take", lambda: ahead)
    async with client.started(home, tiny, Recorder()):
        soft, _ = resource.prlimit(ahead.process.pid, resource.RLIMIT_NOFILE)
        assert soft > DESCRIPTORS
    assert entries(home) == []


async def test_client_started_fails_where_the_monitors_log_cannot_be_written(
    home: Home, tiny: MachineSpec, capfd: pytest.CaptureFixture[str]
) -> None:
    home.logs.mkdir(parents=True)
    (home.logs / "monitors.log").mkdir()
    error = await failure(home, tiny, nothing)
    assert type(error) is HostError
    assert str(error).startswith("cannot write the monitors' log: [Errno 21] Is a directory: ")
    assert error.hint == f"check the permissions of {home.logs}"
    assert capfd.readouterr().err == ""
    (home.logs / "monitors.log").rmdir()


async def test_monitor_samples_a_watched_guest_until_init_starts(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    registers = "RIP=ffffffff8110f99e RFL=6 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=1"
    told = fake(
        'if command == "human-monitor-command":\n'
        '    heard.looks = getattr(heard, "looks", 0) + 1\n'
        "    if heard.looks == 5:\n"
        '        mark("initramfs.start"); mark("initramfs.done"); mark("command.start")\n'
        f'    return {{"text": "{registers}"}}'
    ).told
    recorder = Recorder()
    async with client.started(home, replace(tiny, watch="samples"), recorder) as machine:
        await machine.ready(30)
        looks = told().count("human-monitor-command")
        samples = machine.samples
        assert len(samples) >= 4
        assert {(s.ip, s.mode, s.is_halted) for s in samples} == {
            (0xFFFFFFFF8110F99E, "kernel", True)
        }
        times = {mark.name: mark.time_ns for mark in recorder.marks()}
        assert times["vmm.ready"] < samples[0].time_ns
        assert samples[-1].time_ns < times["initramfs.done"]
        # One may have been on its way.
        await asyncio.sleep(0.05)
        assert told().count("human-monitor-command") <= looks + 1
    assert entries(home) == []


@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", VmmError, "the VMM died (exit status -9)"),
        (
            'event("SHUTDOWN", reason="guest-reset"); sys.exit(0)',
            GuestError,
            "the guest's kernel panicked: no init",
        ),
        (
            'event("SHUTDOWN", reason="guest-shutdown"); sys.exit(0)',
            GuestError,
            "the guest powered itself off before anybody logged in or its command ended",
        ),
    ],
)
async def test_monitor_reports_each_guest_failure_and_saves_the_console(
    end: str, kind: type[Exception], message: str, home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake(
        'if command == "cont":\n    answer()\n'
        '    console.sendall(b"Kernel panic - not syncing: no init\\r\\n")\n'
        f"    {end}"
    )
    error = await failure(home, tiny, nothing)
    assert type(error) is kind
    assert str(error) == message
    [console] = home.logs.glob("web-*.console")
    assert console.read_bytes() == b"Kernel panic - not syncing: no init\r\n"
    assert f"the whole console is in {console}" in error.hint
    assert entries(home) == []


async def test_monitor_passes_errors_on_with_their_class(
    home: Home, tiny: MachineSpec, kept: MachineSpec
) -> None:
    # These fail before the monitor has waited for anything, and are told all the same.
    at_rest(home)
    error = await failure(home, tiny, nothing)
    assert type(error) is InputError
    assert str(error) == "a machine named 'web' already exists"
    assert error.hint == "choose another --name, or: bootwright rm --force web"
    with pytest.raises(NotFoundError, match=r"^no machine is called 'db'$"):
        async with client.started(home, replace(kept, name="db"), Recorder(), again=True):
            pytest.fail("there is none to start")
    assert entries(home) == ["web"]


async def test_monitor_that_cannot_make_a_machine_leaves_nothing(
    home: Home, kept: MachineSpec
) -> None:
    lacking = replace(kept, recipe=replace(kept.recipe, machine_type="microvm"))
    with pytest.raises(FormatError, match="has no driver virtio_mmio"):
        async with client.started(home, lacking, Recorder()):
            pytest.fail("it has no driver for its disk")
    assert entries(home) == []


@pytest.mark.parametrize("watch", [None, "accesses"])
async def test_monitor_killed_ends_its_vmm(
    home: Home, tiny: MachineSpec, fake: Fake, watch: Watch | None
) -> None:
    fake("pass")
    tiny = replace(tiny, watch=watch)
    vmm_pids = []

    async def kill(machine: Machine) -> None:
        status = await asyncio.to_thread(control.status, machine.folder)
        vmm_pids.append(status.vmm_pid)
        os.kill(status.monitor_pid, signal.SIGKILL)

    error = await failure(home, tiny, kill)
    assert type(error) is VmmError
    assert str(error) == "the monitor of machine 'web' died"
    assert error.hint == f"see {home.logs / 'monitors.log'}"
    until(lambda: not running(vmm_pids[0]), "the VMM to end")
    assert reclaim(home) == ["web: removed: its monitor was dead, and it was not a kept machine"]
    assert entries(home) == []


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}/environ").exists() and bool(Path(f"/proc/{pid}/cmdline").read_bytes())


_FOLLOW = """
import asyncio, sys, msgspec
from bootwright.home import locate_home
from bootwright.machines import client
from bootwright.machines.spec import MachineSpec
from bootwright.timelines.recorder import Recorder
async def follow():
    spec = msgspec.json.decode(sys.argv[1], type=MachineSpec)
    async with client.started(locate_home(), spec, Recorder()) as machine:
        print("started", flush=True)
        await machine.ready(60)
asyncio.run(follow())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_monitor_ends_when_its_command_ends(
    number: signal.Signals, home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake("pass")
    argv = [sys.executable, "-c", _FOLLOW, msgspec.json.encode(tiny).decode()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"started\n"
        folder = MachineFolder(home.machines / "web")
        assert control.status(folder).state == "starting"
        command.send_signal(number)
    until(lambda: entries(home) == [], "the monitor to give all back")


async def test_monitor_ends_when_its_folder_is_removed(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake("pass")

    async def take_away(machine: Machine) -> None:
        shutil.rmtree(machine.folder.path)

    error = await failure(home, tiny, take_away)
    assert str(error) == (
        "machine 'web' ended before the mark command.start: "
        "ended at once as requested, without a shutdown"
    )
    assert entries(home) == []


async def test_monitor_terminated_releases_everything(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake("pass")

    async def shut_host_down(machine: Machine) -> None:
        status = await asyncio.to_thread(control.status, machine.folder)
        os.kill(status.monitor_pid, signal.SIGTERM)

    error = await failure(home, tiny, shut_host_down)
    assert str(error).startswith("machine 'web' ended before the mark command.start: ended at once")
    assert entries(home) == []


async def test_monitor_reports_a_guest_paused_by_a_full_disk(
    home: Home, kept: MachineSpec, fake: Fake
) -> None:
    fake(
        'if command == "cont":\n    answer()\n'
        '    event("BLOCK_IO_ERROR", nospace=True, action="stop")\n    return None'
    )
    observed = Observed()
    full = f"the disk of {home.machines / 'web'} is full"
    with pytest.raises(HostError) as bad:
        async with client.started(home, kept, Recorder(), observed) as machine:
            await machine.ready(30)
    assert str(bad.value) == f"{full}: the guest cannot write to its own disk any more"
    assert observed.notices[-1] == f"web: paused, {full}; it continues when there is space again"
    assert entries(home) == []
