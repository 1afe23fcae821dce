"""Logging in: the real command line, and a log-in by a fake ssh that obeys LocalCommand."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootwright.errors import GuestError, HostError, InputError
from bootwright.home import Home
from bootwright.machine import ssh
from bootwright.machine.folder import MachineFolder
from bootwright.machine.spec import Running
from bootwright.machine.ssh import Access

# Runs its LocalCommand as ssh does once it is logged in, then the command behind "--".
FAKE_SSH = """\
#!/bin/sh
echo $$ >{folder}/pid
ln "$FAKE_PIPE" {folder}/spare
while [ $# -gt 0 ]; do
    case "$1" in
        LocalCommand=*) local_command=${{1#LocalCommand=}} ;;
        --) shift; break ;;
    esac
    shift
done
{before}
sh -c "$(printf %s "$local_command" | sed 's/%%/%/g')" || exit 99
exec sh -c "$*"
"""


@dataclass
class Fake:
    """A fake ssh, and what is known of it."""

    folder: Path
    reach: Access
    pipe: Path

    def install(self, before: str = "") -> None:
        program = self.folder / "ssh"
        program.write_text(FAKE_SSH.format(folder=self.folder, before=before))
        program.chmod(0o755)

    def left_behind(self) -> list[str]:
        """Return what a log-in must not leave."""
        left = [str(self.pipe)] if self.pipe.exists() else []
        pid = self.folder / "pid"
        if pid.exists() and Path("/proc", pid.read_text().strip()).exists():
            left.append("ssh")
        return left


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    made = Fake(folder=folder, reach=access(tmp_path), pipe=tmp_path / "lo%gin 'x'")
    monkeypatch.setenv("FAKE_PIPE", str(made.pipe))
    made.install()
    return made


def access(folder: Path) -> Access:
    return Access(name="web", port=2222, key=folder / "key", known_hosts=folder / "known_hosts")


async def log_in(fake: Fake, on_login: Callable[[], Awaitable[None]], line: str) -> ssh.Completed:
    """Run *line* and capture it; then see that no thread still waits for the pipe."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
    try:
        run = ssh.run(fake.reach, [line], fake.pipe, on_login, terminal=False, capture=True)
        return await asyncio.wait_for(run, 5)
    finally:
        try:
            await the_thread_is_free()
        except TimeoutError:
            # The pipe's other name lets the thread go, so that the failure is told.
            reader = os.open(fake.folder / "spare", os.O_RDONLY | os.O_NONBLOCK)
            await the_thread_is_free()
            os.close(reader)
            raise


async def the_thread_is_free() -> None:
    await asyncio.wait_for(asyncio.to_thread(int), 5)


async def nothing() -> None:
    """Do nothing at the log-in."""


async def test_the_log_in_is_told_before_the_command_runs(fake: Fake, tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def on_login() -> None:
        # The loop goes round while ssh waits for us.
        process = await asyncio.create_subprocess_exec("sh", "-c", f"echo login >>{log}")
        assert await process.wait() == 0

    done = await log_in(fake, on_login, f"echo command >>{log}; cat {log}; echo bad >&2; exit 3")
    assert done == ssh.Completed(exit_status=3, stdout=b"login\ncommand\n", stderr=b"bad\n")
    assert fake.left_behind() == []


async def test_the_commands_own_255_is_no_failure_to_log_in(fake: Fake) -> None:
    assert (await log_in(fake, nothing, "exit 255")).exit_status == ssh.LOST_STATUS


@pytest.mark.parametrize("times", range(3))
async def test_an_ssh_that_fails_at_once_leaves_nothing(times: int, fake: Fake) -> None:
    fake.install("echo 'Permission denied (publickey).' >&2; exit 255")
    called = []

    async def on_login() -> None:
        called.append(1)

    with pytest.raises(GuestError) as bad:
        await log_in(fake, on_login, "true")
    assert str(bad.value) == "the guest did not let us in"
    assert bad.value.hint == "its console says more: bootwright logs"
    assert bad.value.evidence == "Permission denied (publickey)."
    assert called == []
    assert fake.left_behind() == []


async def test_what_fails_at_the_log_in_comes_through(fake: Fake) -> None:
    async def on_login() -> None:
        raise RuntimeError("no table today")

    with pytest.raises(RuntimeError, match="no table today"):
        await log_in(fake, on_login, "exec sleep 60")
    assert fake.left_behind() == []


async def test_a_cancelled_log_in_leaves_nothing(fake: Fake) -> None:
    os.mkfifo(fake.folder / "ready")
    fake.install(f"echo ready >{fake.folder}/ready; exec sleep 60")
    task = asyncio.create_task(log_in(fake, nothing, "true"))
    waiting = await asyncio.create_subprocess_exec("cat", fake.folder / "ready", stdout=PIPE)
    assert (await asyncio.wait_for(waiting.communicate(), 5))[0] == b"ready\n"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake.left_behind() == []


async def test_a_banner_ends_the_wait_and_a_refusal_does_not() -> None:
    greetings = [b"", b"HTTP", b"SSH-2.0-OpenSSH_9.2\r\n"]

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greetings.pop(0))
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.wait_for(ssh.wait_for_banner(port), 10)
    assert greetings == []


def test_the_real_ssh_takes_every_option(tmp_path: Path) -> None:
    folder = tmp_path / "a b%c"
    argv = access(folder).ssh(["true"], on_login=folder / "pipe")
    done = subprocess.run([argv[0], "-G", *argv[1:]], capture_output=True, text=True, check=True)
    settings = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert settings["hostname"] == "127.0.0.1"
    assert settings["port"] == "2222"
    assert settings["user"] == "root"
    assert settings["hostkeyalias"] == "web"
    assert settings["stricthostkeychecking"] == "true"
    assert settings["identitiesonly"] == "yes"
    assert settings["batchmode"] == "yes"
    assert settings["globalknownhostsfile"] == "/dev/null"
    assert settings["permitlocalcommand"] == "yes"


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ((), ["root@127.0.0.1"]),
        (("ps aux | wc -l",), ["root@127.0.0.1", "--", "ps aux | wc -l"]),
        (("echo", "a b", "$x"), ["root@127.0.0.1", "--", "echo 'a b' '$x'"]),
    ],
)
def test_one_word_is_a_shell_line_and_several_are_an_argv(
    command: tuple[str, ...], end: list[str], tmp_path: Path
) -> None:
    argv = access(tmp_path).ssh(command)
    assert argv[0] == shutil.which("ssh")
    assert argv[-len(end) :] == end
    assert "-t" not in argv
    assert not [word for word in argv if "LocalCommand" in word]
    assert "-t" in access(tmp_path).ssh(command, terminal=True)


