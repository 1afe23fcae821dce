"""Logging in by a fake ssh that obeys LocalCommand: the log-in is told before the command runs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bootwright.errors import GuestError, HostError
from bootwright.machines import ssh
from bootwright.machines.folder import MachineFolder
from bootwright.machines.ssh import LoginHook, SshEndpoint
from tests.machines.fakes import ssh_that_logs_in, state_of, until


class Fake:
    """A machine's folder, whatever its name, and a fake ssh that logs in to the machine."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.folder = MachineFolder(folder / "50%f 'of' it")
        self.folder.path.mkdir()
        self.reach = SshEndpoint(
            name="web", port=1, key=folder / "key", known_hosts=self.folder.known_hosts
        )
        self.install()

    def install(self, before: str = "") -> None:
        ssh_that_logs_in(self.bin, before)

    async def log_in(
        self, on_login: Callable[[], Awaitable[None]], line: str, input: bytes | None = b""
    ) -> ssh.Completed:
        """Run *line* in the guest and capture it."""
        hook = LoginHook(self.folder)
        run = ssh.run(self.reach, [line], hook, on_login, terminal=False, capture=True, input=input)
        return await asyncio.wait_for(run, 60)

    def left(self) -> list[str]:
        """Return what a log-in must not leave."""
        left = [path.name for path in self.folder.path.iterdir() if path.name != "journal"]
        left += [row.name for row in self.folder.journal.owned()]
        pid = self.bin / "pid"
        if pid.exists() and Path("/proc", pid.read_text().strip()).exists():
            left.append("ssh")
        return left


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake(tmp_path)
    monkeypatch.setenv("PATH", str(made.bin), prepend=os.pathsep)
    return made


async def nothing() -> None:
    """Do nothing at the log-in."""


