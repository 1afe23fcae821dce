"""Host limits, checked before a machine starts.

Missing descriptors or disk space are errors. Overcommitted memory and vCPUs are only warnings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from bootwright.errors import FormatError
from bootwright.home import Home
from bootwright.host import descriptors, memory, space
from bootwright.host.memory import Memory
from bootwright.machines.folder import all_machines
from bootwright.recipes.recipe import MIB, Recipe

DISK_FLOOR_BYTES = 64 << 20
"""Free space that a machine needs to start, or to continue after its disk was full."""
DESCRIPTORS = 96
"""More than a monitor or its VMM opens, with reserve for attached commands and the guest's
connections. Debian 12 used 15 and 22."""


def check(home: Home, recipe: Recipe, notice: Callable[[str], None]) -> None:
    """Check that a machine of *recipe* can start.

    Args:
        notice: Called with each warning about overcommitment.

    Raises:
        HostError: too few file descriptors, or too little disk space.
    """
    descriptors.require(DESCRIPTORS)
    space.require(home.machines, DISK_FLOOR_BYTES, "a machine's disk")
    others = []
    for folder in all_machines(home):
        if folder.is_alive():
            with suppress(FormatError):  # damaged, or gone just now
                others.append(folder.spec().recipe)
    for warning in overcommit(recipe, others, memory.read(), len(os.sched_getaffinity(0))):
        notice(f"warning: {warning}")


def overcommit(recipe: Recipe, others: Sequence[Recipe], memory: Memory, cpus: int) -> list[str]:
    """Return warnings, one line each, at most one about memory and one about vCPUs.

    A guest's memory is allocated when first used, so machines may be assigned more than is free.
    This warns if this machine alone needs more, or all together need more than the host has.

    Args:
        recipe: The machine about to start.
        others: The machines that run already.
        memory: The host's.
        cpus: How many CPUs this process may use.
    """
    all_machines = (recipe, *others)
    count = f"{len(all_machines)} machine" + ("s" if others else "")
    warnings = []
    promised_mib = sum(each.memory_mib for each in all_machines)
    total_mib, available_mib = memory.total_bytes // MIB, memory.available_bytes // MIB
    if recipe.memory_mib > available_mib or promised_mib > total_mib:
        this = f" (this one {recipe.memory_mib})" if others else ""
        warnings.append(
            f"memory: {count} {'promise' if others else 'promises'} {promised_mib} MiB{this}, "
            f"but {available_mib} MiB of {total_mib} MiB are free"
        )
    vcpus = sum(each.vcpus for each in all_machines)
    if vcpus > cpus:
        this = f" (this one {recipe.vcpus})" if others else ""
        warnings.append(
            f"vCPUs: {vcpus} promised by {count}{this}, but this host has {cpus}: "
            "they slow each other down"
        )
    return warnings
