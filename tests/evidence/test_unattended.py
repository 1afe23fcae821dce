"""Boots that end by themselves: what the guest is given, and what it sends; QEMU is a fake."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bootwright.errors import GuestError, InputError
from bootwright.evidence.unattended import Collected, collect, with_collector
from bootwright.guest import initramfs
from bootwright.home import Home
from bootwright.host import tools
from bootwright.machines.spec import MachineSpec
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.evidence import DeviceAccess
from bootwright.timelines.recorder import Recorder
from tests.machines.samples import entries
from tests.vmms.fakes import Fake

_ROOT = Path(__file__).parents[2]
_LOG = """\
6,1,0,-;Linux version 6.1
 SUBSYSTEM=none
14,2,1500123,-;bootwright: initramfs.start
14,3,1600000,c;bootwright: root.full 3 KiB are free
30,4,1700000,-;systemd[1]: bootwright: no.mark
14,5,1800001,-;bootwright: sshd.accepting
14,6,1900000,-;bootwright: sshd.accepting
"""


def script(home: Home, recipe: Recipe) -> str:
    [ready] = [
        file for file in recipe.guest_files if file.path == "/bootwright/run/bootwright/ready"
    ]
    return initramfs.load_guest_file(home, ready.digest).decode()


def test_with_collector_adds_a_script_that_sends_what_was_asked(
    home: Home, kept: MachineSpec
) -> None:
    logs = {"units": ("systemctl", "show", "*"), "age": ("cat", "/proc/uptime")}
    recipe = with_collector(home, kept.recipe, logs)
    assert replace(recipe, guest_files=()) == replace(kept.recipe, guest_files=())
    text = script(home, recipe)
    assert text.splitlines()[-4:] == [
        "send units systemctl show '*'",
        "send age cat /proc/uptime",
        "send kernel kernel_log",
        "printf '%s boot.end\\n' \"$token\" >&3",
    ]
    for shell in (["sh"], [tools.require("busybox")[0], "sh"]):
        subprocess.run([*shell, "-n"], input=text.encode(), check=True)


def test_with_collector_refuses_a_guest_without_an_ssh_server(
    home: Home, kept: MachineSpec
) -> None:
    with pytest.raises(InputError) as bad:
        with_collector(home, replace(kept.recipe, init="bare"))
    assert str(bad.value) == "init is 'bare', which starts no SSH server that could end the boot"
    assert bad.value.hint == "give an image with init systemd or tini"


def test_collected_marks_have_the_guests_time() -> None:
    collected = Collected(marks=(), logs={"kernel": _LOG.encode() + b"\xff"})
    assert collected.kernel_log[1] == " SUBSYSTEM=none"
    assert collected.guest_ns == {
        "initramfs.start": 1_500_123_000,
        "root.full": 1_600_000_000,
        "sshd.accepting": 1_800_001_000,
    }


def _sends(log: str) -> str:
    return (
        'if command == "cont":\n'
        "    answer()\n"
        '    marks.sendall(b"no part of it\\n")\n'
        '    mark("initramfs.start"); mark("log.start kernel")\n'
        f"    marks.sendall({log.encode()!r})\n"
        '    marks.sendall(b"\\n"); mark("log.end kernel"); mark("log.start age")\n'
        '    marks.sendall(b"12.3 ")\n'
        '    mark("log.end age"); mark("boot.end")\n'
        "    return None"
    )


@pytest.mark.usefixtures("quiet_monitors")
async def test_collect_returns_what_the_guest_sends(
    home: Home, kept: MachineSpec, fake: Fake
) -> None:
    told = fake(_sends(_LOG)).told
    recorder = Recorder()
    collected = await collect(home, kept.recipe, name="c", timeout_s=30, recorder=recorder)
    assert collected.logs == {"kernel": _LOG.encode(), "age": b"12.3 "}
    assert collected.marks == recorder.marks()
    names = [mark.name for mark in collected.marks]
    assert [name for name in names if name in ("initramfs.start", "boot.end")] == [
        "initramfs.start",
        "boot.end",
    ]
    assert names[-1] == "machine.gone"
    assert told()[-1] == "quit"
    assert entries(home) == []


@pytest.mark.usefixtures("quiet_monitors")
async def test_collect_counts_accesses_up_to_the_last_mark(
    home: Home, kept: MachineSpec, fake: Fake
) -> None:
    begin, rest = _sends(_LOG).split("\n", 1)
    fake(
        f"{begin}\n"
        f"    sys.path.insert(0, {str(_ROOT)!r})\n"
        "    from tests.vmms.traces import read, sent, write\n"
        '    with open(os.path.dirname(option("-initrd")) + "/identity.json") as file:\n'
        '        told = json.load(file)["token"] + " sshd.accepting\\r\\n"\n'
        '    trace = open(option("-D"), "w")\n'
        '    trace.write(read("serial", 0x3FD, size=1) + sent(told))\n'
        '    trace.write(20000 * write("hpet", 0xFED00010))\n'
        "    trace.flush()\n"
        f"{rest}"
    )
    collected = await collect(home, kept.recipe, name="c", timeout_s=30, watch="accesses")
    sent_bytes = len("0123456789abcdef sshd.accepting\r\n")
    assert collected.accesses == (
        DeviceAccess("UART ttyS0 (console)", 1, 0, 1),
        DeviceAccess("UART ttyS1 (marks)", 0, sent_bytes, sent_bytes),
    )
    assert entries(home) == []


@pytest.mark.usefixtures("quiet_monitors")
async def test_collect_reports_a_server_that_never_answers(
    home: Home, kept: MachineSpec, fake: Fake
) -> None:
    fake(_sends("14,2,1500123,-;bootwright: initramfs.start\n"))
    with pytest.raises(GuestError) as bad:
        await collect(home, kept.recipe, name="c", timeout_s=30)
    assert str(bad.value) == "the guest's SSH server does not answer on its own loopback"
    assert entries(home) == []
