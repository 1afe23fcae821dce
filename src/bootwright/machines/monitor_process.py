"""Starting a monitor, which waits for its request on a socket.

A monitor imports as much as the command that starts it, so it can be started ahead of time, and
both import in parallel; this module imports very little. Until its request arrives, a monitor owns
nothing, and it ends when its command's connection closes.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bootwright.host import processes
from bootwright.host.clock import now_ns

# Imports leave no garbage; looking for it takes a tenth of their time. -m would import more.
_PROGRAM = "import gc; gc.disable(); from bootwright.monitor.launch import main; main()"

_ahead: ContextVar[list[MonitorProcess] | None] = ContextVar("_ahead", default=None)


class MonitorProcess:
    """A monitor that waits for its request."""

    def __init__(self) -> None:
        """Start it."""
        self.started_ns = now_ns()
        self.connection, remote = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                # -P: do not import a folder named bootwright in the user's working folder.
                [sys.executable, "-P", "-c", _PROGRAM],
                env=processes.environment_with_token(processes.new_token()),
                stdin=remote.fileno(),
                stdout=subprocess.DEVNULL,
                # This process's stderr, until the monitor knows where its log is.
                stderr=None,
                start_new_session=True,
            )
        except BaseException:
            self.connection.close()
            raise
        finally:
            remote.close()

    def end(self) -> None:
        """End it; only before a request was sent."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


@contextmanager
def started_ahead() -> Iterator[None]:
    """Start a monitor for the first machine that is started in the block, if any is."""
    ahead = [MonitorProcess()]
    before = _ahead.set(ahead)
    try:
        yield
    finally:
        _ahead.reset(before)
        for monitor in ahead:
            monitor.end()


def take() -> MonitorProcess:
    """Return the monitor that was started ahead of time, or start one."""
    ahead = _ahead.get()
    return ahead.pop() if ahead else MonitorProcess()
