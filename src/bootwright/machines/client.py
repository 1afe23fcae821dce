"""A machine as its command sees it: starts the monitor and follows its messages."""

from __future__ import annotations

import asyncio
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count

from bootwright.errors import BootwrightError, GuestError, HostError, VmmError
from bootwright.events import Event, Notice, Observer, Progress, ignore
from bootwright.home import Home
from bootwright.machines import control, diagnosis, messages, ssh
from bootwright.machines.console import tail
from bootwright.machines.copying import Copier
from bootwright.machines.events import MarkReached, OutputReceived
from bootwright.machines.folder import MachineFolder
from bootwright.machines.lifetime import cancelled_at
from bootwright.machines.messages import (
    AccessesCounted,
    Ended,
    Failed,
    FromMonitor,
    MarkTaken,
    Output,
    Paused,
    Progressed,
    SamplesTaken,
    Started,
    VcpuSample,
)
from bootwright.machines.monitor_process import MonitorProcess
from bootwright.machines.request import request
from bootwright.machines.spec import EndReason, MachineSpec
from bootwright.timelines.evidence import DeviceAccess, LogLineTime
from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Recorder

_MARK_GRACE_S = 10.0
"""How long after the initramfs to rely on the guest's mark that its SSH server listens, before
probing the port as well."""
_RESTART_GRACE_S = 10.0
"""How long a failed SSH server may take to be restarted and listen."""
_PROMPT_SHARE = 0.2
"""The fraction of the start-up timeout that an SSH server may take once the console shows a login
prompt: by then everything else is up."""
_CLEAN_STOP_S = 30.0
_END_NOTICE_S = 1.0
"""How long to wait for a machine's end after a connection to its guest broke."""


