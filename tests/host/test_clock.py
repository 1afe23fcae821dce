"""When this very process began."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bootwright.host import clock

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_SCRIPT = "from bootwright.host import clock; print(clock.process_start_ns(), clock.now_ns())"


def test_now_ns_is_the_monotonic_clock() -> None:
    before = time.monotonic_ns()
    now = clock.now_ns()
    assert before <= now <= time.monotonic_ns()


def test_process_start_ns_lies_between_fork_and_exec() -> None:
    for _ in range(5):
        before = time.monotonic_ns()
        with subprocess.Popen([sys.executable, "-c", _SCRIPT], stdout=subprocess.PIPE) as process:
            executed = time.monotonic_ns()  # Popen returns once the program is executed
            output, _ = process.communicate()
        after = time.monotonic_ns()
        start, now = map(int, output.split())
        assert before - _TICK_NS <= start <= executed + _TICK_NS
        assert start < now <= after


def test_process_start_ns_moves_by_at_most_a_tick() -> None:
    script = """
import time
from bootwright.host import clock
first = clock.process_start_ns()
deadline = time.process_time_ns() + 30_000_000
while time.process_time_ns() < deadline:
    pass
time.sleep(0.05)
print(clock.process_start_ns() - first)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert abs(int(done.stdout)) <= _TICK_NS


def test_process_start_ns_omits_what_a_shell_did_before_exec() -> None:
    # The shell executes its last command in its own place, so the process is a second old by then.
    script = f'sleep 1; exec "{sys.executable}" -c "{_SCRIPT}"'
    before = time.monotonic_ns()
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    start, now = map(int, done.stdout.split())
    assert before + 1_000_000_000 - _TICK_NS <= start < now
