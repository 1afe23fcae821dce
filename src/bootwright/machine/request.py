"""Asking for a machine: its monitor is told what to start.

This needs no event loop: a command asks as soon as the recipe is complete, and imports asyncio and
all that follows the machine while the monitor and the VMM start.
"""

from __future__ import annotations

from collections.abc import Callable

from bootwright.home import Home
from bootwright.machine import limits, messages, monitor_process
from bootwright.machine.monitor_process import MonitorProcess
from bootwright.machine.spec import MachineSpec


def request(
    home: Home,
    spec: MachineSpec,
    *,
    again: bool = False,
    notice: Callable[[str], None] = lambda text: None,
) -> MonitorProcess:
    """Tell a monitor to start a machine, which ends if the monitor's leash is cut.

    Args:
        again: Start the machine of that name that lies there, instead of making one.
        notice: Told what the user should know and can do nothing about.

    Raises:
        HostError: the host lacks what the machine needs.
    """
    limits.check(home, spec.recipe, notice)
    monitor = monitor_process.take()
    start = messages.Start(home=home.absolute(), spec=spec, again=again)
    try:
        monitor.leash.sendall(messages.encode(start))
    except ConnectionError:
        pass  # it died; whoever follows it hears of it
    except BaseException:
        monitor.end()
        raise
    return monitor
