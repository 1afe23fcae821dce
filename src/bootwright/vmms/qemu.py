"""QEMU: its command line, its process, and QMP.

Its console, mark port and QMP are sockets that we make and it inherits: nothing to name, nothing
to find, no byte lost before somebody listens. It starts paused, so that the mark ``vmm.running``
is taken at the guest's first instruction and not somewhere near it.

Source: qemu(1); QEMU's docs/interop/qmp-spec and qapi/run-state.json.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from fcntl import F_SETPIPE_SZ, fcntl
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from bootwright.disks.disk import Form
from bootwright.disks.table import disk
from bootwright.errors import HostError, VmmError
from bootwright.host import commands, processes, tools
from bootwright.recipe import Recipe
from bootwright.timeline.evidence import Access
from bootwright.timeline.recorder import Recorder
from bootwright.vmms.protocol import Ending, EndReason, Placement, RunningVmm, Sighting
from bootwright.vmms.qemu_argv import PROGRAM, argv

if TYPE_CHECKING:
    from qemu.qmp import QMPClient

    from bootwright.vmms.qemu_trace import AccessCounter

_PM_TIMER_PORT = 0x608
"""Of q35's ACPI timer, as SeaBIOS places it (PORT_ACPI_PM_BASE + 8)."""
_PM_TIMER_HZ = 3_579_545
_ANSWER_S = 30.0
"""How long QEMU may take to answer: it loads kernel and initrd before it does."""
_QUIT_S = 2.0
"""How long QEMU may take to quit by itself before it is killed."""
_DRIVE_DRIVERS: dict[Form, tuple[str, ...]] = {
    "raw": ("virtio_blk",),
    "qcow2": ("virtio_blk",),
    # The first makes the device known, the second makes a block device of it.
    "memory": ("virtio_pmem", "nd_pmem"),
}
_PIPE_BYTES = 1 << 20
"""What a user may have. Source: pipe(7), /proc/sys/fs/pipe-max-size."""
_PLANNED_FDS = (3, 4, 5, 6)
"""What a dry run shows for the sockets' numbers, and the pipe's of counted accesses."""


class Qemu:
    """QEMU on x86-64."""

    name = "qemu"
    program = PROGRAM
    forms: frozenset[Form] = frozenset(_DRIVE_DRIVERS)

    def build(self) -> str:
        """Return what ``qemu-system-x86_64 --version`` says, without the first two words."""
        [program] = tools.require(PROGRAM)
        said = commands.run([program, "--version"])
        found = re.search(r"version (.+)", said.stdout)
        if not found:
            raise HostError(f"{program} --version says nothing: {said.stderr.strip()}")
        return found.group(1).strip()

    def drivers(self, recipe: Recipe) -> list[str]:
        """Return the kernel modules that a guest of *recipe* needs to see its devices."""
        devices = [] if recipe.disk == "none" else [*_DRIVE_DRIVERS[disk(recipe.disk).form]]
        devices += ["virtio_net"] if recipe.network != "none" else []
        transport = "virtio_mmio" if recipe.machine == "microvm" else "virtio_pci"
        return [transport, *devices] if devices else []

    def block_device(self, recipe: Recipe, drive: int, partition: int = 0) -> str:
        """Return ``/dev/vda`` or ``/dev/pmem0`` for the first drive, or one of its partitions."""
        if disk(recipe.disk).form == "memory":
            return f"/dev/pmem{drive}" + (f"p{partition}" if partition else "")
        return f"/dev/vd{'abcdefgh'[drive]}{partition or ''}"

    def plan(self, recipe: Recipe, placement: Placement) -> tuple[str, ...]:
        """Return the exact argv; the numbers of the inherited sockets are examples."""
        return argv(recipe, placement, _PLANNED_FDS)

    @asynccontextmanager
    async def launch(
        self, recipe: Recipe, placement: Placement, recorder: Recorder
    ) -> AsyncIterator[RunningVmm]:
        """Start QEMU with its guest paused; end and reap it when the block is left."""
        tools.require(PROGRAM, "setpriv")
        qmp, their_qmp = socket.socketpair()
        console, their_console = _port(recipe)
        marks, their_marks = _port(recipe)
        ours: list[_End] = [qmp, console, marks]
        theirs: list[_End] = [their_qmp, their_console, their_marks]
        trace = None
        if placement.counted_until:
            trace, their_trace = _pipe()
            ours.append(trace)
            theirs.append(their_trace)
        fds = tuple(end.fileno() for end in theirs)
        try:
            with placement.log.open("ab") as log:
                recorder.mark("vmm.exec")
                process = await asyncio.create_subprocess_exec(
                    *argv(recipe, placement, fds),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=processes.marked(placement.token),
                    pass_fds=fds,
                    start_new_session=True,
                )
        except BaseException:
            for end in ours:
                end.close()
            raise
        finally:
            for end in theirs:
                end.close()
        running = _RunningQemu(process, placement.log, recorder)
        try:
            await running.connect(qmp, console, marks)
            if trace is not None:
                await running.count(trace, placement.counted_until)
            recorder.mark("vmm.ready")
            yield running
        finally:
            # No await may come before the kill: a cancellation would leave QEMU behind.
            running.kill()
            await running.reap()


_End = socket.socket | FileIO
"""Our end of a port of the guest's, or QEMU's."""


def _port(recipe: Recipe) -> tuple[_End, _End]:
    """Return our end of a serial port of the guest's, and QEMU's.

    On the virtual clock a port only speaks, since what is typed would come when the host sends it,
    and it never waits: its pipe is large. In a socket each write, here a byte, takes some 768 bytes
    of the room, so that 300 of them fill it; while the host is busy, the guest would see how long.
    """
    if recipe.clock == "wall":
        return socket.socketpair()
    return _pipe()


