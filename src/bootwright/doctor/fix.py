"""Mending what can be mended without asking: only what is ours and dead."""

from __future__ import annotations

from bootwright.doctor import storage, sweep
from bootwright.home import Home
from bootwright.images import image as images
from bootwright.kernels import kernel as kernels
from bootwright.machine.recovery import settle


def fix(home: Home) -> list[str]:
    """Give back what dead monitors and builds left, devices too; close keys to others.

    Returns:
        What was done, a line each.

    Raises:
        HostError: a process does not end, or something is mounted where something is to go.
    """
    done = settle(home)
    done += sweep.sweep(home)
    for shelf in (images.shelf(home), kernels.shelf(home)):
        done += [f"removed {path}: left by a process that was killed" for path in shelf.abandoned()]
        shelf.sweep()
    return done + [f"made {path} yours alone" for path in storage.close_keys(home)]
