"""The command lines of ssh, held against the real one; and why a guest let nobody in."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from bootwright.errors import GuestError, HostError
from bootwright.home import Home
from bootwright.machines import ssh
from bootwright.machines.folder import MachineFolder
from bootwright.machines.ssh import LoginHook, SshEndpoint
from tests.machines.samples import made


def access(folder: Path) -> SshEndpoint:
    return SshEndpoint(
        name="web", port=2222, key=folder / "key", known_hosts=folder / "known_hosts"
    )


async def test_wait_for_banner_ends_with_a_banner_only() -> None:
    greetings = [b"", b"HTTP", b"SSH-2.0-OpenSSH_9.2\r\n"]

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greetings.pop(0))
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.wait_for(ssh.wait_for_banner(port), 60)
    assert greetings == []


def test_access_options_are_accepted_by_the_real_ssh(tmp_path: Path) -> None:
    folder = tmp_path / "a b%c"
    folder.mkdir()
    argv = access(folder).ssh(["true"], hook=LoginHook(MachineFolder(folder)))
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
    for option, name in (("identityfile", "key"), ("userknownhostsfile", "known_hosts")):
        assert settings[option].strip('"').replace("%%", "%") == str(folder / name)


def test_access_config_equals_its_options(tmp_path: Path) -> None:
    reach = SshEndpoint(
        name="web", port=2222, key=tmp_path / "a key", known_hosts=tmp_path / "100% known"
    )
    config = tmp_path / "config"
    config.write_text(reach.config())

    def settings(*arguments: str) -> list[str]:
        done = subprocess.run(["ssh", "-G", *arguments], capture_output=True, text=True, check=True)
        return [line for line in done.stdout.splitlines() if not line.startswith("host ")]

    by_file = settings("-F", str(config), "guest")
    assert by_file == settings(*reach.options(), "-p", "2222", "root@127.0.0.1")
    assert f"identityfile {tmp_path / 'a key'}" in by_file


@pytest.mark.parametrize(
    ("command", "end"),
    [
        ((), ["root@127.0.0.1"]),
        (("ps aux | wc -l",), ["root@127.0.0.1", "--", "ps aux | wc -l"]),
        (("echo", "a b", "$x"), ["root@127.0.0.1", "--", "echo 'a b' '$x'"]),
    ],
)
def test_access_ssh_one_word_is_a_shell_line(
    command: tuple[str, ...], end: list[str], tmp_path: Path
) -> None:
    argv = access(tmp_path).ssh(command)
    assert argv[0] == shutil.which("ssh")
    assert argv[-len(end) :] == end
    assert "-t" not in argv
    assert not [word for word in argv if "LocalCommand" in word]
    assert "-t" in access(tmp_path).ssh(command, terminal=True)


def test_access_without_ssh_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bootwright.host.tools._SBIN", "")
    with pytest.raises(HostError, match=r"^not installed here: ssh \(logs in\)$"):
        access(tmp_path).ssh()


def test_access_uses_the_users_key_and_the_machines_host_key(home: Home) -> None:
    folder = made(home)
    reach = ssh.ssh_endpoint(home, folder, {22: 40001, 80: 8080})
    assert (reach.name, reach.port) == ("web", 40001)
    assert reach.key == home.keys / "id_ed25519"
    assert reach.key.exists()
    assert reach.known_hosts == folder.path / "known_hosts"


def test_access_refuses_a_machine_without_a_network(home: Home) -> None:
    with pytest.raises(GuestError) as bad:
        ssh.ssh_endpoint(home, made(home), {80: 8080})
    assert str(bad.value) == "machine 'web' has no network"
    assert bad.value.hint == "bootwright logs web"


@pytest.mark.parametrize(
    ("complaint", "kind", "message", "hint"),
    [
        (
            'Load key "/k/id": invalid format\nroot@127.0.0.1: Permission denied (publickey).',
            HostError,
            "ssh cannot read the key /k/id",
            "remove it and its .pub: the next machine gets a new one; existing "
            "machines accept only the old one",
        ),
        (
            'Load key "/other/id": invalid format\nroot@127.0.0.1: Permission denied (publickey).',
            GuestError,
            "the guest refused bootwright's SSH key",
            "does the image's sshd_config forbid root, or keys (PermitRootLogin, "
            "PubkeyAuthentication, AllowUsers)?",
        ),
        (
            "Host key verification failed.",
            GuestError,
            "the guest's host key is not the one that bootwright gave it",
            "does something else answer on its port?",
        ),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
            GuestError,
            "the guest's host key is not the one that bootwright gave it",
            "does something else answer on its port?",
        ),
        (
            "kex_exchange_identification: Connection closed by remote host",
            GuestError,
            "cannot log in to the guest",
            "see its console: bootwright logs",
        ),
        ("", GuestError, "cannot log in to the guest", "see its console: bootwright logs"),
    ],
)
def test_refusal_says_why_login_failed(
    complaint: str, kind: type[Exception], message: str, hint: str
) -> None:
    error = ssh.refusal(complaint, Path("/k/id"))
    assert type(error) is kind
    assert (str(error), error.hint, error.evidence) == (message, hint, complaint)


def test_lost_says_that_the_connection_was_lost() -> None:
    assert str(ssh.lost_guest("web")) == "machine 'web' went away while the command ran"
    assert ssh.lost_guest("web").hint == "bootwright logs web"
    assert str(ssh.lost_guest("web", "the VMM died (exit status -9)")) == (
        "machine 'web' went away while the command ran: the VMM died (exit status -9)"
    )


@pytest.mark.parametrize(
    ("command", "status"),
    [("kill -INT $$", 130), ("kill -TERM $$", 143), ("exit 7", 7), ("echo it is # odd", 0)],
)
def test_access_ssh_with_a_terminal_passes_a_signal_on_as_a_status(
    command: str, status: int, tmp_path: Path
) -> None:
    line = access(tmp_path).ssh((command,), terminal=True)[-1]
    for shell in ("/bin/sh", "/bin/bash"):
        done = subprocess.run([shell, "-c", line], env={"SHELL": shell, "PATH": "/bin"})
        assert done.returncode == status
