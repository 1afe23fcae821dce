"""Requesting a machine from a monitor.

This needs no event loop, and does not import the code that follows the machine.
"""

from __future__ import annotations

from bootwright.events import Notice, Observer
from bootwright.home import Home
from bootwright.machines import limits, messages, monitor_process
from bootwright.machines.monitor_process import MonitorProcess
from bootwright.machines.spec import MachineSpec


def request(
    home: Home, spec: MachineSpec, observe: Observer, *, again: bool = False, input: bytes = b""
) -> MonitorProcess:
    """Tell a monitor to start a machine, which ends when the connection closes.

    Args:
        observe: Receives notices about the host.
        again: Start an existing machine of that name instead of creating one.
        input: What the command of a guest that nobody logs in to reads.

    Raises:
        HostError: the host cannot run the machine.
    """
    limits.check(home, spec.recipe, lambda text: observe(Notice(text=text)))
    monitor = monitor_process.take()
    start = messages.Start(home=home.absolute(), spec=spec, again=again, input=input)
    try:
        monitor.connection.sendall(messages.encode(start))
    except ConnectionError:
        pass  # it died; its follower reports that
    except BaseException:
        monitor.end()
        raise
    return monitor
