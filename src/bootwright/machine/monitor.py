"""The monitor: one small process per machine, which owns the VMM and all the machine's resources.

It is started by a command, over whose *leash* (its standard input, a socket) it is told what to
start and tells what happens. When the leash is cut, the command is gone, and unless the machine was
set free, the machine ends and everything is given back. Its own end, however it comes, ends the
VMM, and its lock says to all others that it lives.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

from bootwright import home as homes
from bootwright.errors import BootwrightError, GuestError, HostError, VmmError
from bootwright.guest import identity as identities
from bootwright.home import Home
from bootwright.host import space
from bootwright.host.clock import boot_id, now_ns
from bootwright.host.trees import remove_tree
from bootwright.journal import Journal, Row, start_ticks
from bootwright.machine import messages
from bootwright.machine.console import Console, panic, tail
from bootwright.machine.folder import MachineFolder, claimed, find, sweep
from bootwright.machine.marks import MarkReader
from bootwright.machine.messages import (
    Ended,
    Failed,
    LetIn,
    MarkTaken,
    Output,
    Quit,
    SetFree,
    Start,
    Started,
)
from bootwright.machine.prepare import make_disk, placement, write_initrd
from bootwright.machine.spec import MachineSpec, Running
from bootwright.timeline.recorder import Mark, Recorder
from bootwright.vmms.protocol import Ending, Placement, RunningVmm
from bootwright.vmms.table import VMMS

_DISK_NEEDED_BYTES = 64 << 20


class Monitor:
    """Runs one machine from its start to its end."""

    def __init__(
        self, home: Home, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._home = home
        self._leash_in, self._leash_out = reader, writer
        self._recorder = Recorder(self._tell_mark)
        self._free = False
        self._wanted_end = asyncio.Event()
        self._save_console = False
        self._listeners = {writer}
        """Who is told what happens; an attached console is a connection, but no listener."""
        self._connections = {writer}

    async def run(self) -> None:
        """Serve one machine; returns when it is gone."""
        line = await self._leash_in.readline()
        if not line:
            return
        start = messages.to_monitor(line)
        assert isinstance(start, Start), start
        ended = Ended(reason="failed")
        try:
            ended = await self._live(start.spec, start.again)
        except BootwrightError as error:
            self._tell_failure(error)
        except OSError as error:
            # A folder without permission, say. Where it came from is in our log.
            traceback.print_exc()
            hint = f"see {self._home.logs / 'monitors.log'}"
            self._tell_failure(HostError(f"the system refused: {error}", hint=hint))
        self._tell(ended)
        for writer in list(self._connections):
            with suppress(ConnectionError):
                await writer.drain()
                writer.close()
                await writer.wait_closed()

    def end(self) -> None:
        """End the machine and give everything back."""
        self._wanted_end.set()

    async def _live(self, spec: MachineSpec, again: bool) -> Ended:
        """Take every resource in order, wait for the machine's end, give all back in reverse."""
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(_held(self._home, spec, again))
            journal = Journal(folder.journal)
            leash = asyncio.create_task(self._watch_leash(folder))
            stack.callback(leash.cancel)
            with space.full_disk_named(folder.path, "the machine was made"):
                place = self._prepare(folder, spec, again)
            vmm = VMMS[spec.recipe.vmm]
            journal.write(Row(event="take", kind="process", name="vmm"))
            running = await stack.enter_async_context(
                vmm.launch(spec.recipe, place, self._recorder)
            )
            journal.write(
                Row(
                    event="take",
                    kind="process",
                    name="vmm",
                    pid=running.pid,
                    start_ticks=start_ticks(running.pid) or 0,
                    boot_id=boot_id(),
                )
            )
            console = Console(running.console, folder.console_log)
            pumps = [
                asyncio.create_task(console.pump()),
                asyncio.create_task(self._pump_marks(running, folder)),
            ]
            await self._serve_control(stack, folder, console)
            ports = await running.forwarded() if place.forwards else {}
            folder.write(
                Running(
                    monitor_pid=os.getpid(),
                    vmm_pid=running.pid,
                    started_s=int(time.time()),
                    ports=ports,
                )
            )
            await running.resume()
            self._tell(Started(ports=ports))
            ending = await self._until_end(running)
            # What the guest sent last is still on its way to us.
            await asyncio.wait(pumps, timeout=1)
            return self._judge(ending, folder)

    def _prepare(self, folder: MachineFolder, spec: MachineSpec, again: bool) -> Placement:
        recipe = spec.recipe
        _, public = identities.user_key(self._home)
        if not again:
            folder.write(identities.make(spec.name))
            space.require(folder.path, _DISK_NEEDED_BYTES, "a machine's disk")
            make_disk(self._home, recipe, folder.disk)
        identity = folder.identity()
        folder.known_hosts.write_text(f"{spec.name} {identity.host_key_public}\n")
        write_initrd(
            self._home,
            recipe,
            identity,
            folder.initrd,
            authorized_key=public,
            command=spec.command,
            new_disk=not again,
        )
        return placement(self._home, folder, spec, identity.mac)

    async def _until_end(self, running: RunningVmm) -> Ending:
        wanted = asyncio.create_task(self._wanted_end.wait())
        try:
            either: list[asyncio.Future[Any]] = [wanted, running.ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
        if running.ended.done():
            return running.ended.result()
        return await running.quit()

    def _judge(self, ending: Ending, folder: MachineFolder) -> Ended:
        """Say how the machine ended, and keep the console where that was no good end.

        Raises:
            GuestError: the guest died.
            VmmError: the VMM died.
        """
        saved = ""
        printed = tail(folder.console_log)
        died = ending.reason in ("reset", "died")
        if died or self._save_console:
            saved = self._save(folder)
        if ending.reason == "reset":
            reason = panic(folder.console_log)
            raise GuestError(
                f"the guest's kernel panicked: {reason}" if reason else "the guest reset itself",
                hint=f"the whole console is in {saved}",
                evidence=printed,
            )
        if ending.reason == "died":
            output = folder.vmm_log.read_text(errors="replace").strip()
            raise VmmError(
                f"the VMM died (exit status {ending.exit_status})",
                hint=f"the whole console is in {saved}",
                evidence=output[-1500:] or printed,
            )
        return Ended(reason=ending.reason, console=saved)

    def _save(self, folder: MachineFolder) -> str:
        self._home.logs.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S")
        target = self._home.logs / f"{folder.name}-{stamp}-{os.getpid()}.console"
        shutil.copyfile(folder.console_log, target)
        return str(target)

    async def _pump_marks(self, running: RunningVmm, folder: MachineFolder) -> None:
        reader = MarkReader(folder.identity().token)
        while data := await running.marks.read(1 << 16):
            output, marks = reader.feed(data, now_ns())
            if output:
                self._tell(Output(data=output))
            for mark, detail in marks:
                self._tell(MarkTaken(name=mark.name, time_ns=mark.time_ns, detail=detail))
                if mark.name == "command.end":
                    # The tiny guest has nothing more to say, and not every machine type lets a
                    # guest switch it off.
                    self.end()

    async def _serve_control(
        self, stack: AsyncExitStack, folder: MachineFolder, console: Console
    ) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._listeners.add(writer)
            self._connections.add(writer)
            try:
                while line := await reader.readline():
                    message = messages.to_monitor(line)
                    if isinstance(message, Quit):
                        self._save_console |= message.save_console
                        self.end()
                    elif isinstance(message, messages.AttachConsole):
                        self._listeners.discard(writer)
                        await console.attach(reader, writer)
            except (ConnectionError, messages.Garbled):
                pass  # the other command has ended, or is no command of ours; the machine goes on
            finally:
                self._listeners.discard(writer)
                self._connections.discard(writer)
                writer.close()

        # A path below a deep folder may be longer than a socket's address can hold (108 bytes,
        # unix(7)); relative to the working folder it never is.
        os.chdir(folder.path)
        server = await asyncio.start_unix_server(serve, path=folder.control.name)
        stack.callback(server.close)

    async def _watch_leash(self, folder: MachineFolder) -> None:
        try:
            while line := await self._leash_in.readline():
                message = messages.to_monitor(line)
                if isinstance(message, LetIn):
                    folder.note_let_in()
                elif isinstance(message, SetFree):
                    self._free = True
                elif isinstance(message, Quit):
                    self._save_console |= message.save_console
                    self.end()
        except ConnectionError:
            pass  # cut: the same as closed
        self._listeners.discard(self._leash_out)
        if not self._free:
            self.end()

    def _tell(self, message: messages.Message) -> None:
        for writer in self._listeners:
            if not writer.is_closing():
                writer.write(messages.encode(message))

    def _tell_failure(self, error: BootwrightError) -> None:
        kind = type(error).__name__
        self._tell(Failed(error=kind, text=str(error), hint=error.hint, evidence=error.evidence))

    def _tell_mark(self, mark: Mark) -> None:
        self._tell(MarkTaken(name=mark.name, time_ns=mark.time_ns))


@contextmanager
def _held(home: Home, spec: MachineSpec, again: bool) -> Iterator[MachineFolder]:
    """Hold the machine's folder and its lock; at the end the folder is gone, or ready to start."""
    if again:
        folder = find(home, spec.name)
        with folder.locked():
            try:
                yield folder
            finally:
                folder.forget_running()
        return
    sweep(home)  # a dead machine must not hold the name
    with claimed(home, spec) as folder:
        try:
            yield folder
        finally:
            if folder.is_worth_keeping():
                folder.forget_running()
            else:
                remove_tree(folder.path)


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
    monitor = Monitor(homes.locate(), reader, writer)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, monitor.end)
    await monitor.run()


if __name__ == "__main__":
    main()
