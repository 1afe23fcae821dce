"""The side of a machine that a command holds: it starts the monitor and follows what it tells."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from bootwright.errors import GuestError, VmmError, by_name
from bootwright.home import Home
from bootwright.machine import control, messages, ssh
from bootwright.machine.console import tail
from bootwright.machine.folder import MachineFolder
from bootwright.machine.messages import Ended, Failed, FromMonitor, MarkTaken, Output, Started
from bootwright.machine.spec import MachineSpec
from bootwright.timeline.recorder import Recorder

_TOLD_GRACE_S = 10.0
"""How long after the hand-over we rely on the guest to tell that its SSH server listens, before we
also look ourselves."""
_CLEAN_STOP_S = 30.0


class Machine:
    """A machine that this process started."""

    def __init__(
        self,
        home: Home,
        spec: MachineSpec,
        recorder: Recorder,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        monitor: subprocess.Popen[bytes],
    ) -> None:
        self.name = spec.name
        self.spec = spec
        self.recorder = recorder
        self.folder = MachineFolder(home.machines / spec.name)
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.freed = False
        """Whether it goes on without this process."""
        self._home = home
        self._leash_in, self._leash_out = streams
        self._monitor = monitor
        self._seen: dict[str, asyncio.Event] = {}
        self._details: dict[str, str] = {}
        self._output = bytearray()
        self._on_output: Callable[[bytes], None] | None = None
        self._follower = asyncio.create_task(self._follow())

    async def ready(self, timeout_s: float) -> None:
        """Wait until the guest's SSH server listens, or until its seed runs a tiny guest's command.

        Raises:
            GuestError: that took longer than *timeout_s*, or the guest failed before.
            VmmError: the VMM failed.
        """
        if self.spec.recipe.image is None:
            await self._wait_for("command.start", timeout_s)
        else:
            looking = asyncio.create_task(self._look_for_server())
            try:
                await self._wait_for("sshd.listening", timeout_s)
            finally:
                looking.cancel()

    async def finished(self, timeout_s: float | None, on_output: Callable[[bytes], None]) -> int:
        """Wait for the end of the tiny guest's command and return its exit status.

        Args:
            on_output: Called with the output as it comes, from the first byte on.
        """
        if self._output:
            on_output(bytes(self._output))
        self._on_output = on_output
        await self._wait_for("command.end", timeout_s)
        return int(self._details["command.end"])

    async def run(
        self,
        command: Sequence[str],
        on_login: Callable[[], Awaitable[None]],
        *,
        terminal: bool = False,
        capture: bool = False,
    ) -> ssh.Completed:
        """Log in and run *command*; see `ssh.run`."""

        async def logged_in() -> None:
            self.recorder.mark("ssh.login")
            self._leash_out.write(messages.encode(messages.LetIn()))
            await on_login()

        reach = ssh.access(self._home, self.folder)
        pipe = self.folder.path / "login"
        done = await ssh.run(reach, command, pipe, logged_in, terminal=terminal, capture=capture)
        if done.exit_status == ssh.LOST_STATUS:
            # ssh says 255 for a lost connection, but a command may end so as well.
            finished, _ = await asyncio.wait([self.ended], timeout=1)
            if finished:
                self.ended.result()
                raise ssh.lost(self.name)
        self.recorder.mark("command.end")
        return done

    def set_free(self) -> None:
        """Let the machine go on without this process."""
        self._leash_out.write(messages.encode(messages.SetFree()))
        self.freed = True

    async def stop(self) -> None:
        """Shut the guest down, the hard way where it takes too long."""
        await control.shut_down(self._home, self.folder, self.ended, _CLEAN_STOP_S)

    async def quit(self, *, save_console: bool = False) -> str:
        """End the VMM now and wait until everything is given back.

        Returns:
            Where a copy of the console's log lies, if one was asked for.
        """
        if not self.ended.done() and not self._leash_out.is_closing():
            self._leash_out.write(messages.encode(messages.Quit(save_console=save_console)))
        await asyncio.wait([self.ended], timeout=control.GONE_S)
        good = self.ended.done() and self.ended.exception() is None
        return self.ended.result().console if good else ""

    async def close(self) -> None:
        """Cut the leash."""
        self._leash_out.close()
        with suppress(ConnectionError):
            await self._leash_out.wait_closed()
        self._follower.cancel()
        if self.freed:
            self._monitor.returncode = 0  # not ours to wait for any more
        else:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._monitor.wait, control.GONE_S)
        if self.ended.done() and not self.ended.cancelled():
            self.ended.exception()  # seen

    async def _follow(self) -> None:
        try:
            while line := await self._leash_in.readline():
                self._take(messages.from_monitor(line))
        except (ConnectionError, messages.Garbled):
            pass  # it died, perhaps in the middle of a line: said below
        if not self.ended.done():
            self.ended.set_exception(
                VmmError(
                    f"the monitor of machine {self.name!r} died",
                    hint=f"see {self._home.logs / 'monitors.log'}",
                )
            )

    def _take(self, message: FromMonitor) -> None:
        match message:
            case MarkTaken():
                self.recorder.mark(message.name, message.time_ns)
                self._details.setdefault(message.name, message.detail)
                self._event(message.name).set()
            case Started():
                self._event("started").set()
            case Output():
                if self._on_output:
                    self._on_output(message.data)
                else:
                    self._output += message.data
            case Failed():
                if not self.ended.done():
                    error = by_name(message.error)
                    self.ended.set_exception(
                        error(message.text, hint=message.hint, evidence=message.evidence)
                    )
            case Ended():
                if not self.ended.done():
                    self.ended.set_result(message)

    def _event(self, name: str) -> asyncio.Event:
        return self._seen.setdefault(name, asyncio.Event())

    async def wait_started(self) -> None:
        """Wait until the VMM runs its guest."""
        await self._wait_for("started", None)

    async def _wait_for(self, name: str, timeout_s: float | None) -> None:
        """Wait for a mark, a failure, or the end of the time."""
        events: list[asyncio.Future[Any]] = [
            asyncio.create_task(self._event(n).wait()) for n in (name, "seed.failed")
        ]
        try:
            await asyncio.wait(
                [*events, self.ended], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for event in events:
                event.cancel()
        if self._event(name).is_set():
            return
        printed = tail(self.folder.console_log)
        if self._event("seed.failed").is_set():
            raise GuestError(
                f"the guest could not start: {self._details['seed.failed']}", evidence=printed
            )
        if self.ended.done():
            ended = self.ended.result()
            raise GuestError(
                f"the guest ended ({ended.reason}) before the mark {name}", evidence=printed
            )
        last = self.recorder.marks()[-1].name
        raise GuestError(
            f"the guest was not ready after {timeout_s:g} s; the last mark was {last}, "
            f"the next would have been {name}",
            hint="give more time with --timeout, or look at its console below",
            evidence=printed,
        )

    async def _look_for_server(self) -> None:
        await self._event("seed.done").wait()
        await asyncio.sleep(_TOLD_GRACE_S)
        await ssh.wait_for_banner(ssh.access(self._home, self.folder).port)
        self.recorder.mark("sshd.banner")
        self._event("sshd.listening").set()


@asynccontextmanager
async def started(
    home: Home, spec: MachineSpec, recorder: Recorder, *, again: bool = False
) -> AsyncIterator[Machine]:
    """Start a machine and own it for the length of the block.

    After the block it is gone, with all that it had; a kept one has been shut down and lies ready
    to start; one that was set free goes on.

    Args:
        again: Start the machine of that name that lies there, instead of making one.

    Raises:
        BootwrightError: it could not be started; nothing is left.
    """
    ours, theirs = socket.socketpair()
    try:
        monitor = _spawn_monitor(home, theirs)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    streams = await asyncio.open_unix_connection(sock=ours, limit=messages.LINE_BYTES)
    machine = Machine(home, spec, recorder, streams, monitor)
    streams[1].write(messages.encode(messages.Start(spec=spec, again=again)))
    try:
        await machine.wait_started()
        yield machine
        if spec.kept and not machine.freed:
            await machine.stop()
    except GuestError as error:
        if saved := await machine.quit(save_console=True):
            error.hint = "; ".join(filter(None, [error.hint, f"the whole console is in {saved}"]))
        raise
    finally:
        if not machine.freed:
            await machine.quit()
        await machine.close()
        if not machine.freed:
            recorder.mark("machine.gone")


def _spawn_monitor(home: Home, leash: socket.socket) -> subprocess.Popen[bytes]:
    home.logs.mkdir(parents=True, exist_ok=True)
    with (home.logs / "monitors.log").open("ab") as log:
        # -P: a folder called bootwright in the user's working folder is not our package.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "bootwright.machine.monitor"],
            stdin=leash.fileno(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
