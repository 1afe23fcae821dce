"""bootwright console: what is shown, what is typed, how one leaves; the monitor is a fake."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
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


def test_console_shows_the_last_screen_and_says_how_it_ended(home: Home) -> None:
    monitor = FakeMonitor(at_rest(home), console=b"web login: ")
    with monitor.running(), attached(b"", ends=False) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b"web login: "
        assert process.stderr.read() == (
            b"console of web; leave with Ctrl-]\r\n\nweb: the console is closed\n"
        )
    assert process.returncode == 0
    assert monitor.heard == [AttachConsole(from_byte=-2048)]


@pytest.mark.parametrize(("keys", "ends"), [(b"root\n\x1dnot this", False), (b"root\n", True)])
def test_console_sends_keys_until_the_escape_key(keys: bytes, ends: bool, home: Home) -> None:
    monitor = FakeMonitor(at_rest(home), console=None)
    with monitor.running(), attached(keys, ends=ends) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b""
        until(lambda: monitor.typed == b"root\n", "the keys")
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b"console of web; leave with Ctrl-]\r\n\n"
    assert monitor.typed == b"root\n"
