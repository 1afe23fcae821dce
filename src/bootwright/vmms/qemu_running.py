"""A running QEMU: its ports, QMP, and its exit.

This is separate from `qemu` because it imports asyncio and QMP, which is done while QEMU starts.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from qemu.qmp import QMPClient, QMPError

from bootwright.errors import VmmError
from bootwright.timelines.evidence import DeviceAccess
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Recorder
from bootwright.vmms.protocol import RunningVmm, VcpuState, VmmExit, VmmExitReason
from bootwright.vmms.qemu import End, StartedQemu

if TYPE_CHECKING:
    from bootwright.vmms.qemu_trace import AccessCounter

_PM_TIMER_PORT = 0x608
"""Of q35's ACPI timer, as SeaBIOS places it (PORT_ACPI_PM_BASE + 8)."""
_PM_TIMER_HZ = 3_579_545
_ANSWER_S = 30.0
"""How long QEMU may take to answer: it loads kernel and initrd before it does."""
_QUIT_S = 2.0
"""How long QEMU may take to quit by itself before it is killed."""


@asynccontextmanager
async def attached(started: StartedQemu) -> AsyncIterator[RunningVmm]:
    """Wait until QEMU has loaded its guest; end and reap it when the block is left."""
    running = RunningQemu(started.process, started.placement.log, started.recorder)
    try:
        await running.connect(started.qmp, started.console, started.marks)
        if started.trace is not None:
            await running.count(started.trace, started.placement.counted_until)
        started.recorder.mark(MarkName.VMM_READY)
        yield running
    finally:
        # No await may come before the kill: a cancellation would leave QEMU behind.
        running.kill()
        await running.reap()


