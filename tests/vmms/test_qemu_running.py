"""A QEMU that runs: what it is asked over QMP, what it tells, and how it ends. It is a fake."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.disks.disk import Drive
from bootwright.errors import VmmError
from bootwright.host import processes
from bootwright.timelines.evidence import DeviceAccess
from bootwright.timelines.recorder import Recorder
from bootwright.vmms import qemu_running
from bootwright.vmms.protocol import LaunchPlan, RunningVmm, VcpuState, VmmExit
from bootwright.vmms.qemu import Qemu
from tests.machines.fakes import state_of, until
from tests.machines.samples import RECIPE
from tests.machines.streams import exactly
from tests.vmms.fakes import Fake, FakeQemu
from tests.vmms.traces import sent, write

Launch = Callable[..., AbstractAsyncContextManager[RunningVmm]]


@pytest.fixture
def place(tmp_path: Path) -> LaunchPlan:
    return LaunchPlan(
        name="web",
        kernel=tmp_path / "vmlinux",
        initrd=tmp_path / "initrd",
        drives=(Drive(path=tmp_path / "disk.qcow2", form="qcow2", size_bytes=512),),
        log=tmp_path / "vmm.log",
        mac="52:54:00:01:02:03",
        token=processes.new_token(),
    )


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def launch(place: LaunchPlan, recorder: Recorder) -> Launch:
    return lambda: Qemu().start(RECIPE, place, recorder).attached()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return lambda behaviour: FakeQemu(tmp_path, monkeypatch, behaviour)


async def ending(running: RunningVmm) -> VmmExit:
    return await asyncio.wait_for(asyncio.shield(running.ended), 60)


async def test_qemu_running_carries_its_token_and_is_gone_afterwards(
    fake: Fake, launch: Launch, place: LaunchPlan
) -> None:
    fake("pass")
    descriptors = len(os.listdir("/proc/self/fd"))
    async with launch() as running:
        assert processes.with_token(place.token) == [running.pid]
    assert processes.with_token(place.token) == []
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_qemu_running_does_not_inherit_another_token(
    fake: Fake,
    launch: Launch,
    place: LaunchPlan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A monitor has a token of its own, by which it alone is ended.
    monkeypatch.setenv(processes.VARIABLE, "the monitor's")
    fake("pass")
    async with launch() as running:
        assert processes.with_token("the monitor's") == []
        assert processes.with_token(place.token) == [running.pid]


async def test_qemu_running_marks_the_first_instruction_once(
    fake: Fake, launch: Launch, recorder: Recorder
) -> None:
    told = fake("pass").told
    async with launch() as running:
        assert [mark.name for mark in recorder.marks()] == ["vmm.exec", "vmm.ready"]
        await running.resume()
        await running.resume()
        assert [mark.name for mark in recorder.marks()] == ["vmm.exec", "vmm.ready", "vmm.running"]
        await running.press_power_button()
    assert told() == ["qmp_capabilities", "cont", "cont", "system_powerdown"]


async def test_qemu_running_connects_console_and_mark_port(fake: Fake, launch: Launch) -> None:
    fake(
        'if command == "cont":\n'
        '    marks.sendall(b"token initramfs.start")\n'
        '    console.sendall(console.recv(100)[::-1])\n'
    )  # fmt: skip
    async with launch() as running:
        running.console[1].write(b"abc")
        await running.resume()
        assert await exactly(running.console[0], 3) == b"cba"
        assert await exactly(running.marks, 21) == b"token initramfs.start"


NO_ROOM = 'event("BLOCK_IO_ERROR", device="", nospace=True, action="stop", operation="write")'


async def test_qemu_running_reports_and_resumes_a_guest_out_of_space(
    fake: Fake, launch: Launch
) -> None:
    told = fake(f'if command == "system_powerdown": {NO_ROOM}').told
    async with launch() as running:
        await running.resume()
        assert not running.stalled.is_set()
        await running.press_power_button()
        await asyncio.wait_for(running.stalled.wait(), 60)
        await running.resume()
        assert not running.stalled.is_set()
        await running.press_power_button()  # there is no room yet
        await asyncio.wait_for(running.stalled.wait(), 60)
        assert not running.ended.done()
    assert told().count("cont") == 2


@pytest.mark.parametrize(
    "other",
    [
        NO_ROOM.replace("nospace=True", "nospace=False"),
        NO_ROOM.replace('"stop"', '"report"'),
        NO_ROOM.replace("nospace=True, ", ""),
    ],
)
async def test_qemu_running_does_not_stall_on_other_disk_errors(
    other: str, fake: Fake, launch: Launch
) -> None:
    # The event behind it tells that this one was seen.
    fake(f'if command == "cont":\n    {other}\n    event("SHUTDOWN", reason="guest-shutdown")')
    async with launch() as running:
        await running.resume()
        os.kill(running.pid, signal.SIGKILL)
        assert (await ending(running)).reason == "powered-off"
        assert not running.stalled.is_set()


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("guest-shutdown", "powered-off"),
        ("guest-reset", "reset"),
        ("guest-panic", "reset"),
        ("host-qmp-quit", "quit-requested"),
        ("host-signal", "died"),
        ("host-ui", "died"),
    ],
)
async def test_qemu_running_ended_gives_the_last_reason(
    told: str, reason: str, fake: Fake, launch: Launch
) -> None:
    fake(
        f'if command == "cont":\n    event("SHUTDOWN", guest=True, reason={told!r})\n'
        '    os.kill(os.getpid(), signal.SIGTERM)\n'
    )  # fmt: skip
    async with launch() as running:
        with pytest.raises(VmmError, match=r"^QEMU did not carry out 'cont': "):
            await running.resume()
        assert await ending(running) == VmmExit(reason=reason, exit_status=-15)  # type: ignore[arg-type]


async def test_qemu_running_ended_of_a_killed_qemu(fake: Fake, launch: Launch) -> None:
    fake("pass")
    async with launch() as running:
        os.kill(running.pid, signal.SIGKILL)
        assert await ending(running) == VmmExit(reason="died", exit_status=-9)


async def test_qemu_running_quit_ends_qemu(fake: Fake, launch: Launch) -> None:
    fake("pass")
    async with launch() as running:
        quitting = asyncio.wait_for(running.quit(), 60)
        assert await quitting == VmmExit(reason="quit-requested", exit_status=0)
        assert (await running.quit()).reason == "quit-requested"  # once more is no error


@pytest.mark.parametrize("deaf", ["ignores it", "answers and goes on", "was stopped"])
async def test_qemu_running_quit_kills_a_qemu_that_does_not_quit(
    deaf: str,
    fake: Fake,
    launch: Launch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(qemu_running, "_QUIT_S", 0.05)
    fake(
        {
            "ignores it": 'if command == "quit": return None',
            "answers and goes on": 'if command == "quit": answer(); time.sleep(60)',
            "was stopped": "pass",
        }[deaf]
    )
    async with launch() as running:
        if deaf == "was stopped":
            os.kill(running.pid, signal.SIGSTOP)
            until(lambda: state_of(running.pid) == "T", "it to stop")
        quitting = asyncio.wait_for(running.quit(), 60)
        assert await quitting == VmmExit(reason="quit-requested", exit_status=-9)


async def test_qemu_running_block_ends_a_stopped_qemu(
    fake: Fake, launch: Launch, place: LaunchPlan
) -> None:
    fake("pass")
    async with launch() as running:
        os.kill(running.pid, signal.SIGSTOP)
    assert processes.with_token(place.token) == []


async def test_qemu_running_quotes_a_refused_command(
    fake: Fake, launch: Launch, place: LaunchPlan
) -> None:
    fake('if command == "cont": return {"error": "Resetting the Virtual Machine is required"}')
    place.log.write_text("qemu-system-x86_64: warning: something\n")
    async with launch() as running:
        with pytest.raises(VmmError) as bad:
            await running.resume()
    assert str(bad.value) == (
        "QEMU did not carry out 'cont': Resetting the Virtual Machine is required"
    )
    assert bad.value.evidence == "warning: something"


async def test_qemu_running_ports_of_forwards(fake: Fake, launch: Launch) -> None:
    table = (
        "Hub -1 (net):\\r\\n"
        "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\\r\\n"
        "  TCP[HOST_FORWARD]  15       127.0.0.1 40001       10.0.2.15    22     0     0\\r\\n"
        "  TCP[HOST_FORWARD]  14       127.0.0.1  8080       10.0.2.15    80     0     0\\r\\n"
        "  TCP[ESTABLISHED]   16       127.0.0.1 40001       10.0.2.15    99     0     0\\r\\n"
    )
    fake(f'if command == "human-monitor-command": return {{"text": "{table}"}}')
    async with launch() as running:
        assert await running.forwarded() == {22: 40001, 80: 8080}


# What QEMU 7.2 says at reset, in a kernel, where that waits, in a program, and in one of 32 bits.
_RESET = """
CPU#0
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00060fb1
ESI=00000000 EDI=00000000 EBP=00000000 ESP=00000000
EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
ES =0000 00000000 0000ffff 00009300
CS =f000 ffff0000 0000ffff 00009b00
"""
_KERNEL = """
CPU#0
RAX=0000000000000000 RBX=ffffffff832f63ee RCX=0000000000000035 RDX=ffffffff82a03dc4
R12=0000000000000000 R13=0000000000000000 R14=0000000000000000 R15=0000000000000000
RIP=ffffffff8110f99e RFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
ES =0000 0000000000000000 00000000 00000000
"""
_WAITS = _KERNEL.replace("HLT=0", "HLT=1")
_PROGRAM = """
CPU#0
RAX=0000000000000000 RBX=0000000013d7f6f0 RCX=00000000005de180 RDX=0000000013d7faf8
RIP=000000000053094f RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0
"""
_SMALL_PROGRAM = _RESET.replace("CPL=0", "CPL=3")


@pytest.mark.parametrize(
    ("registers", "sighting"),
    [
        (_RESET, VcpuState(ip=0xFFF0, mode="boot", is_halted=False)),
        (_KERNEL, VcpuState(ip=0xFFFFFFFF8110F99E, mode="kernel", is_halted=False)),
        (_WAITS, VcpuState(ip=0xFFFFFFFF8110F99E, mode="kernel", is_halted=True)),
        (_PROGRAM, VcpuState(ip=0x53094F, mode="user", is_halted=False)),
        (_SMALL_PROGRAM, VcpuState(ip=0xFFF0, mode="user", is_halted=False)),
    ],
    ids=["reset", "kernel", "waits", "program", "32-bit program"],
)
async def test_qemu_running_sight_reads_registers(
    registers: str, sighting: VcpuState, fake: Fake, launch: Launch
) -> None:
    text = registers.replace("\n", "\r\n")
    fake(f'if command == "human-monitor-command": return {{"text": {text!r}}}')
    async with launch() as running:
        assert await running.vcpu_state() == sighting


async def test_qemu_running_sight_quotes_a_qemu_without_registers(
    fake: Fake, launch: Launch
) -> None:
    fake('if command == "human-monitor-command": return {"text": "unknown command: info"}')
    async with launch() as running:
        with pytest.raises(VmmError) as bad:
            await running.vcpu_state()
    assert str(bad.value) == "QEMU did not report its registers"
    assert bad.value.evidence == "unknown command: info"


async def test_qemu_running_two_are_ended_by_their_own_tokens(
    fake: Fake, launch: Launch, place: LaunchPlan
) -> None:
    fake("pass")
    other = replace(place, token=processes.new_token())
    async with launch() as running, Qemu().start(RECIPE, other, Recorder()).attached() as second:
        processes.end(other.token)
        assert await ending(second) == VmmExit(reason="died", exit_status=-9)
        assert not running.ended.done()
        assert processes.with_token(place.token) == [running.pid]


COUNTED = (
    'if command == "cont":\n'
    '    trace = open(option("-D"), "w")\n'
    "    trace.write({lines!r})\n"
    "    trace.flush()\n"
)


def launch_counted(place: LaunchPlan) -> AbstractAsyncContextManager[RunningVmm]:
    return (
        Qemu().start(RECIPE, replace(place, counted_until="token the.end"), Recorder()).attached()
    )


async def test_qemu_running_counts_accesses_until_the_mark(fake: Fake, place: LaunchPlan) -> None:
    lines = write("hpet", 0xFED00010) + sent("token the.end\n")
    # Far more than the pipe holds comes behind; QEMU must not wait for ever.
    fake(COUNTED.format(lines=lines + 50_000 * write("hpet", 0xFED00010)))
    descriptors = len(os.listdir("/proc/self/fd"))
    async with launch_counted(place) as running:
        counting = asyncio.create_task(running.accesses())
        await running.resume()
        await running.quit()
        assert await asyncio.wait_for(counting, 60) == (
            DeviceAccess("UART ttyS1 (marks)", 0, 14, 14),
            DeviceAccess("HPET", 0, 1, 4),
        )
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_qemu_running_has_no_count_for_a_boot_that_never_ends(
    fake: Fake, place: LaunchPlan
) -> None:
    fake(COUNTED.format(lines=write("hpet", 0xFED00010)))
    async with launch_counted(place) as running:
        counting = asyncio.create_task(running.accesses())
        await running.resume()
        await running.quit()
        assert await asyncio.wait_for(counting, 60) == ()


async def test_qemu_running_trace_without_a_reader_keeps_nothing_open(
    fake: Fake, place: LaunchPlan
) -> None:
    # As when the user interrupts: the count is given up while QEMU waits for room in the pipe.
    fake(COUNTED.format(lines=50_000 * write("hpet", 0xFED00010)))
    descriptors = len(os.listdir("/proc/self/fd"))
    async with launch_counted(place) as running:
        resuming = asyncio.create_task(running.resume())
        await asyncio.sleep(0.3)
        resuming.cancel()
    assert processes.with_token(place.token) == []
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_qemu_running_counts_no_accesses_unless_asked(fake: Fake, launch: Launch) -> None:
    fake("pass")
    async with launch() as running:
        assert await running.accesses() == ()
