"""Stand-ins: who holds a machine's lock, who answers on its control socket, a program on PATH."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bootwright.host import locks, processes
from bootwright.machines import messages
from bootwright.machines.folder import MachineFolder, remove_machine
from bootwright.machines.messages import (
    AskStatus,
    AttachConsole,
    Ended,
    Message,
    Quit,
    Status,
    Stop,
    ToMonitor,
)
from tests.machines.samples import STATUS

_HOLD = """
import pathlib, sys
from bootwright.host import locks
lock = locks.take(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_elsewhere(lock: Path, token: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Let another process, started with *token*, hold a lock for the length of the block."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, lock],
        env=processes.environment_with_token(token or processes.new_token()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder


_BEGIN = """
def begin():
    import sys
    print("ready", flush=True)
    sys.stdin.readline()
"""


def together(script: str, *arguments: Path | str, count: int = 2) -> list[subprocess.Popen[bytes]]:
    """Start processes of ours; all go on at once from where the script says ``begin()``."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _BEGIN + script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(count)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    return started


def finish(started: list[subprocess.Popen[bytes]]) -> None:
    """Wait for processes, and see that none has failed."""
    said = b"".join(process.communicate()[1] for process in started)
    assert said == b"", said.decode()
    assert [process.returncode for process in started] == [0] * len(started)


WAITS = "echo ready; read -r line"
"""A shell's script that waits without running another program: while a process executes one, its
environment cannot be read."""


@contextmanager
def shell(script: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script that says "ready"; after the block it is gone, with all that it has started."""
    child = subprocess.Popen(
        ["sh", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            yield child
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


class FakeMonitor:
    """Holds a machine's lock and answers on its control socket, as its monitor would.

    It works in a thread of this process; the lock is an open file's, so it holds against us too.

    Args:
        status: What it answers when asked how the machine is; nothing: it never answers.
        ending: What it says once it is told to end, before it closes; nothing: it goes on.
        console: What it shows to who attaches, before it closes; nothing: it takes what is typed.
        chatter: What it says to who connects, before anything is asked.
        removes: Whether the machine is not kept.
    """

    def __init__(
        self,
        folder: MachineFolder,
        *,
        status: Status | None = STATUS,
        ending: tuple[Message, ...] | None = (Ended(reason="stopped"),),
        console: bytes | None = b"",
        chatter: bytes = b"",
        removes: bool = False,
    ) -> None:
        self.folder = folder
        self.status = status
        self.ending = ending
        self.console = console
        self.chatter = chatter
        self.removes = removes
        self.heard: list[ToMonitor] = []
        self.typed = b""
        self._lock = -1
        self._listens = threading.Event()

    @contextmanager
    def running(self) -> Iterator[FakeMonitor]:
        """Be there for the length of the block, or until told to end."""
        self._lock = locks.take(self.folder.lock)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        thread = threading.Thread(target=self._work)
        thread.start()
        assert self._listens.wait(60)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()
            self._loop.close()

    def _work(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        visits: set[asyncio.Task[None]] = set()

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            visits.add(task)
            try:
                with suppress(asyncio.CancelledError, ConnectionError):
                    await self._visit(reader, writer)
            finally:
                writer.close()

        with address(self.folder.control) as path:
            server = await asyncio.start_unix_server(visit, path=path)
        self._listens.set()
        try:
            await self._over.wait()
        finally:
            server.close()
            self.give_back()
            for task in visits:
                task.cancel()
            await asyncio.gather(*visits, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.chatter)
        while line := await reader.readline():
            message = messages.to_monitor(line)
            self.heard.append(message)
            match message:
                case AskStatus() if self.status is not None:
                    writer.write(messages.encode(self.status))
                case AttachConsole() if self.console is None:
                    self.typed += await reader.read()
                    return
                case AttachConsole():
                    writer.write(self.console or b"")
                    return
                case Stop() | Quit() if self.ending is not None:
                    self.give_back()
                    for last in self.ending:
                        writer.write(messages.encode(last))
                    return

    def give_back(self) -> None:
        """Let the lock go, and be found no more."""
        if self._lock < 0:
            return
        self.folder.control.unlink(missing_ok=True)
        if self.removes:
            remove_machine(self.folder)
        os.close(self._lock)
        self._lock = -1


@contextmanager
def address(path: Path) -> Iterator[str]:
    """Give a socket's address; a whole path may be too long for one."""
    folder = os.open(path.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def program(folder: Path, name: str, script: str) -> Path:
    """Write a shell script that stands for a program; return where it is."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# Does as ssh does: it complains in -E, and once it is logged in it runs LocalCommand by the user's
# shell, waits for its end, and runs the command behind "--".
# What would switch a guest off is refused: here it would switch off the host.
_SSH = """\
echo $$ >{bin}/pid
while [ $# -gt 0 ]; do
    case "$1" in
        LocalCommand=*) local_command=${{1#LocalCommand=}} ;;
        -E) log=$2 ;;
        --) shift; break ;;
    esac
    shift
done
{before}
case "$*" in *poweroff*) echo "Permission denied (publickey)." >&2; exit 255 ;; esac
local_command=$(printf %s "$local_command" | sed 's/%%/%/g')
${{FAKE_SHELL:-sh}} -c "$local_command" &
echo $! >{bin}/local
wait $! || exit 99
exec sh -c "$*"
"""


def ssh_that_logs_in(folder: Path, before: str = "") -> None:
    """Write an ssh whose every log-in succeeds and whose command runs here.

    Args:
        before: What it does before it is logged in; it may end there.
    """
    program(folder, "ssh", _SSH.format(bin=folder, before=before))


def state_of(pid: int) -> str:
    """Return the letter of a process's state; S: it waits, T: stopped, Z: ended and not reaped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def until(true: Callable[[], object], what: str, deadline_s: float = 60) -> None:
    """Wait until something is true that nobody announces."""
    end = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end, f"waited {deadline_s:g} s for {what}"
        time.sleep(0.005)
