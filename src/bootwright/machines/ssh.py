"""Logging in with OpenSSH, using only keys that bootwright created.

The host key is known beforehand; nothing is trusted on first use.

Source: ssh(1), ssh_config(5).
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bootwright.errors import BootwrightError, GuestError, HostError, LostGuestError
from bootwright.guest.identity import user_key
from bootwright.home import Home
from bootwright.host import tools
from bootwright.host.clock import now_ns
from bootwright.journal import remove_file
from bootwright.machines.folder import MachineFolder
from bootwright.networks.user import SSH_PORT
from bootwright.values import dataclass

LOST_STATUS = 255
"""The exit status of ssh if ssh itself failed, not the command. Source: ssh(1)."""

_PROBE_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class SshEndpoint:
    """How to reach one running machine."""

    name: str
    port: int
    key: Path
    known_hosts: Path
    host: str = "127.0.0.1"
    user: str = "root"

    def _settings(self) -> dict[str, str]:
        return {
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
            # For a guest that hangs: the port of one that is gone refuses connections.
            "ConnectTimeout": "60",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "8",
        }

    def config(self) -> str:
        """Return an OpenSSH configuration with the machine as host ``guest``."""
        place = {"HostName": self.host, "Port": str(self.port), "User": self.user}
        settings = place | self._settings()
        return "Host guest\n" + "".join(f"{key} {value}\n" for key, value in settings.items())

    def options(self) -> list[str]:
        """Return the options of ssh, except the port."""
        options = ["-F", "none"]
        for option, value in self._settings().items():
            options += ["-o", f"{option}={value}"]
        return options

    def ssh(
        self,
        command: Sequence[str] = (),
        *,
        terminal: bool = False,
        hook: LoginHook | None = None,
    ) -> list[str]:
        """Return the argv of ssh.

        Args:
            command: One word is a shell line, several are an argv; none starts a login shell.
            terminal: Whether the command gets a terminal; a login shell always does.
            hook: Where ssh reports the log-in and waits.
        """
        [program] = tools.require("ssh")
        argv = [str(program), *self.options(), "-p", str(self.port)]
        if terminal:
            argv.append("-t")
        if hook is not None:
            argv += hook.options()
        argv.append(f"{self.user}@{self.host}")
        if command:
            line = command[0] if len(command) == 1 else shlex.join(command)
            argv += ["--", _with_status(line) if terminal else line]
        return argv


def _with_status(line: str) -> str:
    """Return a shell line that turns the signal which ended *line* into an exit status.

    Ctrl-C on a terminal would else end the whole log-in by a signal, which ssh reports as 255,
    as it does a lost connection. What a shell traps has its usual effect in the shell's children.
    """
    return f'trap : INT QUIT; "$SHELL" -c {shlex.quote(line)}; exit $?'


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command in a guest ended."""

    exit_status: int
    stdout: str = ""
    """Its output, if captured; bytes that are not UTF-8 are replaced."""
    stderr: str = ""
    duration_ns: int
    """From the log-in to the command's end."""


