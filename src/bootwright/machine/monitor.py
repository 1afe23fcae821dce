"""The monitor: one small process per machine, which owns the VMM and all the machine's resources.

It is started by a command, over whose *leash* (its standard input, a socket) it is told what to
start and tells what happens. When the leash is cut, the command is gone, and unless the machine was
set free, the machine ends and everything is given back. Its own end, however it comes, ends the
VMM, and its lock says to all others that it lives.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any, TypeVar

from bootwright import home as homes
from bootwright.disks.disk import Disk, Opened, Place
from bootwright.errors import BootwrightError, HostError
from bootwright.guest import identity as identities
from bootwright.home import Home
from bootwright.host import processes, space
from bootwright.host.clock import now_ns
from bootwright.journal import DEVICE_PREFIX, Row
from bootwright.machine import endings, messages, ssh
from bootwright.machine import folder as folders
from bootwright.machine.console import Console
from bootwright.machine.control import MONITOR
from bootwright.machine.endings import Circumstances
from bootwright.machine.folder import MachineFolder, claimed, find
from bootwright.machine.limits import DISK_FLOOR_BYTES
from bootwright.machine.marks import MarkReader
from bootwright.machine.messages import (
    Accessed,
    AskStatus,
    AttachConsole,
    Ended,
    Failed,
    LetIn,
    MarkTaken,
    Output,
    Paused,
    Progressed,
    Quit,
    Sampled,
    SetFree,
    Start,
    Started,
    State,
    Status,
    Stop,
)
from bootwright.machine.parts import Parts, parts_of
from bootwright.machine.prepare import disk_of, placement, write_initrd
from bootwright.machine.recovery import settle
from bootwright.machine.sampler import SAMPLED_UNTIL, Sampler, sampler_of
from bootwright.machine.shutdown import shut_down
from bootwright.machine.spec import MachineSpec
from bootwright.machine.switchboard import Switchboard
from bootwright.networks.user import SSH_PORT
from bootwright.timeline.recorder import Mark, Recorder
from bootwright.vmms.protocol import Ending, RunningVmm

T = TypeVar("T")

_WATCH_S = 1.0
"""How often to look whether the machine's folder is still there, and room on a full disk."""
_LAST_WORDS_S = 10.0
"""How long to wait for what the guest sent last and what was counted, once its VMM has ended: a
busy host may need seconds to read it."""
_PROGRESS_SHARE = 0.01
"""How far apart two news of a disk that is being made are."""
_DEVICE_LETTERS = 32
"""What of a machine's name is in that of its device, so that there is room for the rest."""
_READ_OUT_S = 5.0
"""How long an attached console may take to show the rest."""
_STOP_S = 30.0
"""How long a guest may take to shut down where nobody says."""
_READY_MARKS = ("command.start", "sshd.listening")
_LAST_MARKS = ("command.end", "boot.end")


class _EndWanted(Exception):
    """The machine is to end before it has begun."""