def _pipe() -> tuple[FileIO, FileIO]:
    """Return the two ends of a large pipe: for reading, for writing."""
    reading, writing = os.pipe()
    ends = FileIO(reading, "r"), FileIO(writing, "w")
    with suppress(PermissionError):  # this user has many pipes; an ordinary one will mostly do
        fcntl(writing, F_SETPIPE_SZ, _PIPE_BYTES)
    return ends


async def _streams(end: _End) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
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


class _RunningQemu:
    """One QEMU process; see `RunningVmm`."""

    console: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    marks: asyncio.StreamReader

    def __init__(self, process: asyncio.subprocess.Process, log: Path, recorder: Recorder) -> None:
        self.pid = process.pid
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._process = process
        self._log = log
        self._recorder = recorder
        self._reason: EndReason = "died"
        self._told_reason = asyncio.Event()
        self.stalled = asyncio.Event()
        self._has_run = self._is_paused = False
        self._qmp: QMPClient | None = None
        self._reaper = asyncio.create_task(self._wait())
        self._listener: asyncio.Task[None] | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._trace: tuple[asyncio.StreamReader, asyncio.ReadTransport] | None = None
        self._counter: AccessCounter | None = None

    async def connect(self, qmp: socket.socket, console: _End, marks: _End) -> None:
        self.console = await _streams(console)
        self.marks, marks_writer = await _streams(marks)
        self._writers = [self.console[1], marks_writer]
        # Imported here, while QEMU starts: importing it costs 50 ms.
        from qemu.qmp import QMPClient, QMPError

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

    async def accesses(self) -> tuple[Access, ...]:
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
            self._recorder.mark("vmm.running")

    async def press_power_button(self) -> None:
        await self._execute("system_powerdown")

    async def sight(
        self, *, stopped: bool = False, window: tuple[int, int] | None = None
    ) -> Sighting:
        if not stopped:
            return _sighting(await self._monitor("info registers"))
        await self._execute("stop")
        registers = await self._monitor("info registers")
        timer = await self._monitor(f"i /w {_PM_TIMER_PORT:#x}")
        read = await self._monitor(f"x /{window[1]}gx {window[0]:#x}") if window else ""
        # What the guest had written to its ports before is heard before it writes more.
        await asyncio.sleep(0)
        if not self._is_paused:
            await self._execute("cont")
        return replace(_sighting(registers), vm_ns=_pm_timer_ns(timer), words=_words(read))

    async def forwarded(self) -> dict[int, int]:
        table = await self._monitor("info usernet")
        # Protocol[State] FD Source-Address Port Dest-Address Port RecvQ SendQ
        rules = re.findall(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", table)
        return {int(guest): int(host) for host, guest in rules}

    async def quit(self) -> Ending:
        self._reason = "told-to-quit"
        assert self._qmp is not None
        asking = asyncio.create_task(self._qmp.execute("quit"))
        # QEMU may end before it has answered, and one that was stopped (SIGSTOP) never answers.
        await asyncio.wait([self.ended], timeout=_QUIT_S)
        self.kill()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return await self.ended

    def kill(self) -> None:
        """Send SIGKILL unless the process was reaped already; its pid is ours until then."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)

    async def reap(self) -> None:
        await self._reaper
        if self._listener:
            self._listener.cancel()
        if self._qmp:
            with suppress(Exception):  # QEMU is gone; how its socket ended is no news
                await self._qmp.disconnect()
        if self._trace:
            self._trace[1].close()
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _wait(self) -> None:
        status = await self._process.wait()
        if self._reason == "died":
            # QEMU told the reason, if it knew one, before it ended; it may still be on its way.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told_reason.wait(), 0.2)
        self.ended.set_result(Ending(reason=self._reason, exit_status=status))

    async def _listen(self, qmp: QMPClient) -> None:
        reasons: dict[str, EndReason] = {
            "guest-shutdown": "powered-off",
            "guest-reset": "reset",
            "guest-panic": "reset",
            "host-qmp-quit": "told-to-quit",
        }
        with qmp.listener(("SHUTDOWN", "BLOCK_IO_ERROR")) as events:
            async for event in events:
                data = event["data"]
                assert isinstance(data, dict)
                if event["event"] == "SHUTDOWN":
                    self._reason = reasons.get(str(data.get("reason")), "died")
                    self._told_reason.set()
                elif data.get("nospace") and data.get("action") == "stop":
                    self.stalled.set()

    async def _monitor(self, line: str) -> str:
        """Return what QEMU's monitor for people says; QMP has no command for it."""
        return str(await self._execute("human-monitor-command", {"command-line": line}))

    async def _execute(self, command: str, arguments: dict[str, object] | None = None) -> object:
        from qemu.qmp import QMPError

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
        hint = "look for the refused option in the output; --dry-run prints the whole command"
        if "Could not set up host forwarding rule" in output:
            port = re.search(r"'tcp:127.0.0.1:(\d+)", output)
            what = f"port {port.group(1) if port else '?'} of 127.0.0.1 is in use already"
            hint = "publish another one, or 0 for any that is free; ss -ltnp says who has it"
        return VmmError(what + status, hint=hint, evidence=output[-1500:])


def _sighting(registers: str) -> Sighting:
    """Read what ``info registers`` says.

    RIP=ffffffff81c00010 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1; EIP outside of 64-bit
    mode. What TCG shows is where the current block of translated code began.

    Raises:
        VmmError: it says nothing of the kind.
    """
    ip = re.search(r"\b([RE])IP=([0-9a-f]+)", registers)
    if ip is None:
        raise VmmError("QEMU does not tell its registers", evidence=registers[:500])
    in_kernel = "CPL=0" in registers
    return Sighting(
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
