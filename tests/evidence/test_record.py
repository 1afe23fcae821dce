"""What a guest is asked once its boot is over, and how ssh is listened to; ssh is a fake."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.errors import GuestError
from bootwright.evidence import record
from bootwright.evidence.record import ASK, sections
from bootwright.machines.client import Machine
from bootwright.machines.ssh import SshEndpoint
from bootwright.timelines import sshlog
from tests.machines.fakes import program

REACH = SshEndpoint(name="web", port=2222, key=Path("/key"), known_hosts=Path("/known"))
MACHINE = cast("Machine", SimpleNamespace(reach=lambda: REACH))


def fake_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program(folder / "bin", "ssh", script)
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=":")


def is_alive(pid_file: Path) -> bool:
    return Path("/proc", pid_file.read_text().strip()).exists()


async def refused() -> GuestError:
    with pytest.raises(GuestError) as bad:
        await record._first_command(MACHINE)
    return bad.value


@pytest.mark.parametrize(
    ("output", "parts"),
    [
        ("", {}),
        ("before\n", {}),
        ("=== a\n", {"a": ""}),
        ("before\n=== a\n1\n\n=== b\n2\n", {"a": "1\n\n", "b": "2\n"}),
        ("=== a\n1\n=== a\n2", {"a": "1\n2"}),
        ("=== a\n == b\n====\n", {"a": " == b\n====\n"}),
    ],
)
def test_sections_splits_by_names(output: str, parts: Mapping[str, str]) -> None:
    assert sections(output) == parts


@given(st.text())
def test_sections_accepts_any_output(output: str) -> None:
    assert all(text in output for text in sections(output).values())


_TIMERS = "Timer List Version: v0.10\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at 14549175787 nsecs\n\ncpu"


@pytest.mark.parametrize("shell", [["sh"], ["bash"], ["busybox", "sh"]])
def test_ask_script_runs_in_any_shell(shell: list[str], tmp_path: Path) -> None:
    timers, log = tmp_path / "timers", tmp_path / "log"
    timers.write_text(_TIMERS)
    script = (
        ASK.replace("/proc/timer_list", str(timers))
        .replace(">/dev/kmsg", f">>{log}")
        .replace("/run/systemd/system", str(tmp_path / "absent"))
    )
    done = subprocess.run([*shell, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    told = sections(done.stdout)
    assert list(told) == ["monotonic", "processes"]
    assert told["monotonic"].split("\n") == ["now at 14549175787 nsecs"] * 5 + ["", ""]
    assert re.search(r"^\d+ \(\S+\) ", told["processes"])
    assert log.read_text() == ("<6>bootwright: monotonic begin\n<6>bootwright: monotonic end\n" * 5)


def test_ask_script_without_a_timer_list_asks_all_else(tmp_path: Path) -> None:
    script = ASK.replace("/proc/timer_list", str(tmp_path / "absent"))
    script = script.replace("/dev/kmsg", "/dev/null")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert sections(done.stdout)["monotonic"].strip() == ""
    assert sections(done.stdout)["processes"] != ""


async def test_first_command_dates_each_line_of_ssh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(
        tmp_path,
        monkeypatch,
        f'echo "$*" >{tmp_path}/given\n'
        "echo 'debug1: Connection established.' >&2\n"
        "sleep 0.05; printf 'debug1: SSH2_MSG_NEWKEYS received\\r\\n' >&2\n"
        "sleep 0.05; echo hello; exit 0",
    )
    lines = await record._first_command(MACHINE)
    assert [line.name for line in lines] == [
        *(sshlog.STARTED, "debug1: Connection established."),
        *("debug1: SSH2_MSG_NEWKEYS received", sshlog.OUTPUT),
    ]
    times = [line.time_ns for line in lines]
    assert times == sorted(times)
    assert sshlog.end_ns(lines) == times[-1]
    given = (tmp_path / "given").read_text().strip()
    assert given.startswith("-v -o LogLevel=DEBUG1 -F none")
    assert given.endswith("root@127.0.0.1 -- echo hello")


async def test_first_command_quotes_an_ssh_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "for n in 1 2 3 4 5 6; do echo debug1: $n >&2; done; echo Permission denied >&2"
    fake_ssh(tmp_path, monkeypatch, f"{script}; exit 255")
    error = await refused()
    assert str(error) == "the guest's SSH server listens, but cannot run a command"
    assert error.hint == "to see why: bootwright run IMAGE -- true"
    assert error.evidence.splitlines() == [
        *(f"debug1: {n}" for n in (3, 4, 5, 6)),
        "Permission denied",
    ]


async def test_first_command_ends_an_ssh_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(tmp_path, monkeypatch, f"echo $$ >{tmp_path}/pid; exec sleep 60")
    monkeypatch.setattr(record, "_ANSWER_S", 0.5)
    error = await refused()
    assert str(error) == "the guest's SSH server listens, but cannot run a command"
    assert not is_alive(tmp_path / "pid")


async def test_exchange_dates_the_guest_clock_between_question_and_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    fake_ssh(
        tmp_path,
        monkeypatch,
        f'while [ "$1" != -- ]; do shift; done; eval "$(echo "$2" | sed s,/dev/kmsg,{log},)"',
    )
    looks = await record._exchange(REACH)
    assert [look.number for look in looks] == list(range(20))
    ends = [edge for look in looks for edge in (look.before_ns, look.after_ns)]
    assert ends == sorted(ends)
    assert log.read_text() == "<6>bootwright: exchange 19\n"


async def test_exchange_stops_with_a_guest_that_answers_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(tmp_path, monkeypatch, "read -r a; echo $a; read -r a; echo $a; exit 255")
    assert [look.number for look in await record._exchange(REACH)] == [0, 1]


async def test_fetch_returns_sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ssh(tmp_path, monkeypatch, "echo === units; echo Id=a; echo === kernel_log; echo one")
    assert await record._fetch(REACH) == {"units": "Id=a\n", "kernel_log": "one\n"}


async def test_fetch_of_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(tmp_path, monkeypatch, "echo === units; echo no such command >&2; exit 127")
    with pytest.raises(GuestError) as bad:
        await record._fetch(REACH)
    assert str(bad.value) == "the guest could not send its logs"
    assert bad.value.evidence == "no such command"


async def test_fetch_that_takes_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(record, "_FETCH_S", 0.2)
    with pytest.raises(GuestError, match=r"^the guest did not send its logs within 0\.2 s$"):
        await record._fetch(REACH)
