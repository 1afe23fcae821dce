"""Requesting a machine: a monitor is told what to start.

This needs no event loop, and imports nothing that follows the machine.
"""

from __future__ import annotations

from bootwright.events import Notice, Observer
from bootwright.home import Home
from bootwright.machines import limits, messages, monitor_process
from bootwright.machines.monitor_process import MonitorProcess
from bootwright.machines.spec import MachineSpec


def request(
    home: Home, spec: MachineSpec, observe: Observer, *, again: bool = False
) -> MonitorProcess:
    """Tell a monitor to start a machine, which ends when the connection to the monitor is cut.

    Args:
        observe: Given notices about the host.
        again: Start the machine of that name that lies there, instead of making one.

    Raises:
        HostError: the host lacks what the machine needs.
    """
    limits.check(home, spec.recipe, lambda text: observe(Notice(text=text)))
    monitor = monitor_process.take()
    start = messages.Start(home=home.absolute(), spec=spec, again=again)
    try:
        monitor.connection.sendall(messages.encode(start))
    except ConnectionError:
        pass  # it died; whoever follows it hears of it
    except BaseException:
        monitor.end()
        raise
    return monitor