class Monitor:
    """Runs one machine from its start to its end."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._board = Switchboard(self._hear)
        self._recorder = Recorder(self._took_mark)
        self._last_mark = ""
        self._started_s = int(time.time())
        self._begun_ns = now_ns()
        self._end_wanted = asyncio.Event()
        self._circumstances = Circumstances()
        self._free = False
        self._lets_in = self._is_kept = False
        self._ready = False
        self._paused = ""
        """Why the guest is held; empty: it is not."""
        self._stopping: asyncio.Task[None] | None = None
        # What there is of the machine; each is set once.
        self._folder: MachineFolder | None = None
        self._running: RunningVmm | None = None
        self._console: asyncio.Future[Console] = asyncio.get_running_loop().create_future()
        self._ports: dict[int, int] = {}
        self._samplers: list[Sampler] = []

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the machine that the leash tells of; returns when it is gone."""
        line = await reader.readline()
        if not line:
            return
        start = messages.to_monitor(line)
        assert isinstance(start, Start), start
        # At once, not when the task first runs: the machine may fail before that.
        self._board.add(writer)
        leash = asyncio.create_task(self._hold_leash(reader, writer))
        self._recorder.mark("monitor.begun", self._begun_ns)
        ended = Ended(reason="vmm-died")
        try:
            ended = await self._live(start.spec, start.again)
        except _EndWanted:
            ended = Ended(reason="ended")
        except BootwrightError as error:
            self._tell_failure(error)
        except OSError as error:
            # A folder without permission, say. Where it came from is in our log.
            traceback.print_exc()
            hint = f"see {self._home.logs / 'monitors.log'}"
            self._tell_failure(HostError(f"the system refused: {error}", hint=hint))
        self._board.tell(ended)
        await self._board.close()
        leash.cancel()

    def wind_up(self) -> None:
        """End the machine in the best order that is left: nobody is there to say how."""
        if self._circumstances.let_in and self._is_kept:
            self.stop(_STOP_S)  # its disk is to be in order
        else:
            self.end()

    def stop(self, timeout_s: float) -> None:
        """Shut the guest down, and end the VMM if that takes longer than *timeout_s*."""
        if self._running is None or not self._lets_in:
            self.end()
        elif self._stopping is None:
            self._circumstances.stopped = True
            self._stopping = asyncio.create_task(self._stop(self._running, timeout_s))

    def end(self) -> None:
        """End the machine and give everything back."""
        self._end_wanted.set()

    async def _live(self, spec: MachineSpec, again: bool) -> Ended:
        """Take every resource in order, wait for the machine's end, give all back in reverse."""
        recipe = spec.recipe
        self._lets_in, self._is_kept = recipe.lets_in, spec.kept
        async with AsyncExitStack() as stack:
            folder = self._folder = stack.enter_context(_held(self._home, spec, again))
            stack.enter_context(space.full_disk_named(folder.path, f"{spec.name} was started"))
            await stack.enter_async_context(self._board.open(folder))
            self._recorder.mark("machine.claimed")
            parts = parts_of(self._home, recipe)
            own = disk_of(self._home, folder, spec, parts, _device_name(spec))
            stack.enter_context(folder.journal.taking("file", folder.initrd.name))
            mac = await self._prepare(folder, spec, parts, own, again)
            disk = self._open(folder, own, stack)
            vmm = stack.enter_context(folder.journal.taking("process", "vmm"))
            place = placement(folder, spec, parts, mac=mac, drives=disk.drives, token=vmm.token)
            with _noted(folder, self._started_s):
                launching = parts.vmm.launch(recipe, place, self._recorder)
                running = await self._unless_ended(stack.enter_async_context(launching))
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
                if place.forwards:
                    self._ports = await self._unless_ended(running.forwarded())
                await self._unless_ended(running.resume())
                if spec.watch == "samples":
                    sampler = sampler_of(running, recipe.guest_clock, parts.kernel)
                    self._samplers.append(sampler)
                    stack.callback(sampler.stop)
            self._board.tell(Started(ports=self._ports))
            watch = asyncio.create_task(self._watch(running, folder, disk))
            stack.callback(watch.cancel)
            ending = await self._until_end(running)
            await asyncio.wait(pumps, timeout=_LAST_WORDS_S)
            await console.read_out(_READ_OUT_S)
            return self._judge(ending, folder)

    async def _prepare(
        self,
        folder: MachineFolder,
        spec: MachineSpec,
        parts: Parts,
        disk: tuple[Disk, Place] | None,
        again: bool,
    ) -> str:
        """Make the files that the machine starts from; return its MAC address."""
        clock = spec.recipe.guest_clock
        _, public = identities.user_key(self._home)
        if again:
            folder.begin_logs()
        else:
            is_shared = clock.shares_identity
            own = identities.fixed() if is_shared else identities.make(spec.name, folder.path)
            folder.write(own)
            if disk is not None:
                await self._make(*disk)
        self._recorder.mark("disk.made")
        identity = folder.identity()
        folder.known_hosts.write_text(f"{spec.name} {identity.host_key_public}\n")
        write_initrd(
            self._home,
            parts,
            identity,
            folder.initrd,
            # Where nobody can log in, a key is but bytes to read, and another user's are others.
            authorized_key="" if clock.is_closed else public,
            command=spec.command,
            new_disk=not again,
        )
        self._recorder.mark("initrd.made")
        return identity.mac

    async def _make(self, kind: Disk, place: Place) -> None:
        if not kind.is_slow:
            kind.make(place, lambda share: None)
            return
        # In a thread, so that the machine can be ended meanwhile.
        loop = asyncio.get_running_loop()
        told = 0.0

        def advance(share: float) -> None:
            nonlocal told
            if self._end_wanted.is_set():
                raise _EndWanted
            if share - told >= _PROGRESS_SHARE or share == 1:
                told = share
                loop.call_soon_threadsafe(self._board.tell, Progressed(step="disk", share=share))

        await asyncio.to_thread(kind.make, place, advance)

    def _open(
        self, folder: MachineFolder, disk: tuple[Disk, Place] | None, stack: AsyncExitStack
    ) -> Opened:
        """Take what the machine's disk needs of the kernel while it runs."""
        if disk is None:
            return Opened(drives=())
        kind, place = disk
        if kind.opened is None:
            return Opened(drives=kind.drives(place))
        stack.enter_context(folder.journal.taking("device", f"{DEVICE_PREFIX}{place.device}"))
        opened = stack.enter_context(kind.opened(place))
        self._recorder.mark("disk.opened")
        return opened

    async def _unless_ended(self, work: Awaitable[T]) -> T:
        """Wait for *work*, and give it up if the machine is to end before it is done.

        Raises:
            _EndWanted: it was given up.
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
        raise _EndWanted

    async def _until_end(self, running: RunningVmm) -> Ending:
        try:
            return await self._unless_ended(asyncio.shield(running.ended))
        except _EndWanted:
            return await running.quit()

    async def _stop(self, running: RunningVmm, timeout_s: float) -> None:
        assert self._folder is not None
        reach = None
        if SSH_PORT in self._ports:
            reach = ssh.access(self._home, self._folder, self._ports)
        if not await shut_down(reach, running.press_power_button, running.ended, timeout_s):
            self.end()

    def _judge(self, ending: Ending, folder: MachineFolder) -> Ended:
        """Write down how the machine ended.

        Raises:
            GuestError: the guest died, or ended before it was of use.
            VmmError: the VMM died.
        """
        last, error = endings.judge(ending, folder, self._circumstances, self._home.logs)
        with suppress(OSError):  # on a full disk it stays what it was: lost
            folder.write(last)
        if error is not None:
            raise error
        return Ended(reason=last.reason, text=last.text, console=last.console)

    async def _watch(self, running: RunningVmm, folder: MachineFolder, disk: Opened) -> None:
        """See that the machine's folder stays, hold a guest before its disk fails for want of room,
        and let one go on that waits for room."""
        while True:
            if self._paused:
                await asyncio.sleep(_WATCH_S)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(_WATCH_S, disk.watch_s)):
                        await running.stalled.wait()
            if not folder.lock.exists():
                self.end()  # somebody has removed it: the machine has no disk and no name any more
                return
            strain = disk.strained()
            if not self._paused:
                if running.stalled.is_set():
                    strain = f"the disk of {folder.path} is full"
                elif strain:
                    await running.pause()
                if strain:
                    self._paused = strain
                    self._board.tell(Paused(text=strain))
            elif not strain and space.free_bytes(folder.path) >= DISK_FLOOR_BYTES:
                self._paused = ""
                await running.resume()

    async def _pump_marks(self, running: RunningVmm, token: str) -> None:
        reader = MarkReader(token)
        while data := await running.marks.read(1 << 16):
            for found in reader.feed(data, now_ns()):
                if isinstance(found, bytes):
                    self._board.tell(Output(data=found))
                    continue
                mark, detail = found
                self._took_mark(mark, detail)
                if mark.name in _LAST_MARKS:
                    # The guest has nothing more to say, and not every machine type lets a guest
                    # switch it off.
                    self._circumstances.finished = True
                    self.end()
        if rest := reader.rest():
            self._board.tell(Output(data=rest))

    async def _count_accesses(self, running: RunningVmm) -> None:
        self._board.tell(Accessed(accesses=await running.accesses()))

    async def _hold_leash(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._board.listen(reader, writer)
        if not self._free:
            self.wind_up()

    async def _hear(
        self,
        message: messages.ToMonitor,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Do what a command asks."""
        match message:
            case LetIn():
                self._circumstances.let_in = True
                assert self._folder is not None
                self._folder.note_let_in()
            case SetFree():
                self._free = True
            case Stop():
                self.stop(message.timeout_s)
            case Quit():
                self._circumstances.save_console |= message.save_console
                self.end()
            case AskStatus():
                writer.write(messages.encode(self._status()))
            case AttachConsole():
                self._board.mute(writer)
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
            started_s=self._started_s,
            ports=self._ports,
        )

    def _took_mark(self, mark: Mark, detail: str = "") -> None:
        self._last_mark = mark.name
        self._ready |= mark.name in _READY_MARKS
        if mark.name in SAMPLED_UNTIL and self._samplers:
            sampler = self._samplers.pop()
            self._board.tell(Sampled(samples=sampler.stop(), lines=sampler.lines))
        self._board.tell(MarkTaken(name=mark.name, time_ns=mark.time_ns, detail=detail))

    def _prompted(self) -> None:
        self._recorder.mark("console.prompt")

    def _tell_failure(self, error: BootwrightError) -> None:
        kind = type(error).__name__
        self._board.tell(
            Failed(error=kind, text=str(error), hint=error.hint, evidence=error.evidence)
        )


