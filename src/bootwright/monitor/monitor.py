"""The monitor: a small process for each machine, which owns the VMM and all other resources.

A command starts it, sends its request over *the command's connection* (the monitor's standard
input, a socket; see `launch`), and receives its messages there. When that connection closes, the
machine ends and all resources are released, unless the machine was detached. When the monitor ends,
for whatever reason, the VMM ends too. The monitor's lock shows that it is alive.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import traceback
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from bootwright.disks.disk import DiskKind, DiskLocation, OpenedDisk
from bootwright.errors import BootwrightError, HostError
from bootwright.events import Event, Progress
from bootwright.host import space
from bootwright.host.clock import now_ns
from bootwright.machines import endings, messages
from bootwright.machines.console import Console, tail
from bootwright.machines.endings import Circumstances
from bootwright.machines.folder import MachineFolder
from bootwright.machines.messages import (
    AccessesCounted,
    AskStatus,
    AttachConsole,
    Detach,
    Ended,
    Failed,
    LoggedIn,
    MarkTaken,
    Output,
    Paused,
    Progressed,
    Quit,
    SamplesTaken,
    Started,
    State,
    Status,
    Stop,
)
from bootwright.monitor.connections import Connections
from bootwright.monitor.launch import EndWanted, Launch, noting_failure
from bootwright.monitor.mark_reader import MarkReader
from bootwright.networks.user import SSH_PORT
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Mark
from bootwright.vmms.protocol import RunningVmm, VmmExit

if TYPE_CHECKING:
    from bootwright.monitor.sampler import Sampler

T = TypeVar("T")

_WATCH_S = 1.0
"""How often to check that the machine's folder exists, and whether a full disk has space."""
_LAST_OUTPUT_S = 10.0
"""How long to wait for the guest's last output and counts once its VMM has ended: a busy host may
need seconds to read them."""
_PROGRESS_SHARE = 0.01
"""The least progress of a disk's creation that is reported."""
_READ_OUT_S = 5.0
"""How long an attached console may take to read the rest."""
_STOP_S = 30.0
"""How long a guest may take to shut down by default."""
_READY_MARKS = (MarkName.COMMAND_START, MarkName.SSHD_LISTENING)
_LAST_MARKS = (MarkName.COMMAND_END, MarkName.BOOT_END)


