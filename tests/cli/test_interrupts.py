"""Signals end a command at any moment without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from bootwright.cli import interrupts
from bootwright.home import Home

_MAIN = """
import sys
from bootwright.__main__ import interrupts, main
interrupts.end_at_once()
sys.argv[0] = "bootwright"
print("begun", flush=True)
main()
"""


@pytest.mark.parametrize("command", [("ps",), ("run", "--tiny", "--dry-run", "--", "true")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_leaves_no_traceback(
    number: signal.Signals, command: tuple[str, ...], home: Home, no_process_left: None
) -> None:
    statuses = set()
    for delay_ms in range(0, 301, 50):
        process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()  # Python itself has started
            time.sleep(delay_ms / 1000)  # this is the case itself: any moment
            process.send_signal(number)
            said = process.stderr.read().decode()
        assert "Traceback" not in said, delay_ms
        assert "Exception" not in said, delay_ms
        statuses.add(process.returncode)
    # It may have ended before; SIGTERM ends it by itself until its command begins.
    assert statuses <= {0, 1, 2, 125, 128 + number, -signal.SIGTERM}


def test_an_ignored_interrupt_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupts.end_at_once()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_where_none_can_be_raised_is_repeated() -> None:
    script = """
import os, signal, time
from bootwright.cli import interrupts
interrupts.raise_interrupts()
class Dies:
    def __del__(self): os.kill(os.getpid(), signal.SIGINT); time.sleep(0)
try:
    Dies()
    time.sleep(60)
except KeyboardInterrupt:
    os._exit(7)
"""
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, capture_output=True)
    assert (done.returncode, done.stderr) == (7, b"")