class Machine:
    """A machine that this process started."""

    def __init__(
        self,
        home: Home,
        spec: MachineSpec,
        recorder: Recorder,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        monitor: subprocess.Popen[bytes],
        observe: Observer,
    ) -> None:
        self.name = spec.name
        self.spec = spec
        self.recorder = recorder
        self.folder = MachineFolder(home.machines / spec.name)
        self.ports: dict[int, int] = {}
        """Forwarded ports: ``{guest: host}``."""
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.detached = False
        """Whether it continues without this process."""
        self.logged_in = False
        """Whether somebody has logged in."""
        self.samples: tuple[VcpuSample, ...] = ()
        """Where the vCPU was, if the machine is sampled; set when the initramfs is done."""
        self.lines: tuple[LogLineTime, ...] = ()
        """When kernel log lines appeared, if sampled on the virtual clock."""
        self.accesses: tuple[DeviceAccess, ...] = ()
        """Accesses to devices, if counted; set when the machine has ended."""
        self._home = home
        self._command_in, self._command_out = streams
        self._monitor = monitor
        self._observe = observe
        self._seen: dict[str, float] = {}
        """When each mark was seen, on the event loop's clock."""
        self._details: dict[str, str] = {}
        self._server_log: deque[str] = deque(maxlen=10)
        """What the guest logged before its SSH server last failed, or before emergency mode."""
        self._paused = ""
        self._changed = asyncio.Event()
        """Set at each message from the monitor."""
        self._handed_over = asyncio.Event()
        self._may_end = False
        self._log_ins = count()
        self._commands = 0
        """How many commands run in the guest."""
        self._failure: Exception | None = None
        self._follower = asyncio.create_task(self._follow())

    async def ready(self, timeout_s: float) -> None:
        """Wait until the guest's SSH server listens, or until the guest runs its one command.

        Raises:
            GuestError: this took longer than *timeout_s*, or the guest failed.
            VmmError: the VMM failed.
            HostError: the host's disk ran full.
        """
        if not self.spec.recipe.allows_login:
            await self._wait_for(MarkName.COMMAND_START, timeout_s)
            return
        looking = asyncio.create_task(self._look_for_server())
        try:
            await self._wait_for(MarkName.SSHD_LISTENING, timeout_s)
        finally:
            looking.cancel()

    async def finished(self, timeout_s: float | None = None) -> int:
        """Wait for the end of the guest's one command and return its exit status.

        The observer is given its output.
        """
        await self._wait_for(MarkName.COMMAND_END, timeout_s)
        return int(self._details[MarkName.COMMAND_END])

    async def reached(self, mark: str, timeout_s: float) -> None:
        """Wait until the guest has sent *mark*; raises as `ready` does."""
        await self._wait_for(mark, timeout_s)

    async def run(
        self,
        command: Sequence[str],
        *,
        terminal: bool = False,
        capture: bool = False,
        input: bytes | None = b"",
    ) -> ssh.Completed:
        """Log in and run *command*; see `ssh.run`.

        The mark ``ssh.login`` is observed before the command begins.

        Raises:
            BootwrightError: the machine ended, see `lost`; or as `ssh.run`.
        """

        async def logged_in() -> None:
            self.mark(MarkName.SSH_LOGIN)
            self.note_login()

        with self._in_use():
            try:
                done = await ssh.run(
                    self.reach(),
                    command,
                    ssh.LoginHook(self.folder, next(self._log_ins)),
                    logged_in,
                    terminal=terminal,
                    capture=capture,
                    input=input,
                )
            except GuestError:
                # No log-in, perhaps because the machine has ended: then that is raised instead.
                await asyncio.wait([self.ended], timeout=_END_NOTICE_S)
                raise
            if done.exit_status == ssh.LOST_STATUS:
                # 255 means a lost connection, but a command may exit with it too: wait for the
                # machine's end, in case it has ended.
                await asyncio.wait([self.ended], timeout=_END_NOTICE_S)
        return done

    async def copy_in(self, source: str, target: str, *, follow: bool = False) -> None:
        """Copy a file or folder into the guest; see `Copier`.

        Raises:
            BootwrightError: as for `run`, and as `Copier.copy_in`.
        """
        await self._copied(Copier.copy_in, source, target, follow)

    async def copy_out(self, source: str, target: str, *, follow: bool = False) -> None:
        """Copy a file or folder out of the guest; raises as `copy_in`."""
        await self._copied(Copier.copy_out, source, target, follow)

    async def _copied(
        self,
        copy: Callable[[Copier, Sequence[str], str], None],
        source: str,
        target: str,
        follow: bool,
    ) -> None:
        loop = asyncio.get_running_loop()

        def observe(event: Event) -> None:
            loop.call_soon_threadsafe(self._observe, event)

        copier = Copier(self.reach(), follow=follow, observe=observe)
        with self._in_use():
            copying = asyncio.create_task(asyncio.to_thread(copy, copier, [source], target))
            try:
                await asyncio.shield(copying)
            except asyncio.CancelledError:
                copier.cancel()
                with suppress(BootwrightError):
                    await copying
                raise

    def lost(self) -> Exception | None:
        """Return the error for a machine that has ended; None if that was requested."""
        is_crash = self.ended.exception() is not None
        if self._failure is None and (is_crash or self._commands or not self._may_end):
            self._failure = self._why_ended(ssh.lost_guest if self._commands else _gone)
        return self._failure

    def _why_ended(self, kind: Callable[[str, str], BootwrightError]) -> Exception:
        error = self.ended.exception()
        if isinstance(error, BootwrightError):
            error.evidence = error.evidence or tail(self.folder.console_log)
        if isinstance(error, Exception):
            return error
        ended = self.ended.result()
        failure = kind(self.name, ended.text)
        failure.evidence = ended.printed
        return failure

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Count a command in the guest during the block, which the machine's end cancels."""
        if self.ended.done():
            raise self._why_ended(_gone)
        self._commands += 1
        try:
            with cancelled_at(self.ended, self.lost):
                yield
        finally:
            self._commands -= 1

    async def wait(self) -> EndReason:
        """Wait until it ends by itself.

        Raises:
            GuestError: its guest crashed.
            VmmError: its VMM, or its monitor, died.
        """
        self._may_end = True
        return (await asyncio.shield(self.ended)).reason

    def mark(self, name: str) -> None:
        """Record a mark now."""
        self._reach(name, self.recorder.mark(name).time_ns)

    def reach(self) -> ssh.SshEndpoint:
        """Return how to log in.

        Raises:
            GuestError: it has no network.
        """
        return ssh.ssh_endpoint(self._home, self.folder, self.ports)

    def note_login(self) -> None:
        """Tell the monitor that a log-in succeeded; only then is a kept machine worth keeping."""
        self.logged_in = True
        if not self.ended.done():
            self._command_out.write(messages.encode(messages.LoggedIn()))

    def detach(self) -> None:
        """Let the machine continue without this process."""
        self._command_out.write(messages.encode(messages.Detach()))
        self.detached = True

    async def stop(self, timeout_s: float = _CLEAN_STOP_S) -> None:
        """Shut the guest down; end the VMM if that takes longer than *timeout_s*."""
        self._may_end = True
        if not self.ended.done():
            self._command_out.write(messages.encode(messages.Stop(timeout_s=timeout_s)))
            await asyncio.wait([self.ended], timeout=timeout_s + control.GONE_S)

    async def quit(self, *, save_console: bool = False) -> str:
        """End the VMM now and wait until all resources are released.

        Returns:
            The path of the console's saved log, if requested.
        """
        self._may_end = True
        if not self.ended.done() and not self._command_out.is_closing():
            self._command_out.write(messages.encode(messages.Quit(save_console=save_console)))
        await asyncio.wait([self.ended], timeout=control.GONE_S)
        good = self.ended.done() and self.ended.exception() is None
        return self.ended.result().console if good else ""

    async def close(self) -> None:
        """Close the connection to the monitor."""
        self._command_out.close()
        with suppress(ConnectionError):
            await self._command_out.wait_closed()
        self._follower.cancel()
        if self.detached:
            self._monitor.returncode = 0  # not to be waited for
        else:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._monitor.wait, control.GONE_S)
        if self.ended.done() and not self.ended.cancelled():
            self.ended.exception()  # mark as retrieved

    async def _follow(self) -> None:
        error: Exception = VmmError(
            f"the monitor of machine {self.name!r} died",
            hint=f"see {self._home.logs / 'monitors.log'}",
        )
        while message := await self._message():
            try:
                self._take(message)
            except Exception as raised:  # from the observer: passed on to whoever waits
                error = raised
                break
        if not self.ended.done():
            self.ended.set_exception(error)
        self._changed.set()

    async def _message(self) -> FromMonitor | None:
        """Return the monitor's next message; None if it has ended, even in the middle of a line."""
        with suppress(ConnectionError, messages.MalformedMessage):
            if line := await self._command_in.readline():
                return messages.from_monitor(line)
        return None

    def _take(self, message: FromMonitor) -> None:
        match message:
            case MarkTaken():
                self.recorder.mark(message.name, message.time_ns)
                self._reach(message.name, message.time_ns, message.detail)
                self._see(message.name, message.detail)
            case Started():
                self.ports = message.ports
                self._see("started")
            case Output():
                self._observe(OutputReceived(data=message.data))
            case SamplesTaken():
                self.samples, self.lines = message.samples, message.lines
            case AccessesCounted():
                self.accesses = message.accesses
            case Progressed():
                self._observe(Progress(step=message.step, share=message.share))
            case Paused():
                self._paused = message.text
                self.notice(f"paused, {message.text}; it continues when there is space again")
            case Failed():
                if not self.ended.done():
                    self.ended.set_exception(messages.error_of(message))
            case Ended():
                if not self.ended.done():
                    self.ended.set_result(message)
        self._changed.set()

    def notice(self, text: str) -> None:
        """Send a notice about this machine to the observer."""
        self._observe(Notice(text=f"{self.name}: {text}"))

    def _reach(self, name: str, time_ns: int, detail: str = "") -> None:
        self._observe(MarkReached(name=name, time_ns=time_ns, detail=detail))

    def _see(self, name: str, detail: str = "") -> None:
        self._seen.setdefault(name, asyncio.get_running_loop().time())
        self._details.setdefault(name, detail)
        if name == MarkName.INITRAMFS_DONE:
            self._handed_over.set()
        if name == MarkName.ROOT_FULL:
            self.notice(f"the guest's root filesystem is full ({detail})")
        if name == MarkName.MOUNT_SKIPPED:
            self.notice(f"not mounted in the guest: {detail}")
        if name in (MarkName.SSHD_LOG, MarkName.EMERGENCY_LOG):
            self._server_log.append(detail)
        self._changed.set()

    async def wait_started(self) -> None:
        """Wait until the VMM runs its guest."""
        await self._wait_for("started", None)

    async def _wait_for(self, name: str, timeout_s: float | None) -> None:
        """Wait for a mark, a failure, or the end of the time."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while name not in self._seen:
            self._raise_failure(name)
            deadline = None
            if timeout_s is not None:
                deadline = min(begin + timeout_s, *self._early_deadlines(name, timeout_s))
                if loop.time() >= deadline:
                    raise diagnosis.not_ready(
                        waited_s=round(loop.time() - begin, 1),
                        seen=self._details,
                        last_mark=self.recorder.marks()[-1].name,
                        printed=tail(self.folder.console_log),
                        server_log="\n".join(self._server_log),
                    )
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()

    def _early_deadlines(self, name: str, timeout_s: float) -> list[float]:
        """Return the times after which no SSH server can be expected."""
        if name != MarkName.SSHD_LISTENING:
            return [float("inf")]
        if diagnosis.is_stuck(self._seen):
            return [0.0]
        deadlines = [float("inf")]
        if MarkName.SSHD_FAILED in self._seen:
            deadlines.append(self._seen[MarkName.SSHD_FAILED] + _RESTART_GRACE_S)
        if MarkName.CONSOLE_PROMPT in self._seen:
            deadlines.append(self._seen[MarkName.CONSOLE_PROMPT] + timeout_s * _PROMPT_SHARE)
        return deadlines

    def _raise_failure(self, name: str) -> None:
        """Raise if the mark *name* cannot arrive any more."""
        if MarkName.INITRAMFS_FAILED in self._seen:
            raise diagnosis.not_started(
                self._details[MarkName.INITRAMFS_FAILED], printed=tail(self.folder.console_log)
            )
        if self.ended.done():
            raise GuestError(
                f"machine {self.name!r} ended before the mark {name}: {self.ended.result().text}"
            )
        if self._paused and name != MarkName.COMMAND_END:
            raise HostError(
                f"{self._paused}: the guest cannot write to its own disk any more",
                hint="free some space (bootwright prune), or put BOOTWRIGHT_HOME on another disk",
            )

    async def _look_for_server(self) -> None:
        await self._handed_over.wait()
        await asyncio.sleep(_MARK_GRACE_S)
        await ssh.wait_for_banner(self.reach().port)
        self.mark(MarkName.SSHD_BANNER)
        self._see(MarkName.SSHD_LISTENING)


@asynccontextmanager
async def started(
    home: Home,
    spec: MachineSpec,
    recorder: Recorder,
    observe: Observer = ignore,
    *,
    again: bool = False,
    input: bytes = b"",
    requested: MonitorProcess | None = None,
) -> AsyncIterator[Machine]:
    """Run a machine for the length of the block.

    After the block it is removed, with all its resources; a kept machine is shut down and can be
    started again; a detached one continues.

    Args:
        observe: Receives each mark, output from the guest's mark port, progress, and notices.
        again: Start an existing machine of that name instead of creating one.
        input: As for `request`.
        requested: What `request` returned for this machine, if it was called already.

    Raises:
        BootwrightError: it could not be started; nothing is left behind.
    """
    monitor = requested or request(home, spec, observe, again=again, input=input)
    begun = recorder.mark(MarkName.MONITOR_EXEC, monitor.started_ns)
    try:
        streams = await asyncio.open_unix_connection(
            sock=monitor.connection, limit=messages.LINE_BYTES
        )
    except BaseException:
        monitor.connection.close()  # ends whatever it has started
        raise
    observe(MarkReached(name=begun.name, time_ns=begun.time_ns))
    machine = Machine(home, spec, recorder, streams, monitor.process, observe)
    try:
        await machine.wait_started()
        yield machine
        if spec.kept and not machine.detached:
            await machine.stop()
    except asyncio.CancelledError:
        if spec.kept and machine.logged_in and not machine.detached:
            machine.notice("shutting down; interrupt again to end it at once")
            await machine.stop()
        raise
    except GuestError as error:
        if saved := await machine.quit(save_console=True):
            error.hint = "; ".join(filter(None, [error.hint, f"the whole console is in {saved}"]))
        raise
    finally:
        if not machine.detached:
            await machine.quit()
        await machine.close()
        if not machine.detached:
            machine.mark(MarkName.MACHINE_GONE)


def _gone(name: str, how: str) -> GuestError:
    return GuestError(f"machine {name!r} has ended: {how}", hint=f"bootwright logs {name}")