def _device_name(spec: MachineSpec) -> str:
    # Such names are the whole host's: the machine's own would not do.
    return f"{spec.name[:_DEVICE_LETTERS]}-{secrets.token_hex(4)}"


@contextmanager
def _noted(folder: MachineFolder, started_s: int) -> Iterator[None]:
    """Write down how the machine will have ended should we die, and that it did not start."""
    folder.write(endings.lost(started_s))
    try:
        yield
    except (BootwrightError, _EndWanted) as error:
        with suppress(OSError):  # on a full disk it stays what it was: lost
            folder.write(endings.not_started(str(error)))
        raise


@contextmanager
def _held(home: Home, spec: MachineSpec, again: bool) -> Iterator[MachineFolder]:
    """Hold the machine's folder and its lock; at the end the folder is gone, or ready to start."""
    settle(home)  # a dead machine must not hold the name
    token = os.environ[processes.VARIABLE]
    with _found(home, spec) if again else claimed(home, spec) as folder:
        try:
            folder.journal.write(Row(event="take", kind="process", name=MONITOR, token=token))
            yield folder
        finally:
            folder.give_back(sparing=token)
            if not folder.is_worth_keeping():
                folders.remove(folder)


@contextmanager
def _found(home: Home, spec: MachineSpec) -> Iterator[MachineFolder]:
    folder = find(home, spec.name)
    with folder.locked():
        yield folder


def main() -> None:
    """Serve the machine that standard input tells of."""
    # A terminal's Ctrl-C is for the command; what it means for us comes over the leash.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_main())
    # All is given back: the command that waits for our end need not wait for the interpreter's.
    os._exit(0)


async def _main() -> None:
    leash = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    reader, writer = await asyncio.open_unix_connection(sock=leash, limit=messages.LINE_BYTES)
    monitor = Monitor(homes.locate())
    # The host shuts down, say.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, monitor.wind_up)
    await monitor.run(reader, writer)


if __name__ == "__main__":
    main()
