"""Starting a monitor: a process that waits on its leash, a socket, to be told what to do.

A monitor imports as much as the command that starts it. So it can be started ahead of time, and
both import at once; this module itself imports next to nothing. Until it is told, a monitor owns
nothing, and it ends when its leash is cut.
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
    """A monitor that has not been told yet what to do."""

    def __init__(self) -> None:
        """Start it."""
        self.started_ns = now_ns()
        self.connection, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                # -P: a folder called bootwright in the user's working folder is not our package.
                [sys.executable, "-P", "-c", _PROGRAM],
                env=processes.environment_with_token(processes.new_token()),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                # Our own stderr, for what happens before the monitor knows where its log is.
                stderr=None,
                start_new_session=True,
            )
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()

    def end(self) -> None:
        """End it; it must not have been told anything."""
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
