"""Logging in by the real ssh, with the keys that we made and no others.

The host key is the one that we gave the machine; nothing is trusted on first use.

Source: ssh(1), ssh_config(5).
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootwright.errors import GuestError, LostGuestError
from bootwright.guest.identity import user_key
from bootwright.home import Home
from bootwright.host import tools
from bootwright.machine.folder import MachineFolder
from bootwright.networks.user import SSH_PORT

LOST_STATUS = 255
"""What ssh exits with when it was ssh that failed, not the command. Source: ssh(1)."""

_PROBE_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach one running machine."""

    name: str
    port: int
    key: Path
    known_hosts: Path

    def options(self) -> list[str]:
        """Return the options that ssh and scp have in common, the port aside."""
        settings = {
            "BatchMode": "yes",
            "IdentityFile": _quoted(self.key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": _quoted(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "HostKeyAlias": self.name,
            "UpdateHostKeys": "no",
            "LogLevel": "ERROR",
            # A guest that is gone takes its port along; these are for one that hangs.
            "ConnectTimeout": "60",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "8",
        }
        options = ["-F", "none"]
        for option, value in settings.items():
            options += ["-o", f"{option}={value}"]
        return options

    def ssh(
        self, command: Sequence[str] = (), *, terminal: bool = False, on_login: Path | None = None
    ) -> list[str]:
        """Return the argv of ssh.

        Args:
            command: One word is a shell line, several are an argv; none is the user's prompt.
            terminal: Whether the command gets a terminal; a prompt always does.
            on_login: A named pipe that ssh opens once it is logged in, and waits on; see `run`.
        """
        [program] = tools.require("ssh")
        argv = [str(program), *self.options(), "-p", str(self.port)]
        if terminal:
            argv.append("-t")
        if on_login is not None:
            # A percent sign begins a token of ssh's own.
            path = shlex.quote(str(on_login)).replace("%", "%%")
            argv += ["-o", "PermitLocalCommand=yes", "-o", f"LocalCommand=cat {path}"]
        argv.append("root@127.0.0.1")
        if command:
            argv += ["--", command[0] if len(command) == 1 else shlex.join(command)]
        return argv

    def scp(self, sources: Sequence[str], target: str) -> list[str]:
        """Return the argv of scp; a guest's path begins with ``guest:``."""
        [program] = tools.require("scp")

        def translate(path: str) -> str:
            if path.startswith("guest:"):
                return "root@127.0.0.1:" + path.removeprefix("guest:")
            return path if path.startswith(("/", ".")) else f"./{path}"

        paths = [translate(path) for path in (*sources, target)]
        return [str(program), "-r", *self.options(), "-P", str(self.port), "--", *paths]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command in a guest ended."""

    exit_status: int
    stdout: bytes = b""
    stderr: bytes = b""


def access(home: Home, folder: MachineFolder) -> Access:
    """Return how to reach the machine in *folder*.

    Raises:
        InputError: it is not running.
        GuestError: it has no network.
    """
    ports = folder.running().ports
    if SSH_PORT not in ports:
        raise GuestError(
            f"machine {folder.name!r} has no network", hint=f"bootwright logs {folder.name}"
        )
    key, _ = user_key(home)
    return Access(name=folder.name, port=ports[SSH_PORT], key=key, known_hosts=folder.known_hosts)


async def run(
    reach: Access,
    command: Sequence[str],
    pipe: Path,
    on_login: Callable[[], Awaitable[None]],
    *,
    terminal: bool,
    capture: bool,
) -> Completed:
    """Log in once, call *on_login* at that moment, then run *command*.

    ssh tells us of its log-in: its LocalCommand opens the named pipe *pipe* and waits until we
    close it, so what *on_login* prints comes before the first byte of the command's output.

    Args:
        command: As for `Access.ssh`.
        pipe: Where to make the named pipe.
        terminal: Whether the command gets a terminal.
        capture: Whether to return the output instead of passing it through.

    Raises:
        GuestError: ssh ended before it was logged in.
        LostGuestError: the guest went away while the command ran.
    """
    output = asyncio.subprocess.PIPE if capture else None
    with _named_pipe(pipe):
        process = await asyncio.create_subprocess_exec(
            *reach.ssh(command, terminal=terminal, on_login=pipe),
            stdin=asyncio.subprocess.DEVNULL if capture else None,
            stdout=output,
            stderr=output,
        )
        communication = asyncio.create_task(process.communicate())
        logged_in = asyncio.create_task(asyncio.to_thread(os.open, pipe, os.O_WRONLY))
        try:
            either: list[asyncio.Future[Any]] = [communication, logged_in]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not logged_in.done():
                _, errors = await communication
                raise GuestError(
                    "the guest did not let us in",
                    hint="its console says more: bootwright logs",
                    evidence=(errors or b"").decode("utf-8", "replace").strip(),
                )
            try:
                await on_login()
            finally:
                os.close(logged_in.result())
            stdout, stderr = await communication
        finally:
            if not logged_in.done():
                await _give_up(pipe, logged_in)
            if process.returncode is None:
                process.terminate()
                await process.wait()
    assert process.returncode is not None
    return Completed(exit_status=process.returncode, stdout=stdout or b"", stderr=stderr or b"")


async def wait_for_banner(port: int) -> None:
    """Return when an SSH server has greeted on *port* of 127.0.0.1.

    User-mode networking accepts at once and closes when the guest refuses, so a refusal comes back
    as an end of file, and a guest that does not answer yet as silence.
    """
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if await asyncio.wait_for(reader.read(4), timeout=5) == b"SSH-":
                return
        except (OSError, TimeoutError):
            pass  # not yet
        finally:
            if writer is not None:
                writer.close()
        await asyncio.sleep(_PROBE_PAUSE_S)


def lost(name: str) -> LostGuestError:
    """Return the error for a guest that went away while a command ran in it."""
    return LostGuestError(
        f"machine {name!r} went away while the command ran",
        hint=f"bootwright logs {name}",
    )


@contextmanager
def _named_pipe(path: Path) -> Iterator[None]:
    os.mkfifo(path, 0o600)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


async def _give_up(pipe: Path, opening: asyncio.Task[int]) -> None:
    """Let the thread that waits in open(2) for a reader of *pipe*, or is about to, go on."""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.close(await opening)
    finally:
        os.close(reader)


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("%", "%%") + '"'
