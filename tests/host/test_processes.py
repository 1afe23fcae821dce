"""Processes that are told by a token in their environment: found, ended, and no other touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bootwright.errors import HostError
from bootwright.host import processes
from tests.machines.fakes import WAITS, shell, state_of, until


def test_new_token_is_unique() -> None:
    tokens = {processes.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {32}


def test_marked_adds_or_replaces_the_token() -> None:
    before = {"PATH": "/bin", "BOOTWRIGHT_TOKEN": "old"}
    assert processes.environment_with_token("new", before) == {
        "PATH": "/bin",
        "BOOTWRIGHT_TOKEN": "new",
    }
    assert before["BOOTWRIGHT_TOKEN"] == "old"
    assert processes.environment_with_token("new") == {**os.environ, "BOOTWRIGHT_TOKEN": "new"}


def test_carriers_finds_a_process_by_its_token() -> None:
    token = processes.new_token()
    assert processes.with_token(token) == []
    with shell(WAITS, processes.environment_with_token(token, {})) as child:
        assert processes.with_token(token) == [child.pid]
        processes.end(token)
        assert state_of(child.pid) == "Z"
    assert child.returncode == -signal.SIGKILL
    assert processes.with_token(token) == []


def test_carriers_and_end_include_child_processes() -> None:
    token = processes.new_token()
    script = """
        exec 3<&0
        (echo ready; read -r line <&3) &
        setsid sh -c 'echo ready; read -r line <&3' &
        echo ready; read -r line
    """
    with shell(script, processes.environment_with_token(token, {})) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(2)] == [b"ready\n"] * 2
        pids = processes.with_token(token)
        assert len(pids) == 3
        assert child.pid in pids
        processes.end(token)
        assert processes.with_token(token) == []
        assert child.wait() == -signal.SIGKILL
        # Nobody of ours reaps the orphans, but they run no more.
        assert all(not Path(f"/proc/{p}").exists() or state_of(p) == "Z" for p in pids)


def test_end_without_any_process_is_no_error() -> None:
    token = processes.new_token()
    processes.end(token)
    assert processes.with_token(token) == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"BOOTWRIGHT_TOKEN": "another"},
        {"BOOTWRIGHT_TOKEN": ""},
        {"BOOTWRIGHT_TOKEN": "{token}0"},
        {"BOOTWRIGHT_TOKEN": "0{token}"},
        {"BOOTWRIGHT_TOKEN": " {token}"},
        {"BOOTWRIGHT_TOKEN": "{half}"},
        {"MY_BOOTWRIGHT_TOKEN": "{token}"},
        {"BOOTWRIGHT_TOKENS": "{token}"},
        {"bootwright_token": "{token}"},
        {"OTHER": "BOOTWRIGHT_TOKEN={token}"},
        {"OTHER": "\nBOOTWRIGHT_TOKEN={token}"},
    ],
    ids=str,
)
def test_end_ignores_look_alike_tokens(environment: dict[str, str]) -> None:
    token = processes.new_token()
    told = {name: value.format(token=token, half=token[:16]) for name, value in environment.items()}
    with shell(WAITS, told) as child:
        assert processes.with_token(token) == []
        processes.end(token)
        assert child.poll() is None


def test_end_ignores_a_token_among_arguments() -> None:
    token = processes.new_token()
    script = f": BOOTWRIGHT_TOKEN={token}; {WAITS}"
    with shell(script, {}) as child:
        assert token.encode() in Path(f"/proc/{child.pid}/cmdline").read_bytes()
        assert processes.with_token(token) == []
        processes.end(token)
        assert child.poll() is None


def test_end_ignores_process_names(tmp_path: Path) -> None:
    token = processes.new_token()
    program = tmp_path / "qemu-system-x86_64"
    program.symlink_to("/bin/sh")
    with (
        shell(
            f"exec {program} -c '{WAITS}'", processes.environment_with_token("another", {})
        ) as other,
        shell(WAITS, processes.environment_with_token(token, {})) as child,
    ):
        processes.end(token)
        assert child.wait() == -signal.SIGKILL
        assert other.poll() is None


def test_end_ignores_a_token_that_a_process_set_itself() -> None:
    # So nobody can pass for another's process, nor hide.
    token = processes.new_token()
    script = f"export BOOTWRIGHT_TOKEN={token}; {WAITS}"
    with shell(script, {}) as child:
        processes.end(token)
        assert child.poll() is None


def test_end_kills_a_process_that_ignores_sigterm() -> None:
    token = processes.new_token()
    script = f"trap '' TERM INT HUP; {WAITS}"
    with shell(script, processes.environment_with_token(token, {})) as child:
        child.terminate()
        processes.end(token)
        assert child.wait() == -signal.SIGKILL


def test_end_kills_a_stopped_process() -> None:
    token = processes.new_token()
    with shell(WAITS, processes.environment_with_token(token, {})) as child:
        child.send_signal(signal.SIGSTOP)
        until(lambda: state_of(child.pid) == "T", "the process to stop")
        processes.end(token)
        assert child.wait() == -signal.SIGKILL


def test_end_by_two_callers_at_once() -> None:
    token = processes.new_token()
    script = "exec 3<&0; for n in 1 2 3 4 5 6 7; do (echo ready; read -r x <&3) & done; " + WAITS
    with shell(script, processes.environment_with_token(token, {})) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(7)] == [b"ready\n"] * 7
        assert len(processes.with_token(token)) == 8
        ender = f"from bootwright.host import processes; processes.end({token!r})"
        enders = [subprocess.Popen([sys.executable, "-c", ender]) for _ in range(2)]
        assert [ender.wait() for ender in enders] == [0, 0]
        assert processes.with_token(token) == []


def test_end_names_a_process_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # One that hangs in the kernel cannot be had; a signal that does nothing stands for it.
    real = signal.pidfd_send_signal
    monkeypatch.setattr(processes, "_GONE_S", 0.05)
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda held, number: real(held, 0))
    token = processes.new_token()
    with shell(WAITS, processes.environment_with_token(token, {})) as child:
        with pytest.raises(HostError) as bad:
            processes.end(token)
        assert str(bad.value) == (f"process {child.pid} was killed but has not ended after 0.05 s")
        assert bad.value.hint == (f"it may be waiting for a disk: cat /proc/{child.pid}/stack")
        assert child.poll() is None


def test_end_spares_a_process_with_a_reused_pid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = processes.new_token()
    with shell(WAITS, processes.environment_with_token("another", {})) as other:
        found = iter([[other.pid], []])
        monkeypatch.setattr(processes, "with_token", lambda token: next(found))
        processes.end(token)
        assert other.poll() is None