class LoginHook:
    """A pause of ssh between log-in and command, so that the log-in is reported, not guessed.

    ssh runs its LocalCommand after the log-in and waits for it. That command writes to one named
    pipe and reads from another until `release`. Both pipes are held open at both ends, so no
    open(2) blocks; if this process dies, removing the pipes releases ssh.

    Args:
        number: Unique among the hooks of a machine that are open at once.

    Source: ssh_config(5), LocalCommand; fifo(7).
    """

    def __init__(self, folder: MachineFolder, number: int = 0) -> None:
        ending = f"-{number}" if number else ""
        self._folder = folder
        self._login_pipe = folder.path / f"login{ending}"
        self._release_pipe = folder.path / f"release{ending}"
        self.log = folder.path / f"ssh{ending}.log"
        self.logged_in = asyncio.Event()

    def options(self) -> list[str]:
        """Return the ssh options for this hook; ssh logs its errors to `log`."""
        # A percent sign begins one of ssh's tokens.
        login, release = (
            shlex.quote(str(path)).replace("%", "%%")
            for path in (self._login_pipe, self._release_pipe)
        )
        # The user's shell reads this line; it is valid in all shells.
        steps = shlex.quote(f"echo >{login}; read -r go <{release}")
        return [
            *("-E", str(self.log)),
            *("-o", "PermitLocalCommand=yes", "-o", f"LocalCommand=exec sh -c {steps}"),
        ]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Create the hook's pipes for the length of the block."""
        loop = asyncio.get_running_loop()
        with ExitStack() as stack:
            for path in (self._login_pipe, self._release_pipe, self.log):
                stack.enter_context(self._folder.journal.taking("file", path.name))
            held = []
            for path in (self._login_pipe, self._release_pipe):
                remove_file(path)  # of a command that was killed
                os.mkfifo(path, 0o600)
                held.append(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
                stack.callback(os.close, held[-1])
            self._release_fd = held[1]
            loop.add_reader(held[0], self.logged_in.set)
            stack.callback(loop.remove_reader, held[0])
            yield

    def release(self) -> None:
        """Let ssh run its command."""
        os.write(self._release_fd, b"\n")

    def complaint(self) -> str:
        """Return ssh's error messages."""
        try:
            return self.log.read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""


def ssh_endpoint(home: Home, folder: MachineFolder, ports: Mapping[int, int]) -> SshEndpoint:
    """Return how to reach the machine in *folder*.

    Args:
        ports: Forwarded ports: ``{guest: host}``.

    Raises:
        GuestError: it has no network.
    """
    if SSH_PORT not in ports:
        raise GuestError(
            f"machine {folder.name!r} has no network", hint=f"bootwright logs {folder.name}"
        )
    key, _ = user_key(home)
    return SshEndpoint(
        name=folder.name, port=ports[SSH_PORT], key=key, known_hosts=folder.known_hosts
    )


async def run(
    reach: SshEndpoint,
    command: Sequence[str],
    hook: LoginHook,
    on_login: Callable[[], Awaitable[None]],
    *,
    terminal: bool,
    capture: bool,
    input: bytes | None = b"",
) -> Completed:
    """Log in once, call *on_login* at that moment, then run *command*.

    What *on_login* prints comes before the first byte of the command's output.

    Args:
        command: As for `SshEndpoint.ssh`.
        terminal: Whether the command gets a terminal.
        capture: Whether to return the output instead of passing it through.
        input: What the command reads; None: this process's own standard input.

    Raises:
        GuestError: ssh ended before it was logged in; the message says why.
        HostError: ssh cannot read bootwright's key.
    """
    output = asyncio.subprocess.PIPE if capture else None
    source = None
    if input is not None:
        source = asyncio.subprocess.PIPE if input else asyncio.subprocess.DEVNULL
    with hook.open():
        process = await asyncio.create_subprocess_exec(
            *reach.ssh(command, terminal=terminal, hook=hook),
            stdin=source,
            stdout=output,
            stderr=output,
        )
        communication = asyncio.create_task(process.communicate(input or None))
        logged_in = asyncio.create_task(hook.logged_in.wait())
        try:
            either: list[asyncio.Future[Any]] = [communication, logged_in]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not hook.logged_in.is_set():
                raise refusal(hook.complaint(), reach.key)
            try:
                await on_login()
            finally:
                begin_ns = now_ns()
                hook.release()
            stdout, stderr = await communication
        finally:
            logged_in.cancel()
            await _end(process)
    assert process.returncode is not None
    return Completed(
        exit_status=process.returncode,
        stdout=(stdout or b"").decode("utf-8", "replace"),
        stderr=(stderr or b"").decode("utf-8", "replace"),
        duration_ns=now_ns() - begin_ns,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.wait()


def refusal(complaint: str, key: Path) -> BootwrightError:
    """Return the error for a failed log-in, judged by ssh's messages."""
    if f'Load key "{key}"' in complaint:
        return HostError(
            f"ssh cannot read the key {key}",
            hint="remove it and its .pub: the next machine gets a new one; existing machines "
            "accept only the old one",
            evidence=complaint,
        )
    if "Permission denied" in complaint:
        return GuestError(
            "the guest refused bootwright's SSH key",
            hint="does the image's sshd_config forbid root, or keys (PermitRootLogin, "
            "PubkeyAuthentication, AllowUsers)?",
            evidence=complaint,
        )
    if "Host key verification failed" in complaint or "IDENTIFICATION HAS CHANGED" in complaint:
        return GuestError(
            "the guest's host key is not the one that bootwright gave it",
            hint="does something else answer on its port?",
            evidence=complaint,
        )
    return GuestError(
        "cannot log in to the guest",
        hint="see its console: bootwright logs",
        evidence=complaint,
    )


async def wait_for_banner(port: int) -> None:
    """Wait until an SSH server sends its banner on *port* of 127.0.0.1.

    User-mode networking accepts every connection, and closes it if the guest refuses; a guest that
    does not answer yet sends nothing.
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


def lost_guest(name: str, how: str = "") -> LostGuestError:
    """Return the error for a guest that went away while a command ran in it."""
    return LostGuestError(
        f"machine {name!r} went away while the command ran" + (f": {how}" if how else ""),
        hint=f"bootwright logs {name}",
    )


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("%", "%%") + '"'
