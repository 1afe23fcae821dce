"""Fixes that are safe without asking: they touch only what bootwright left behind."""

from __future__ import annotations

from bootwright.doctor import storage, sweep
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines.recovery import reclaim


def fix(home: Home) -> list[str]:
    """Reclaim what dead monitors and builds left behind; make private keys private.

    Returns:
        What was done, one line each.

    Raises:
        HostError: a process does not end, or something is mounted in a folder to be removed.
    """
    done = reclaim(home)
    done += sweep.sweep(home)
    for store in (image_store(home), kernel_store(home)):
        done += [f"removed {path}: left behind by a killed process" for path in store.abandoned()]
        store.sweep()
    return done + [f"made {path} private" for path in storage.close_keys(home)]
