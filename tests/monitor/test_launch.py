"""A monitor's first moments, before it has an event loop; QEMU is a fake."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from bootwright.home import Home
from bootwright.host import processes
from bootwright.machines import messages
from bootwright.machines.messages import Ended, FromMonitor, MarkTaken, Quit, Start
from bootwright.machines.monitor_process import MonitorProcess
from bootwright.machines.spec import MachineSpec
from tests.machines.samples import entries
from tests.vmms.fakes import Fake

pytestmark = pytest.mark.usefixtures("quiet_monitors")


def received(connection: socket.socket) -> list[FromMonitor]:
    """Return all that a monitor tells until it is gone."""
    connection.settimeout(60)
    with connection, connection.makefile("rb") as lines:
        return [messages.from_monitor(line) for line in lines]


def test_first_line_leaves_what_came_with_it(home: Home, tiny: MachineSpec, fake: Fake) -> None:
    fake("pass")
    monitor = MonitorProcess()
    start = Start(home=home, spec=tiny, again=False)
    monitor.connection.sendall(messages.encode(start) + messages.encode(Quit()))
    assert received(monitor.connection)[-1] == Ended(reason="ended")
    assert monitor.process.wait(60) == 0
    assert entries(home) == []


def test_marks_of_the_launch_are_told_once_and_in_order(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake('if command == "cont":\n    answer()\n    mark("command.end 0")\n    return None')
    monitor = MonitorProcess()
    monitor.connection.sendall(messages.encode(Start(home=home, spec=tiny, again=False)))
    marks = [message for message in received(monitor.connection) if isinstance(message, MarkTaken)]
    names = [mark.name for mark in marks]
    assert names[:6] == [
        *("monitor.begun", "machine.claimed", "disk.made", "initrd.made", "vmm.exec", "vmm.ready")
    ]
    assert len(names) == len(set(names))
    assert monitor.process.wait(60) == 0


_LAUNCH = """
import os, signal, socket, sys
from bootwright.monitor import launch
begin = launch.Launch.begin
def begin_and_be_asked_to_end(self):
    begin(self)
    os.kill(os.getpid(), signal.SIGTERM)
launch.Launch.begin = begin_and_be_asked_to_end
launch.main()
"""


def test_sigterm_before_there_is_a_loop_ends_the_machine(
    home: Home, tiny: MachineSpec, fake: Fake
) -> None:
    fake("pass")
    ours, theirs = socket.socketpair()
    monitor = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH],
        env=processes.environment_with_token(processes.new_token(), os.environ),
        stdin=theirs.fileno(),
    )
    theirs.close()
    ours.sendall(messages.encode(Start(home=home, spec=tiny, again=False)))
    assert received(ours)[-1] == Ended(reason="ended")
    assert monitor.wait(60) == 0
    assert entries(home) == []


def test_monitor_killed_while_it_waits_leaves_nothing(home: Home) -> None:
    monitor = MonitorProcess()
    monitor.process.send_signal(signal.SIGKILL)
    assert monitor.process.wait(60) == -signal.SIGKILL
    monitor.connection.close()
    assert not home.state.exists()
