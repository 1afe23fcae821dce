"""All machines, and how each is: those that run are asked, of the others their folders tell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bootwright.errors import FormatError, GuestError, InputError
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines import control
from bootwright.machines.folder import MachineFolder, all_machines

MachineState = Literal[
    "starting", "running", "paused", "stopping", "stopped", "crashed", "unresponsive", "damaged"
]
"""``crashed``: kept, and ended without shutting down and without being told to. ``unresponsive``:
its monitor lives and does not answer. ``damaged``: its description cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStatus:
    """How one machine is."""

    name: str
    state: MachineState = "stopped"
    detail: str = ""
    """What a starting machine does, why one is paused, how one crashed."""
    image: str = ""
    """Its name, or where it has none the first digits of its digest."""
    kernel: str = ""
    accelerator: str = ""
    ports: dict[int, int] = field(default_factory=dict)
    """Which port of the host's 127.0.0.1 leads to which port of the guest: ``{guest: host}``."""
    started_s: int | None = None
    """When, in seconds since 1970."""
    ended_s: int | None = None
    monitor_pid: int | None = None
    vmm_pid: int | None = None
    folder: Path


def machines(home: Home) -> tuple[MachineStatus, ...]:
    """Return all machines, changing nothing; see `recovery` for what dead ones leave behind."""
    found = [_status(home, folder) for folder in all_machines(home)]
    # One that was removed while we looked is no damaged machine.
    return tuple(one for one in found if one.state != "damaged" or one.folder.exists())


def _status(home: Home, folder: MachineFolder) -> MachineStatus:
    found = MachineStatus(name=folder.name, folder=folder.path)
    try:
        recipe = folder.spec().recipe
        found = replace(
            found,
            image=image_store(home).name_of(recipe.image) if recipe.image else "(tiny)",
            kernel=kernel_store(home).name_of(recipe.kernel),
            accelerator=recipe.accelerator,
        )
        return _with_life(found, folder)
    except FormatError as error:
        return replace(found, state="damaged", detail=str(error))


def _with_life(found: MachineStatus, folder: MachineFolder) -> MachineStatus:
    """Add what a machine does, or how it ended."""
    try:
        status = control.status(folder)
    except InputError:
        pass  # it does not run
    except GuestError:
        if not folder.control.exists():
            return replace(found, state="starting")
        return replace(found, state="unresponsive", detail="its monitor does not answer")
    else:
        return replace(
            found,
            state=status.state,
            detail=status.detail,
            ports=status.ports,
            started_s=status.started_s,
            monitor_pid=status.monitor_pid,
            vmm_pid=status.vmm_pid or None,
        )
    last = folder.last_end()
    if last is None:
        return found
    if last.reason == "lost":
        return replace(found, state="crashed", detail=last.text, started_s=last.ended_s)
    return replace(
        found,
        state="crashed" if last.is_crash else "stopped",
        detail="" if last.reason in ("stopped", "powered-off") else last.text,
        ended_s=last.ended_s,
    )
