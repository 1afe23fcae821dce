"""The status of all machines, from their monitors or their folders."""

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
"""``crashed``: kept, and ended unexpectedly. ``unresponsive``: its monitor lives but does not
answer. ``damaged``: its description cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStatus:
    """The status of one machine."""

    name: str
    state: MachineState = "stopped"
    detail: str = ""
    """The last mark of a starting machine, or why it is paused or crashed."""
    image: str = ""
    """Its name, or the first digits of its digest."""
    kernel: str = ""
    accelerator: str = ""
    ports: dict[int, int] = field(default_factory=dict)
    """Ports forwarded from the host's 127.0.0.1: ``{guest: host}``."""
    started_s: int | None = None
    """When, in seconds since 1970."""
    ended_s: int | None = None
    monitor_pid: int | None = None
    vmm_pid: int | None = None
    folder: Path


def machines(home: Home) -> tuple[MachineStatus, ...]:
    """Return the status of all machines, without reclaiming anything; see `recovery`."""
    found = [_status(home, folder) for folder in all_machines(home)]
    # Leave out machines that were removed meanwhile.
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
        return _with_state(found, folder)
    except FormatError as error:
        return replace(found, state="damaged", detail=str(error))


def _with_state(found: MachineStatus, folder: MachineFolder) -> MachineStatus:
    """Add a machine's state, or how it ended."""
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
