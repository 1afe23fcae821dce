"""Mending what can be mended without asking: only what is ours and dead."""

from __future__ import annotations

from bootwright.doctor import storage, sweep
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines.recovery import reclaim


def fix(home: Home) -> list[str]:
    """Give back what dead monitors and builds left, devices too; close keys to others.

    Returns:
        What was done, a line each.

    Raises:
        HostError: a process does not end, or something is mounted where something is to go.
    """
    done = reclaim(home)
    done += sweep.sweep(home)
    for shelf in (image_store(home), kernel_store(home)):
        done += [f"removed {path}: left by a process that was killed" for path in shelf.abandoned()]
        shelf.sweep()
    return done + [f"made {path} yours alone" for path in storage.close_keys(home)]