SHELLS = [shell for shell in ("sh", "bash", "zsh", "fish", "tcsh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", [*SHELLS, "busybox sh"])
async def test_ssh_run_reports_the_login_before_the_command_runs(
    shell: str, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SHELL", shell)
    log = tmp_path / "log"

    async def on_login() -> None:
        # The loop goes round while ssh waits for us.
        process = await asyncio.create_subprocess_exec("sh", "-c", f"echo login >>{log}")
        assert await process.wait() == 0

    line = f"echo command >>{log}; cat {log}; echo bad >&2; exit 3"
    done = await fake.log_in(on_login, line)
    assert (done.exit_status, done.stdout, done.stderr) == (3, "login\ncommand\n", "bad\n")
    assert done.duration_ns > 0
    assert fake.left() == []


@pytest.mark.parametrize("given", [b"", b"a\0b\r\n" * 100_000])
async def test_ssh_run_feeds_the_command_its_input(given: bytes, fake: Fake) -> None:
    done = await fake.log_in(nothing, "md5sum", given)
    assert done.stdout.split() == [hashlib.md5(given).hexdigest(), "-"]


async def test_ssh_run_ignores_a_command_that_does_not_read_its_input(fake: Fake) -> None:
    assert (await fake.log_in(nothing, "exit 4", b"x" * 1_000_000)).exit_status == 4


async def test_ssh_run_returns_a_commands_own_255(fake: Fake) -> None:
    assert (await fake.log_in(nothing, "exit 255")).exit_status == ssh.LOST_STATUS


async def test_ssh_run_can_be_repeated(fake: Fake) -> None:
    for number in range(5):
        assert (await fake.log_in(nothing, f"exit {number}")).exit_status == number
        assert fake.left() == []


async def test_ssh_run_ignores_what_a_killed_command_left(fake: Fake) -> None:
    os.mkfifo(fake.folder.path / "login")
    (fake.folder.path / "release").write_text("a file")
    (fake.folder.path / "ssh.log").write_text("Permission denied (publickey).")
    assert (await fake.log_in(nothing, "exit 7")).exit_status == 7
    assert fake.left() == []


@pytest.mark.parametrize(
    ("complaint", "kind", "message"),
    [
        (
            "root@127.0.0.1: Permission denied (publickey).",
            GuestError,
            "the guest refused bootwright's SSH key",
        ),
        ("Connection reset by peer", GuestError, "cannot log in to the guest"),
        ('Load key "{key}": error', HostError, "ssh cannot read the key {key}"),
    ],
)
async def test_ssh_run_reports_an_ssh_that_fails_at_once(
    complaint: str, kind: type[Exception], message: str, fake: Fake
) -> None:
    complaint, message = (text.format(key=fake.reach.key) for text in (complaint, message))
    fake.install(f'echo {shlex.quote(complaint)} >>"$log"; exit 255')

    async def on_login() -> None:
        pytest.fail("nobody was logged in")

    with pytest.raises(kind) as bad:
        await fake.log_in(on_login, "true")
    assert str(bad.value) == message
    assert getattr(bad.value, "evidence", "") == complaint
    assert fake.left() == []


async def test_ssh_run_passes_on_errors_of_the_login_callback(fake: Fake) -> None:
    async def on_login() -> None:
        raise RuntimeError("no table today")

    with pytest.raises(RuntimeError, match="no table today"):
        await fake.log_in(on_login, "exec sleep 60")
    assert fake.left() == []


async def test_ssh_run_cancelled_during_login_leaves_nothing(fake: Fake) -> None:
    fake.install(f"echo >{fake.bin}/waits; exec sleep 60")
    task = asyncio.create_task(fake.log_in(nothing, "true"))
    await asyncio.to_thread(until, (fake.bin / "waits").exists, "ssh to start")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake.left() == []


async def test_ssh_run_cancelled_before_the_command_leaves_nothing(fake: Fake) -> None:
    waits = asyncio.Event()

    async def on_login() -> None:
        waits.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(fake.log_in(on_login, "exec sleep 60"))
    await asyncio.wait_for(waits.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake.left() == []


async def test_doorway_files_are_private_and_in_the_journal(fake: Fake) -> None:
    hook = LoginHook(fake.folder)
    with hook.open():
        assert [row.name for row in fake.folder.journal.owned()] == ["login", "release", "ssh.log"]
        for name in ("login", "release"):
            status = (fake.folder.path / name).stat()
            assert status.st_mode & 0o777 == 0o600
        assert not hook.logged_in.is_set()
        (fake.folder.path / "login").write_text("\n")
        await asyncio.wait_for(hook.logged_in.wait(), 60)
    assert fake.left() == []


_LOG_IN = """
import asyncio, sys
from pathlib import Path
from bootwright.machines import ssh
from bootwright.machines.folder import MachineFolder
folder = MachineFolder(Path(sys.argv[1]))
reach = ssh.SshEndpoint(name="web", port=1, key=Path("/k"), known_hosts=folder.known_hosts)
async def on_login():
    print("logged in", flush=True)
    await asyncio.Event().wait()
asyncio.run(
    ssh.run(reach, ["true"], ssh.LoginHook(folder), on_login, terminal=False, capture=True)
)
"""


def killed_while_it_logs_in(fake: Fake, is_ready: Callable[[subprocess.Popen[bytes]], None]) -> int:
    """Kill a command of ours while ssh is at work for it; return the pid of that ssh."""
    argv = [sys.executable, "-c", _LOG_IN, str(fake.folder.path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as command:
        is_ready(command)
        command.send_signal(signal.SIGKILL)
    return int((fake.bin / "pid").read_text())


def ended(pid: int) -> bool:
    # Nobody of ours reaps an orphan.
    return not Path(f"/proc/{pid}").exists() or state_of(pid) == "Z"


def test_doorway_releases_a_waiting_ssh_when_killed(fake: Fake) -> None:
    def is_ready(command: subprocess.Popen[bytes]) -> None:
        assert command.stdout is not None
        assert command.stdout.readline() == b"logged in\n"

    pid = killed_while_it_logs_in(fake, is_ready)
    fake.folder.journal.undo_all()
    until(lambda: ended(pid), "ssh to end")
    assert [name for name in fake.left() if name != "ssh"] == []


def test_doorway_releases_an_ssh_that_arrives_after_a_kill(fake: Fake) -> None:
    go = fake.bin / "go"
    fake.install(f"echo >{fake.bin}/here; until [ -e {go} ]; do sleep 0.01; done")
    pid = killed_while_it_logs_in(
        fake, lambda command: until((fake.bin / "here").exists, "ssh to start")
    )
    go.touch()
    local_file = fake.bin / "local"
    until(lambda: local_file.exists() and local_file.read_text(), "ssh to log in")
    local = int(local_file.read_text())
    until(lambda: state_of(local) == "S", "its LocalCommand to wait")
    assert not ended(pid)
    fake.folder.journal.undo_all()
    until(lambda: ended(pid), "ssh to end")
    assert [name for name in fake.left() if name != "ssh"] == []
