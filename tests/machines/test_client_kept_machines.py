"""A kept machine from its first log-in to its next start; QEMU and ssh are fakes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.machines import client, control
from bootwright.machines.recovery import reclaim
from bootwright.machines.spec import MachineSpec
from bootwright.timelines.recorder import Recorder
from tests.machines.fakes import ssh_that_logs_in
from tests.machines.samples import at_rest
from tests.vmms.fakes import Fake

pytestmark = pytest.mark.usefixtures("quiet_monitors")

TABLE = "  TCP[HOST_FORWARD]  15  127.0.0.1 40001  10.0.2.15  22  0  0\\r\\n"
BOOTS = f"""
if command == "human-monitor-command":
    return {{"text": "{TABLE}"}}
if command == "cont":
    answer()
    console.sendall(b"Linux version 6.1\\r\\n")
    for text in ("initramfs.start", "initramfs.done", "sshd.listening"):
        mark(text)
    return None
if command == "system_powerdown":
    event("SHUTDOWN", guest=True, reason="guest-shutdown")
    answer()
    sys.exit(0)
"""


async def nothing() -> None:
    """Do nothing at the log-in."""


async def test_client_detach_leaves_the_machine_running_until_stop(
    home: Home, kept: MachineSpec, fake: Fake, tmp_path: Path
) -> None:
    told = fake(BOOTS).told
    ssh_that_logs_in(tmp_path / "bin")
    async with client.started(home, kept, Recorder()) as machine:
        await machine.ready(30)
        done = await machine.run(["echo hello"], capture=True)
        assert (done.exit_status, done.stdout) == (0, "hello\n")
        machine.detach()
    folder = machine.folder
    status = await asyncio.to_thread(control.status, folder)
    assert (status.state, status.ports) == ("running", {22: 40001})
    assert reclaim(home) == []

    # A guest that does not let us in any more is told by its power button.
    ssh_that_logs_in(tmp_path / "bin", "echo 'Permission denied (publickey).' >&2; exit 255")
    ended = await control.stop(folder, 30)
    assert (ended.reason, ended.text) == ("stopped", "shut down as requested")
    assert told()[-1] == "system_powerdown"
    assert not folder.is_alive()
    last = folder.last_end()
    assert last is not None
    assert (last.reason, last.text) == ("stopped", "shut down as requested")
    assert folder.console_log.read_bytes() == b"Linux version 6.1\r\n"
    assert sorted(path.name for path in folder.path.iterdir()) == [
        *("console.log", "disk.qcow2", "end.json", "identity.json", "known_hosts"),
        *("lock", "logged-in", "machine.json", "vmm.log"),
    ]


async def test_client_started_boots_a_kept_machine_again(
    home: Home, kept: MachineSpec, fake: Fake, tmp_path: Path
) -> None:
    fake(BOOTS)
    ssh_that_logs_in(tmp_path / "bin")
    folder = at_rest(home)
    folder.write(kept)
    folder.console_log.write_bytes(b"the run before")
    identity, disk = folder.identity(), (folder.path / "disk.qcow2").read_bytes()
    async with client.started(home, kept, Recorder(), again=True) as machine:
        last = folder.last_end()
        assert last is not None
        assert last.reason == "lost"  # so it will have ended if nobody can say more
        await machine.ready(30)
        await machine.run(["true"], capture=True)
        ssh_that_logs_in(tmp_path / "bin", "echo 'Permission denied (publickey).' >&2; exit 255")
    assert folder.previous_console_log.read_bytes() == b"the run before"
    assert folder.console_log.read_bytes() == b"Linux version 6.1\r\n"
    assert (folder.identity(), (folder.path / "disk.qcow2").read_bytes()) == (identity, disk)
    last = folder.last_end()
    assert last is not None
    assert last.reason == "stopped"


async def test_client_started_refuses_a_second_start_of_one_machine(
    home: Home, kept: MachineSpec, fake: Fake
) -> None:
    fake(BOOTS)
    folder = at_rest(home)
    folder.write(kept)
    async with client.started(home, kept, Recorder(), again=True) as machine:
        await machine.ready(30)
        with pytest.raises(InputError) as bad:
            async with client.started(home, kept, Recorder(), again=True):
                pytest.fail("it was started twice")
        assert str(bad.value) == "machine 'web' is already running"
        assert bad.value.hint == "bootwright ssh web"
        await asyncio.to_thread(control.status, folder)  # and nobody has harmed the first
        await control.end(folder)
    assert (folder.path / "disk.qcow2").exists()
