"""bootwright console: what is shown, what is typed, how one leaves; the monitor is a fake."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.home import Home
from bootwright.machines.messages import AttachConsole
from tests.machines.fakes import FakeMonitor, until
from tests.machines.samples import at_rest

Cli = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("no_process_left")


def test_console_refuses_a_stopped_machine(bootwright: Cli, home: Home) -> None:
    at_rest(home)
    done = bootwright("console", "web")
    assert done.err == (
        "bootwright: error: machine 'web' is not running\n  hint: bootwright start web\n"
    )
    assert (done.status, done.out) == (2, "")


def attached(keys: bytes, *, ends: bool) -> subprocess.Popen[bytes]:
    """Attach by a process of its own, and type."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bootwright", "console", "web"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(keys)
    process.stdin.flush()
    if ends:
        process.stdin.close()
    return process


ATTACHED = b"console of web; Ctrl-] leaves it, and the machine runs on\n"
LEFT = b"\nweb: left the console; the machine runs on: bootwright console web returns to it\n"


def test_console_shows_what_follows_and_says_how_it_ended(home: Home) -> None:
    monitor = FakeMonitor(at_rest(home), console=b"web login: ")
    with monitor.running(), attached(b"", ends=False) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b"web login: "
        assert process.stderr.read() == ATTACHED + b"\nweb: the machine has ended\n"
    assert process.returncode == 0
    assert monitor.heard == [AttachConsole(from_byte=0)]


def test_console_continues_behind_what_was_printed_before(home: Home) -> None:
    folder = at_rest(home)
    folder.console_log.write_bytes(b"before\r\n\x1b[c\x1b[6nweb ")
    with (
        FakeMonitor(folder, console=b"login: ").running() as monitor,
        attached(b"", ends=False) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.read() == b"before\nweb login: "
    assert monitor.heard == [AttachConsole(from_byte=folder.console_log.stat().st_size)]


def test_console_on_a_terminal_asks_only_live(home: Home) -> None:
    folder = at_rest(home)
    folder.console_log.write_bytes(b"before \x1b[31mred\x1b[5n\x1b]11;?\x07\r\n")
    master, slave = pty.openpty()
    with FakeMonitor(folder, console=b"now \x1b[6n\x1b]52;c;?\x07").running():
        process = subprocess.Popen(
            [sys.executable, "-m", "bootwright", "console", "web"],
            env={**os.environ, "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=subprocess.DEVNULL,
        )
        assert process.wait(60) == 0
    os.close(slave)
    seen = os.read(master, 4096)
    os.close(master)
    assert seen.startswith(b"before \x1b[31mred\r\n\x1b[0mnow \x1b[6n\x1b[0m")
    assert b"[5n" not in seen
    assert b"?" not in seen


@pytest.mark.parametrize(("keys", "ends"), [(b"root\n\x1dnot this", False), (b"root\n", True)])
def test_console_sends_keys_until_the_escape_key(keys: bytes, ends: bool, home: Home) -> None:
    monitor = FakeMonitor(at_rest(home), console=None)
    with monitor.running(), attached(keys, ends=ends) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""
        until(lambda: monitor.typed == b"root\n", "the keys")
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ATTACHED + LEFT
    assert monitor.typed == b"root\n"


def test_console_takes_its_keys_from_a_file(home: Home, tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"root\n" * 2000)
    monitor = FakeMonitor(at_rest(home), console=None)
    with monitor.running(), (tmp_path / "keys").open("rb") as keys:
        done = subprocess.run(
            [sys.executable, "-m", "bootwright", "console", "web"], stdin=keys, capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, ATTACHED + LEFT)
        until(lambda: monitor.typed == b"root\n" * 2000, "the keys")
