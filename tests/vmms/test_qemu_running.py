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
from bootwright.timeline.evidence import Access
from bootwright.timeline.recorder import Recorder
from bootwright.vmms import qemu_running
from bootwright.vmms.protocol import Ending, Placement, RunningVmm, Sighting
from bootwright.vmms.qemu import Qemu
from tests.machine.fakes import state_of, until
from tests.machine.samples import RECIPE
from tests.machine.streams import exactly
from tests.vmms.fakes import Fake, FakeQemu
from tests.vmms.traces import sent, write

Launch = Callable[..., AbstractAsyncContextManager[RunningVmm]]


@pytest.fixture
def place(tmp_path: Path) -> Placement:
    return Placement(
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
def launch(place: Placement, recorder: Recorder) -> Launch:
    return lambda: Qemu().start(RECIPE, place, recorder).attached()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return lambda behaviour: FakeQemu(tmp_path, monkeypatch, behaviour)


async def ending(running: RunningVmm) -> Ending:
    return await asyncio.wait_for(asyncio.shield(running.ended), 10)


async def test_it_carries_its_token_and_is_gone_afterwards(
    fake: Fake, launch: Launch, place: Placement
) -> None:
    fake("pass")
    descriptors = len(os.listdir("/proc/self/fd"))
    async with launch() as running:
        assert processes.carriers(place.token) == [running.pid]
    assert processes.carriers(place.token) == []
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_what_another_process_was_started_with_is_not_passed_on(
    fake: Fake,
    launch: Launch,
    place: Placement,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A monitor has a token of its own, by which it alone is ended.
    monkeypatch.setenv(processes.VARIABLE, "the monitor's")
    fake("pass")
    async with launch() as running:
        assert processes.carriers("the monitor's") == []
        assert processes.carriers(place.token) == [running.pid]


async def test_the_first_instruction_is_marked_once(
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


async def test_its_console_and_its_mark_port_are_ours(fake: Fake, launch: Launch) -> None:
    fake(
        'if command == "cont":\n'
        '    marks.sendall(b"token seed.start")\n'
        '    console.sendall(console.recv(100)[::-1])\n'
    )  # fmt: skip
    async with launch() as running:
        running.console[1].write(b"abc")
        await running.resume()
        assert await exactly(running.console[0], 3) == b"cba"
        assert await exactly(running.marks, 16) == b"token seed.start"


NO_ROOM = 'event("BLOCK_IO_ERROR", device="", nospace=True, action="stop", operation="write")'


async def test_a_guest_that_waits_for_room_is_told_and_goes_on(fake: Fake, launch: Launch) -> None:
    told = fake(f'if command == "system_powerdown": {NO_ROOM}').told
    async with launch() as running:
        await running.resume()
        assert not running.stalled.is_set()
        await running.press_power_button()
        await asyncio.wait_for(running.stalled.wait(), 10)
        await running.resume()
        assert not running.stalled.is_set()
        await running.press_power_button()  # there is no room yet
        await asyncio.wait_for(running.stalled.wait(), 10)
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
async def test_another_error_of_a_disk_stalls_nobody(
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
        ("host-qmp-quit", "told-to-quit"),
        ("host-signal", "died"),
        ("host-ui", "died"),
    ],
)
async def test_what_qemu_tells_last_is_the_reason_of_its_end(
    told: str, reason: str, fake: Fake, launch: Launch
) -> None:
    fake(
        f'if command == "cont":\n    event("SHUTDOWN", guest=True, reason={told!r})\n'
        '    os.kill(os.getpid(), signal.SIGTERM)\n'
    )  # fmt: skip
    async with launch() as running:
        with pytest.raises(VmmError, match=r"^QEMU did not carry out 'cont': "):
            await running.resume()
        assert await ending(running) == Ending(reason=reason, exit_status=-15)  # type: ignore[arg-type]


async def test_a_qemu_that_is_killed_has_died(fake: Fake, launch: Launch) -> None:
    fake("pass")
    async with launch() as running:
        os.kill(running.pid, signal.SIGKILL)
        assert await ending(running) == Ending(reason="died", exit_status=-9)


async def test_a_qemu_that_is_told_to_quit_does_so_itself(fake: Fake, launch: Launch) -> None:
    fake("pass")
    async with launch() as running:
        quitting = asyncio.wait_for(running.quit(), 10)
        assert await quitting == Ending(reason="told-to-quit", exit_status=0)
        assert (await running.quit()).reason == "told-to-quit"  # once more is no error


@pytest.mark.parametrize("deaf", ["ignores it", "answers and goes on", "was stopped"])
async def test_a_qemu_that_does_not_quit_is_killed(
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
        quitting = asyncio.wait_for(running.quit(), 10)
        assert await quitting == Ending(reason="told-to-quit", exit_status=-9)


async def test_a_stopped_qemu_is_gone_with_its_block(
    fake: Fake, launch: Launch, place: Placement
) -> None:
    fake("pass")
    async with launch() as running:
        os.kill(running.pid, signal.SIGSTOP)
    assert processes.carriers(place.token) == []


async def test_a_qemu_that_refuses_a_command_is_quoted(
    fake: Fake, launch: Launch, place: Placement
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


async def test_the_ports_that_lead_into_the_guest(fake: Fake, launch: Launch) -> None:
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
        (_RESET, Sighting(ip=0xFFF0, mode="boot", is_halted=False)),
        (_KERNEL, Sighting(ip=0xFFFFFFFF8110F99E, mode="kernel", is_halted=False)),
        (_WAITS, Sighting(ip=0xFFFFFFFF8110F99E, mode="kernel", is_halted=True)),
        (_PROGRAM, Sighting(ip=0x53094F, mode="user", is_halted=False)),
        (_SMALL_PROGRAM, Sighting(ip=0xFFF0, mode="user", is_halted=False)),
    ],
    ids=["reset", "kernel", "waits", "program", "32-bit program"],
)
async def test_registers_say_where_a_vcpu_is(
    registers: str, sighting: Sighting, fake: Fake, launch: Launch
) -> None:
    text = registers.replace("\n", "\r\n")
    fake(f'if command == "human-monitor-command": return {{"text": {text!r}}}')
    async with launch() as running:
        assert await running.sight() == sighting


async def test_a_qemu_that_tells_no_registers_is_quoted(fake: Fake, launch: Launch) -> None:
    fake('if command == "human-monitor-command": return {"text": "unknown command: info"}')
    async with launch() as running:
        with pytest.raises(VmmError) as bad:
            await running.sight()
    assert str(bad.value) == "QEMU does not tell its registers"
    assert bad.value.evidence == "unknown command: info"


async def test_each_is_ended_by_its_own_token(fake: Fake, launch: Launch, place: Placement) -> None:
    fake("pass")
    other = replace(place, token=processes.new_token())
    async with launch() as running, Qemu().start(RECIPE, other, Recorder()).attached() as second:
        processes.end(other.token)
        assert await ending(second) == Ending(reason="died", exit_status=-9)
        assert not running.ended.done()
        assert processes.carriers(place.token) == [running.pid]


COUNTED = (
    'if command == "cont":\n'
    '    trace = open(option("-D"), "w")\n'
    "    trace.write({lines!r})\n"
    "    trace.flush()\n"
)


def launch_counted(place: Placement) -> AbstractAsyncContextManager[RunningVmm]:
    return (
        Qemu().start(RECIPE, replace(place, counted_until="token the.end"), Recorder()).attached()
    )


async def test_accesses_are_counted_until_the_guest_says_so(fake: Fake, place: Placement) -> None:
    lines = write("hpet", 0xFED00010) + sent("token the.end\n")
    # Far more than the pipe holds comes behind; QEMU must not wait for ever.
    fake(COUNTED.format(lines=lines + 50_000 * write("hpet", 0xFED00010)))
    descriptors = len(os.listdir("/proc/self/fd"))
    async with launch_counted(place) as running:
        counting = asyncio.create_task(running.accesses())
        await running.resume()
        await running.quit()
        assert await asyncio.wait_for(counting, 10) == (
            Access("UART ttyS1 (marks)", 0, 14, 14),
            Access("HPET", 0, 1, 4),
        )
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_a_boot_that_never_ends_has_no_count(fake: Fake, place: Placement) -> None:
    fake(COUNTED.format(lines=write("hpet", 0xFED00010)))
    async with launch_counted(place) as running:
        counting = asyncio.create_task(running.accesses())
        await running.resume()
        await running.quit()
        assert await asyncio.wait_for(counting, 10) == ()


async def test_what_nobody_reads_any_more_keeps_nothing_open(fake: Fake, place: Placement) -> None:
    # As when the user interrupts: the count is given up while QEMU waits for room in the pipe.
    fake(COUNTED.format(lines=50_000 * write("hpet", 0xFED00010)))
    descriptors = len(os.listdir("/proc/self/fd"))
    async with launch_counted(place) as running:
        resuming = asyncio.create_task(running.resume())
        await asyncio.sleep(0.3)
        resuming.cancel()
    assert processes.carriers(place.token) == []
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_where_none_are_to_be_counted_none_are(fake: Fake, launch: Launch) -> None:
    fake("pass")
    async with launch() as running:
        assert await running.accesses() == ()
