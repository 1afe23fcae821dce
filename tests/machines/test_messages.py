"""What a monitor and a command say to each other, there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bootwright.digest import Digest
from bootwright.home import Home
from bootwright.machines import messages
from bootwright.machines.messages import (
    AccessesCounted,
    AskStatus,
    AttachConsole,
    Detach,
    Ended,
    Failed,
    FromMonitor,
    LoggedIn,
    MalformedMessage,
    MarkTaken,
    Output,
    Paused,
    Quit,
    SamplesTaken,
    Start,
    Started,
    Stop,
    ToMonitor,
    VcpuSample,
)
from bootwright.machines.spec import MachineSpec
from bootwright.monitor.sampler import _MOST
from bootwright.networks.user import Forward
from bootwright.recipes.recipe import GuestFile
from bootwright.timelines.evidence import DeviceAccess
from tests.machines.samples import RECIPE, STATUS

HOME = Home(data=Path("/d"), state=Path("/s"), cache=Path("/c"))
DIGEST = Digest("sha256-" + "1" * 64)
SPEC = MachineSpec(
    name="web",
    recipe=replace(
        RECIPE,
        cmdline=("console=ttyS0", 'x="ü"'),
        random_seed=7,
        guest_files=(GuestFile(path="/init", digest=DIGEST, mode=0o755),),
    ),
    publish=(Forward(host_port=0, guest_port=80),),
    command=("echo", "two\nlines"),
    kept=True,
)


@pytest.mark.parametrize(
    "message",
    [
        Start(home=HOME, spec=SPEC, again=True),
        Detach(),
        LoggedIn(),
        Quit(),
        Quit(save_console=True),
        Stop(timeout_s=0.5),
        AskStatus(),
        AttachConsole(from_byte=0),
        AttachConsole(from_byte=2048),
    ],
    ids=str,
)
def test_to_monitor_decodes_every_message(message: ToMonitor) -> None:
    line = messages.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert messages.to_monitor(line) == message


@pytest.mark.parametrize(
    "message",
    [
        MarkTaken(name="initramfs.failed", time_ns=1 << 60, detail="no such file"),
        Started(ports={22: 40001, 80: 8080}),
        Failed(error="GuestError", text="panic", hint="look", evidence="two\nlines"),
        SamplesTaken(samples=()),
        SamplesTaken(
            samples=(
                VcpuSample(1 << 60, 0xFFFFFFFF81000000, "kernel", True),
                VcpuSample(1, 0xFFF0, "boot", False),
                VcpuSample(2, (1 << 64) - 1, "user", False),
            )
        ),
        AccessesCounted(
            accesses=(DeviceAccess("UART ttyS0 (console)", 1, 2, 3), DeviceAccess("HPET", 0, 1, 4))
        ),
        Paused(text="the disk of /x is full"),
        STATUS,
        structs.replace(STATUS, state="paused", detail="the disk of /x is full", vmm_pid=0),
        Ended(reason="powered-off", text="the guest powered itself off"),
        Ended(reason="lost", console="/logs/web.console"),
    ],
    ids=str,
)
def test_from_monitor_decodes_every_message(message: FromMonitor) -> None:
    line = messages.encode(message)
    assert line.count(b"\n") == 1
    assert messages.from_monitor(line) == message


@given(st.binary(max_size=500))
def test_encode_output_of_any_bytes_is_one_line(data: bytes) -> None:
    line = messages.encode(Output(data=data))
    assert line.count(b"\n") == 1
    assert messages.from_monitor(line) == Output(data=data)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"\n", "Input data was truncated"),
        (b"GET / HTTP/1.1\r\n", "JSON is malformed"),
        (b'{"type": "Quit"', "Input data was truncated"),
        (b'{"type": "Started", "ports": {}}\n', "Invalid value 'Started'"),
        (b'{"type": "Start", "again": true}\n', "missing required field `home`"),
        (b'{"type": "Stop", "timeout_s": "soon"}\n', "Expected `float`, got `str`"),
        (b'{"type": "AttachConsole"}\n', "missing required field `from_byte`"),
        (b'{"type": "AskStatus"}\xff\n', "trailing characters"),
        (b"\xff\xfe\n", "JSON is malformed"),
    ],
)
def test_to_monitor_refuses_an_invalid_line(line: bytes, complaint: str) -> None:
    with pytest.raises(MalformedMessage, match=complaint):
        messages.to_monitor(line)


def test_from_monitor_refuses_messages_of_commands() -> None:
    with pytest.raises(MalformedMessage, match="Invalid value 'Quit'"):
        messages.from_monitor(messages.encode(Quit()))


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "Ended", "reason": "bored"}',
        b'{"type": "Status", "state": "asleep"}',
        b'{"type": "Started", "ports": {"22": "ssh"}}',
        b'{"type": "Sampled", "samples": [{"time_ns": 1, "ip": 2, "mode": "x", "is_halted": 0}]}',
    ],
)
def test_from_monitor_refuses_an_invalid_line(line: bytes) -> None:
    with pytest.raises(MalformedMessage):
        messages.from_monitor(line)


def test_encode_of_the_most_samples_fits_one_line() -> None:
    sample = VcpuSample(1 << 60, (1 << 64) - 1, "kernel", False)
    line = messages.encode(SamplesTaken(samples=(sample,) * _MOST))
    assert len(line) < messages.LINE_BYTES
    assert messages.from_monitor(line) == SamplesTaken(samples=(sample,) * _MOST)


def test_encode_of_the_longest_read_fits_one_line() -> None:
    assert len(messages.encode(Output(data=b"\xff" * (1 << 16)))) < messages.LINE_BYTES
