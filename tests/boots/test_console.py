"""The console of a running machine: several readers, no lost line, an escape."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from pathlib import Path

import pytest

from tests.boots.harness import PROGRAM
from tests.boots.kills import differences, left, place, settle

pytestmark = pytest.mark.boot

_LINES = 3000
_TALK = f"i=0; while [ $i -lt {_LINES} ]; do i=$((i+1)); echo line $i; done >/dev/console"


def test_console_and_logs_follow_lose_no_line(kernel: str, tmp_path: Path) -> None:
    own = place(tmp_path)
    before = left(own)
    # It waits for a word typed at its console, so that all are attached before it talks.
    process = own.start(
        *("run", "--tiny", "--kernel", kernel, "--name", "talks", "--"),
        "exec 4<>/dev/console; echo ready; read word <&4; echo the word is $word; " + _TALK,
    )
    assert process.stdout is not None
    _read_until(process.stdout.fileno(), b"ready")
    followers = [own.start("logs", "--follow", "talks") for _ in range(3)]
    master, slave = pty.openpty()
    attached = subprocess.Popen(
        [PROGRAM, "console", "talks"],
        env=own.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    _read_until(master, b"Ctrl-] leaves it")
    os.write(master, b"open sesame\r")
    seen = _read_until(master, f"line {_LINES}".encode())
    os.write(master, b"\x1d")
    assert attached.wait(timeout=30) == 0
    os.close(master)
    output, _ = process.communicate(timeout=120)
    assert b"the word is open sesame" in output
    wanted = [f"line {number}" for number in range(1, _LINES + 1)]
    assert _lines(seen) == wanted
    for follower in followers:
        logged, _ = follower.communicate(timeout=60)
        assert follower.returncode == 0, logged
        assert _lines(logged) == wanted
    settle(own)
    assert differences(before, left(own)) == ""


def _lines(output: bytes) -> list[str]:
    lines = output.decode(errors="replace").replace("\r", "").split("\n")
    return [line for line in lines if line.startswith("line ")]


def _read_until(file: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        assert select.select([file], [], [], 60)[0], f"waited for {wanted!r} after {seen!r}"
        try:
            data = os.read(file, 1 << 16)
        except OSError:  # EIO: nobody holds the terminal's other end any more
            data = b""
        assert data, f"ended without {wanted!r}, after {seen[-500:]!r}"
        seen += data
    return seen


def test_ps_watch_prints_each_change(kernel: str, tmp_path: Path) -> None:
    own = place(tmp_path)
    watch = own.start("ps", "--watch", "--json")
    assert watch.stdout is not None
    assert watch.stdout.readline() == b"[]\n"
    done = own("run", "--tiny", "--kernel", kernel, "--name", "seen", "--", "sleep 1")
    assert done.returncode == 0, done.stderr
    states = []
    while (line := watch.stdout.readline()) != b"[]\n":
        states.append(line)
    assert any(b'"state":"starting"' in line for line in states)
    assert any(b'"state":"running"' in line for line in states)
    watch.send_signal(2)
    rest, _ = watch.communicate(timeout=30)
    assert (watch.returncode, rest) == (0, b"")