async def _streams(end: End) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a reader of *end*, and a writer: of what comes from a pipe only, to nowhere."""
    if isinstance(end, socket.socket):
        return await asyncio.open_unix_connection(sock=end)
    loop = asyncio.get_running_loop()
    reader, _ = await _reader(end)
    nowhere = FileIO(os.devnull, "w")
    drain = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: drain, nowhere)
    return reader, asyncio.StreamWriter(transport, drain, None, loop)


async def _reader(end: FileIO) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), end
    )
    return reader, transport


class RunningQemu:
    """One QEMU process; see `RunningVmm`."""

    console: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    marks: asyncio.StreamReader

    def __init__(self, process: subprocess.Popen[bytes], log: Path, recorder: Recorder) -> None:
        self.pid = process.pid
        self._pidfd = os.pidfd_open(process.pid)
        self.ended: asyncio.Future[VmmExit] = asyncio.get_running_loop().create_future()
        self._process = process
        self._log = log
        self._recorder = recorder
        self._reason: VmmExitReason = "died"
        self._reason_known = asyncio.Event()
        self.stalled = asyncio.Event()
        self._has_run = self._is_paused = False
        self._qmp: QMPClient | None = None
        self._reaper = asyncio.create_task(self._wait())
        self._listener: asyncio.Task[None] | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._trace: tuple[asyncio.StreamReader, asyncio.ReadTransport] | None = None
        self._counter: AccessCounter | None = None

    async def connect(self, qmp: socket.socket, console: End, marks: End) -> None:
        self.console = await _streams(console)
        self.marks, marks_writer = await _streams(marks)
        self._writers = [self.console[1], marks_writer]
        self._qmp = QMPClient("bootwright")
        try:
            await asyncio.wait_for(self._qmp.connect(qmp), _ANSWER_S)
        except (QMPError, TimeoutError) as error:
            raise await self._failure("QEMU did not start") from error
        self._listener = asyncio.create_task(self._listen(self._qmp))

    async def count(self, trace: FileIO, until: str) -> None:
        # Imported here: few boots are counted.
        from bootwright.vmms.qemu_trace import AccessCounter

        self._counter = AccessCounter(until)
        self._trace = await _reader(trace)

    async def accesses(self) -> tuple[DeviceAccess, ...]:
        if self._trace is None or self._counter is None:
            return ()
        reader, _ = self._trace
        # On to the end, though the rest is not looked at: QEMU would wait for room in the pipe.
        while data := await reader.read(1 << 18):
            self._counter.feed(data)
        return self._counter.accesses() if self._counter.is_done else ()

    async def pause(self) -> None:
        self._is_paused = True
        await self._execute("stop")

    async def resume(self) -> None:
        self.stalled.clear()
        self._is_paused = False
        await self._execute("cont")
        if not self._has_run:
            self._has_run = True
            self._recorder.mark(MarkName.VMM_RUNNING)

    async def press_power_button(self) -> None:
        await self._execute("system_powerdown")

    async def vcpu_state(
        self, *, stopped: bool = False, window: tuple[int, int] | None = None
    ) -> VcpuState:
        if not stopped:
            return _vcpu_state(await self._monitor("info registers"))
        await self._execute("stop")
        registers = await self._monitor("info registers")
        timer = await self._monitor(f"i /w {_PM_TIMER_PORT:#x}")
        read = await self._monitor(f"x /{window[1]}gx {window[0]:#x}") if window else ""
        # Read what the guest has written to its ports before it writes more.
        await asyncio.sleep(0)
        if not self._is_paused:
            await self._execute("cont")
        return replace(_vcpu_state(registers), vm_ns=_pm_timer_ns(timer), words=_words(read))

    async def forwarded(self) -> dict[int, int]:
        table = await self._monitor("info usernet")
        # Protocol[State] FD Source-Address Port Dest-Address Port RecvQ SendQ
        rules = re.findall(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", table)
        return {int(guest): int(host) for host, guest in rules}

    async def quit(self) -> VmmExit:
        self._reason = "quit-requested"
        assert self._qmp is not None
        asking = asyncio.create_task(self._qmp.execute("quit"))
        # QEMU may end before it has answered, and one that was stopped (SIGSTOP) never answers.
        await asyncio.wait([self.ended], timeout=_QUIT_S)
        self.kill()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return await self.ended

    def kill(self) -> None:
        """Send SIGKILL unless the process was reaped; its pid is not reused before that."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def reap(self) -> None:
        await self._reaper
        if self._listener:
            self._listener.cancel()
        if self._qmp:
            with suppress(Exception):  # QEMU is gone; errors of its socket do not matter
                await self._qmp.disconnect()
        if self._trace:
            self._trace[1].close()
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _wait(self) -> None:
        # Source: pidfd_open(2); it can be read from once the process has ended.
        has_ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pidfd, has_ended.set)
        try:
            await has_ended.wait()
            status = self._process.wait()
        finally:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        if self._reason == "died":
            # QEMU sends the reason, if any, before it ends; it may not have arrived yet.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._reason_known.wait(), 0.2)
        self.ended.set_result(VmmExit(reason=self._reason, exit_status=status))

    async def _listen(self, qmp: QMPClient) -> None:
        reasons: dict[str, VmmExitReason] = {
            "guest-shutdown": "powered-off",
            "guest-reset": "reset",
            "guest-panic": "reset",
            "host-qmp-quit": "quit-requested",
        }
        with qmp.listener(("SHUTDOWN", "BLOCK_IO_ERROR")) as events:
            async for event in events:
                data = event["data"]
                assert isinstance(data, dict)
                if event["event"] == "SHUTDOWN":
                    self._reason = reasons.get(str(data.get("reason")), "died")
                    self._reason_known.set()
                elif data.get("nospace") and data.get("action") == "stop":
                    self.stalled.set()

    async def _monitor(self, line: str) -> str:
        """Run a command of QEMU's human monitor, for which QMP has no equivalent."""
        return str(await self._execute("human-monitor-command", {"command-line": line}))

    async def _execute(self, command: str, arguments: dict[str, object] | None = None) -> object:
        assert self._qmp is not None
        try:
            return await asyncio.wait_for(self._qmp.execute(command, arguments), _ANSWER_S)
        except (QMPError, TimeoutError) as error:
            raise await self._failure(f"QEMU did not carry out {command!r}: {error}") from error

    async def _failure(self, what: str) -> VmmError:
        done, _ = await asyncio.wait([self.ended], timeout=1)
        output = self._log.read_text(errors="replace").strip()
        output = re.sub(r"^qemu-system-x86_64: ", "", output, flags=re.MULTILINE)
        status = f" (exit status {self.ended.result().exit_status})" if done else ""
        hint = "the output may name the refused option; --dry-run prints the whole command"
        if "Could not set up host forwarding rule" in output:
            port = re.search(r"'tcp:127.0.0.1:(\d+)", output)
            what = f"port {port.group(1) if port else '?'} of 127.0.0.1 is already in use"
            hint = "publish another port, or 0 for any free one; ss -ltnp shows who uses it"
        return VmmError(what + status, hint=hint, evidence=output[-1500:])


def _vcpu_state(registers: str) -> VcpuState:
    """Parse ``info registers``.

    RIP=ffffffff81c00010 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1; EIP outside of 64-bit
    mode. What TCG shows is where the current block of translated code began.

    Raises:
        VmmError: it has no registers.
    """
    ip = re.search(r"\b([RE])IP=([0-9a-f]+)", registers)
    if ip is None:
        raise VmmError("QEMU did not report its registers", evidence=registers[:500])
    in_kernel = "CPL=0" in registers
    return VcpuState(
        ip=int(ip[2], 16),
        mode="boot" if ip[1] == "E" and in_kernel else "kernel" if in_kernel else "user",
        is_halted="HLT=1" in registers,
    )


def _words(answer: str) -> tuple[int, ...]:
    """Read what ``x /Ngx`` prints: an address, a colon and words; none are in a refusal."""
    found: list[int] = []
    for line in answer.splitlines():
        _, colon, words = line.partition(": ")
        if colon and all(word.startswith("0x") for word in words.split()):
            found += (int(word, 16) for word in words.split())
    return tuple(found)


def _pm_timer_ns(answer: str) -> int | None:
    """Read the ACPI timer: 24 bits at 3.579545 MHz; all bits set where firmware has not placed it.

    Source: ACPI specification, "Power Management Timer"; QEMU's hw/acpi/core.c, which takes it from
    the virtual clock.
    """
    value = int(answer.rpartition("=")[2].strip() or "0xffffffff", 16)
    return None if value >= 1 << 24 else value * 1_000_000_000 // _PM_TIMER_HZ