class Monitor:
    """Runs one machine from its launch to its end."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._home = launch.home
        self._connections = Connections(self._handle)
        self._recorder = launch.recorder
        self._last_mark = ""
        self._end_wanted = asyncio.Event()
        self._circumstances = Circumstances()
        self._detached = False
        self._allows_login, self._is_kept = launch.spec.recipe.allows_login, launch.spec.kept
        self._ready = False
        self._paused = ""
        """Why the guest is paused; empty if it is not."""
        self._stopping: asyncio.Task[None] | None = None
        # The machine's parts; each is set once.
        self._running: RunningVmm | None = None
        self._console: asyncio.Future[Console] = asyncio.get_running_loop().create_future()
        self._ports: dict[int, int] = {}
        self._samplers: list[Sampler] = []

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the command's connection until the machine is gone."""
        # Now, not when the task first runs: the machine may fail before that.
        self._connections.add(writer)
        following = asyncio.create_task(self._follow_command(reader, writer))
        for mark in self._recorder.marks():
            self._send_mark(mark)
        self._recorder.listen(self._send_mark)
        ended = Ended(reason="vmm-died")
        try:
            ended = await self._live()
        except EndWanted:
            ended = Ended(reason="ended")
        except BootwrightError as error:
            self._report_failure(error)
        except OSError as error:
            # For example a folder without permission. The traceback is in the monitors' log.
            traceback.print_exc()
            hint = f"see {self._home.logs / 'monitors.log'}"
            self._report_failure(HostError(f"a system call failed: {error}", hint=hint))
        self._connections.broadcast(ended)
        await self._connections.close()
        following.cancel()

    def shut_down_in_order(self) -> None:
        """End the machine; shut its guest down first if it is a kept one."""
        if self._circumstances.logged_in and self._is_kept:
            self.stop(_STOP_S)  # leave its filesystem clean
        else:
            self.end()

    def stop(self, timeout_s: float) -> None:
        """Shut the guest down, and end the VMM if that takes longer than *timeout_s*."""
        if self._running is None or not self._allows_login:
            self.end()
        elif self._stopping is None:
            self._circumstances.stopped = True
            self._stopping = asyncio.create_task(self._stop(self._running, timeout_s))

    def end(self) -> None:
        """End the machine and release all resources."""
        self._end_wanted.set()

    async def _live(self) -> Ended:
        """Run the launched machine until its end, then release all resources."""
        launch, spec = self._launch, self._launch.spec
        async with AsyncExitStack() as stack:
            stack.push(launch.stack)
            if launch.failure is not None:
                raise launch.failure
            await stack.enter_async_context(self._connections.open(launch.listener))
            if launch.slow_disk is not None:
                await self._make(*launch.slow_disk)
                launch.start_vmm()
            folder, disk = launch.folder, launch.disk
            with noting_failure(folder):
                attaching = stack.enter_async_context(launch.vmm.attached())
                running = await self._unless_ended(attaching)
                self._running = running
                disk.held()
                console = Console(running.console, folder.console_log, self._prompted)
                self._console.set_result(console)
                pumps = [
                    asyncio.create_task(console.pump()),
                    asyncio.create_task(self._pump_marks(running, folder.identity().token)),
                ]
                if spec.watch == "accesses":
                    pumps.append(asyncio.create_task(self._count_accesses(running)))
                if launch.placement.forwards:
                    self._ports = await self._unless_ended(running.forwarded())
                await self._unless_ended(running.resume())
                if spec.watch == "samples":
                    from bootwright.monitor.sampler import sampler_of

                    sampler = sampler_of(running, spec.recipe.guest_clock, launch.parts.kernel)
                    self._samplers.append(sampler)
                    stack.callback(sampler.stop)
            self._connections.broadcast(Started(ports=self._ports))
            watch = asyncio.create_task(self._watch(running, folder, disk))
            stack.callback(watch.cancel)
            ending = await self._until_end(running)
            await asyncio.wait(pumps, timeout=_LAST_OUTPUT_S)
            await console.read_out(_READ_OUT_S)
            return self._judge(ending, folder)

    async def _make(self, kind: DiskKind, place: DiskLocation) -> None:
        # In a thread, so that the machine can be ended meanwhile.
        loop = asyncio.get_running_loop()
        reported = 0.0

        def observe(event: Event) -> None:
            nonlocal reported
            if self._end_wanted.is_set():
                raise EndWanted
            if not isinstance(event, Progress) or event.share is None:
                return
            if event.share - reported >= _PROGRESS_SHARE or event.share == 1:
                reported = event.share
                message = Progressed(step=event.step, share=event.share)
                loop.call_soon_threadsafe(self._connections.broadcast, message)

        await asyncio.to_thread(kind.make, place, observe)

    async def _unless_ended(self, work: Awaitable[T]) -> T:
        """Wait for *work*; cancel it if the machine must end first.

        Raises:
            EndWanted: it was cancelled.
        """
        doing = asyncio.ensure_future(work)
        wanted = asyncio.create_task(self._end_wanted.wait())
        try:
            either: list[asyncio.Future[Any]] = [doing, wanted]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
        if doing.done():
            return doing.result()
        doing.cancel()
        with suppress(asyncio.CancelledError):
            await doing
        raise EndWanted

    async def _until_end(self, running: RunningVmm) -> VmmExit:
        try:
            return await self._unless_ended(asyncio.shield(running.ended))
        except EndWanted:
            return await running.quit()

    async def _stop(self, running: RunningVmm, timeout_s: float) -> None:
        # Imported here, as others below: a boot waits for what is imported at the top.
        from bootwright.machines import ssh
        from bootwright.machines.shutdown import shut_down

        reach = None
        if SSH_PORT in self._ports:
            reach = ssh.ssh_endpoint(self._home, self._launch.folder, self._ports)
        if not await shut_down(reach, running.press_power_button, running.ended, timeout_s):
            self.end()

    def _judge(self, ending: VmmExit, folder: MachineFolder) -> Ended:
        """Record how the machine ended.

        Raises:
            GuestError: the guest died, or ended too early.
            VmmError: the VMM died.
        """
        last, error = endings.judge(ending, folder, self._circumstances, self._home.logs)
        with suppress(OSError):  # on a full disk it stays what it was: lost
            folder.write(last)
        if error is not None:
            raise error
        printed = tail(folder.console_log)
        return Ended(reason=last.reason, text=last.text, console=last.console, printed=printed)

    async def _watch(self, running: RunningVmm, folder: MachineFolder, disk: OpenedDisk) -> None:
        """End the machine if its folder is removed; pause the guest while its disk lacks space."""
        from bootwright.machines.limits import DISK_FLOOR_BYTES

        while True:
            if self._paused:
                await asyncio.sleep(_WATCH_S)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(_WATCH_S, disk.watch_s)):
                        await running.stalled.wait()
            if not folder.lock.exists():
                self.end()  # somebody has removed the machine
                return
            shortage = disk.low_on_space()
            if not self._paused:
                if running.stalled.is_set():
                    shortage = f"the disk of {folder.path} is full"
                elif shortage:
                    await running.pause()
                if shortage:
                    self._paused = shortage
                    self._connections.broadcast(Paused(text=shortage))
            elif not shortage and space.free_bytes(folder.path) >= DISK_FLOOR_BYTES:
                self._paused = ""
                await running.resume()

    async def _pump_marks(self, running: RunningVmm, token: str) -> None:
        reader = MarkReader(token)
        while data := await running.marks.read(1 << 16):
            for found in reader.feed(data, now_ns()):
                if isinstance(found, bytes):
                    self._connections.broadcast(Output(data=found))
                    continue
                mark, detail = found
                self._send_mark(mark, detail)
                if mark.name in _LAST_MARKS:
                    # The guest is done, and cannot power off every machine type.
                    self._circumstances.finished = True
                    self.end()
        if rest := reader.rest():
            self._connections.broadcast(Output(data=rest))

    async def _count_accesses(self, running: RunningVmm) -> None:
        self._connections.broadcast(AccessesCounted(accesses=await running.accesses()))

    async def _follow_command(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._connections.listen(reader, writer)
        if not self._detached:
            self.shut_down_in_order()

    async def _handle(
        self,
        message: messages.ToMonitor,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Handle a command's message."""
        match message:
            case LoggedIn():
                self._circumstances.logged_in = True
                self._launch.folder.note_login()
            case Detach():
                self._detached = True
            case Stop():
                self.stop(message.timeout_s)
            case Quit():
                self._circumstances.save_console |= message.save_console
                self.end()
            case AskStatus():
                writer.write(messages.encode(self._status()))
            case AttachConsole():
                self._connections.mute(writer)
                await (await self._console).attach(reader, writer, message.from_byte)
                writer.close()

    def _status(self) -> Status:
        state: State = "running"
        detail = ""
        if self._paused:
            state, detail = "paused", self._paused
        elif self._stopping is not None or self._end_wanted.is_set():
            state = "stopping"
        elif not self._ready:
            state, detail = "starting", self._last_mark
        return Status(
            state=state,
            detail=detail,
            monitor_pid=os.getpid(),
            vmm_pid=self._running.pid if self._running else 0,
            started_s=self._launch.started_s,
            ports=self._ports,
        )

    def _send_mark(self, mark: Mark, detail: str = "") -> None:
        self._last_mark = mark.name
        self._ready |= mark.name in _READY_MARKS
        if self._samplers and self._samplers[0].ends_with(mark.name):
            sampler = self._samplers.pop()
            self._connections.broadcast(SamplesTaken(samples=sampler.stop(), lines=sampler.lines))
        self._connections.broadcast(MarkTaken(name=mark.name, time_ns=mark.time_ns, detail=detail))

    def _prompted(self, mark: str) -> None:
        self._recorder.mark(mark)

    def _report_failure(self, error: BootwrightError) -> None:
        kind = type(error).__name__
        self._connections.broadcast(
            Failed(error=kind, text=str(error), hint=error.hint, evidence=error.evidence)
        )


def serve(launch: Launch, command: socket.socket, received: bytes) -> None:
    """Run the launched machine until it is gone.

    Args:
        received: Bytes already read from the command's connection.
    """
    asyncio.run(_serve(launch, command, received))


async def _serve(launch: Launch, command: socket.socket, received: bytes) -> None:
    reader = asyncio.StreamReader(limit=messages.LINE_BYTES)
    reader.feed_data(received)
    protocol = asyncio.StreamReaderProtocol(reader)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_unix_connection(lambda: protocol, sock=command)
    monitor = Monitor(launch)
    loop.add_signal_handler(signal.SIGTERM, monitor.shut_down_in_order)
    if launch.end_wanted:
        monitor.shut_down_in_order()
    await monitor.run(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