def test_files_of_the_guest_and_of_the_host_are_told_apart(tmp_path: Path) -> None:
    argv = access(tmp_path).scp(["a:b", "/c:d", "./e", "-f"], "guest:/etc/x y")
    assert argv[argv.index("--") + 1 :] == [
        "./a:b",
        "/c:d",
        "./e",
        "./-f",
        "root@127.0.0.1:/etc/x y",
    ]
    assert argv[argv.index("-P") + 1] == "2222"
    assert "-r" in argv


def test_without_ssh_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bootwright.host.tools._SBIN", "")
    with pytest.raises(HostError, match=r"^not installed here: ssh \(logs in\)$"):
        access(tmp_path).ssh()


def running(home: Home, ports: dict[int, int]) -> MachineFolder:
    folder = MachineFolder(home.machines / "web")
    folder.path.mkdir(parents=True)
    folder.write(Running(monitor_pid=1, vmm_pid=2, started_s=3, ports=ports))
    return folder


def test_a_running_machine_is_reached_with_our_key_and_its_host_key(home: Home) -> None:
    folder = running(home, {22: 40001, 80: 8080})
    with folder.locked():
        reach = ssh.access(home, folder)
    assert (reach.name, reach.port) == ("web", 40001)
    assert reach.key == home.keys / "id_ed25519"
    assert reach.key.exists()
    assert reach.known_hosts == folder.path / "known_hosts"


def test_a_machine_that_cannot_be_reached(home: Home) -> None:
    folder = running(home, {})
    with folder.locked(), pytest.raises(GuestError) as bad:
        ssh.access(home, folder)
    assert str(bad.value) == "machine 'web' has no network"
    with pytest.raises(InputError, match=r"^machine 'web' is not running$"):
        ssh.access(home, folder)


def test_a_lost_guest_is_said_so() -> None:
    assert str(ssh.lost("web")) == "machine 'web' went away while the command ran"
    assert ssh.lost("web").hint == "bootwright logs web"
