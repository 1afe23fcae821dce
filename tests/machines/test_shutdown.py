"""A guest is asked to shut down over SSH, else by its power button; ssh is a fake."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bootwright.machines import shutdown
from bootwright.machines.shutdown import shut_down
from bootwright.machines.ssh import SshEndpoint
from tests.machines.fakes import program, until

LONG_S = 30


class Guest:
    """A guest that ends when its button is pressed, or when the fake ssh says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reach = SshEndpoint(name="web", port=2222, key=folder / "k", known_hosts=folder / "h")
        self.presses = 0
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ssh(self, script: str) -> None:
        """Let ssh note what it was told, and then do what the script says."""
        note = f'for word; do last=$word; done; echo "$last" >>{self.folder}/told\n'
        program(self.folder / "bin", "ssh", f"echo $$ >{self.folder}/pid\n{note}{script}")

    async def press(self) -> None:
        self.presses += 1
        self.gone.set_result(None)

    def told(self) -> list[str]:
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []

    async def was_told(self, times: int = 1) -> None:
        await asyncio.to_thread(until, lambda: len(self.told()) >= times, "ssh to be told")

    async def shut_down(self, timeout_s: float = LONG_S, *, network: bool = True) -> bool:
        reach = self.reach if network else None
        return await shut_down(reach, self.press, self.gone, timeout_s)


@pytest.fixture
async def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guest:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(shutdown, "_AGAIN_S", 0.01)
    return Guest(tmp_path)


async def test_shut_down_over_ssh_presses_no_power_button(guest: Guest) -> None:
    guest.ssh("exit 0")
    shutting = asyncio.create_task(guest.shut_down())
    await guest.was_told()
    await asyncio.sleep(0.05)  # a press would come now
    guest.gone.set_result(None)
    assert await asyncio.wait_for(shutting, 60) is True
    [told] = guest.told()
    assert "systemctl poweroff --no-block || poweroff" in told
    assert told.startswith("if [ -x /run/bootwright/poweroff ]; then /run/bootwright/poweroff; ")
    assert guest.presses == 0


async def test_shut_down_without_a_network_presses_the_power_button(guest: Guest) -> None:
    guest.ssh("exit 0")
    assert await guest.shut_down(network=False) is True
    assert guest.presses == 1
    assert guest.told() == []


async def test_shut_down_with_a_refused_key_presses_the_power_button(guest: Guest) -> None:
    guest.ssh("echo 'root@127.0.0.1: Permission denied (publickey).' >&2; exit 255")
    assert await guest.shut_down() is True
    assert guest.presses == 1
    assert len(guest.told()) == 1


@pytest.mark.parametrize(
    "script", ["exit 127", "echo 'Host key verification failed.' >&2; exit 255"]
)
async def test_shut_down_after_a_failed_ssh_command_presses_the_power_button(
    script: str, guest: Guest
) -> None:
    guest.ssh(script)
    assert await guest.shut_down() is True
    assert (guest.presses, len(guest.told())) == (1, 1)


async def test_shut_down_of_a_starting_guest_asks_again(guest: Guest) -> None:
    guest.ssh(
        f"[ $(wc -l <{guest.folder}/told) -ge 3 ] || {{ echo 'Connection refused' >&2; exit 255; }}"
    )
    shutting = asyncio.create_task(guest.shut_down())
    await guest.was_told(3)
    guest.gone.set_result(None)
    assert await asyncio.wait_for(shutting, 60) is True
    assert guest.presses == 0


async def test_shut_down_takes_a_lost_ssh_connection_for_success(guest: Guest) -> None:
    guest.ssh("exec sleep 60")
    shutting = asyncio.create_task(guest.shut_down())
    await guest.was_told()
    guest.gone.set_result(None)
    assert await asyncio.wait_for(shutting, 60) is True
    assert gone(guest.folder / "pid")


async def test_shut_down_times_out(guest: Guest) -> None:
    guest.ssh("exit 0")
    assert await guest.shut_down(0.2) is False
    assert guest.presses == 0


async def test_shut_down_of_a_guest_already_gone(guest: Guest) -> None:
    guest.gone.set_result(None)
    assert await guest.shut_down() is True


async def test_shut_down_cancelled_leaves_no_ssh(guest: Guest) -> None:
    guest.ssh("exec sleep 60")
    shutting = asyncio.create_task(guest.shut_down())
    await guest.was_told()
    shutting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shutting
    assert gone(guest.folder / "pid")
    assert guest.presses == 0


def gone(pid_file: Path) -> bool:
    """Say whether the process that has noted its pid has been reaped."""
    return not Path("/proc", pid_file.read_text().strip()).exists()
