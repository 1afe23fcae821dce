"""Find the owner of a loop or device-mapper device by its tag or uuid *and* its backing file.

Anybody can set a tag or a uuid, and a bootwright with other folders sets the same. So bootwright
owns a device only if both match: the mark, and a backing file in its folders.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootwright.digest import is_digest
from bootwright.disks import devicemapper, loop
from bootwright.disks.devicemapper import Mapped
from bootwright.disks.loop import Bound
from bootwright.home import Home
from bootwright.machines.folder import all_machines

OwnerState = Literal["alive", "orphaned", "shared", "foreign"]
"""``shared``: holds an image, and machines share it."""
DELETED = " (deleted)"
_BELOW = "-base"
"""The suffix of the uuid of a device below a machine's snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The machine that a device belongs to, and whether it runs."""

    state: OwnerState
    machine: str = ""
    role: str = ""
    on: str = ""
    """Its backing file, if that is in bootwright's folders."""
    why: str = ""
    """Why a device that looks like bootwright's is foreign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Bootwright's files by device and inode, and its running machines."""

    files: Mapping[tuple[int, int], Path]
    roots: tuple[tuple[int, Path], ...]
    """Bootwright's folders, each with the device number of its filesystem."""
    alive: frozenset[str]

    @staticmethod
    def of(home: Home) -> Folders:
        """Read the folders; changes nothing."""
        files = {}
        roots = []
        for root in (home.data, home.state, home.cache):
            try:
                if not root.is_dir():
                    continue
                roots.append((root.stat().st_dev, root.resolve()))
            except PermissionError:
                continue  # another user's home: none of its devices can be recognised
            for parent, _, names in os.walk(root):
                for name in names:
                    path = Path(parent) / name
                    try:
                        status = path.lstat()
                    except OSError:
                        continue  # it was just removed
                    files[status.st_dev, status.st_ino] = path
        try:
            alive = frozenset(folder.name for folder in all_machines(home) if folder.is_alive())
        except PermissionError:
            alive = frozenset()
        return Folders(files=files, roots=tuple(roots), alive=alive)

    def holding(self, bound: Bound) -> str:
        """Return the backing file of a loop device if it is in these folders, or "".

        A deleted file is found by the path that the kernel reports, on the same filesystem only.
        """
        if path := self.files.get((bound.device, bound.inode)):
            return str(path)
        if bound.backing_file.endswith(DELETED):
            was = Path(bound.backing_file.removesuffix(DELETED))
            for device, root in self.roots:
                if device == bound.device and was.is_relative_to(root):
                    return bound.backing_file
        return ""


def of_loop(bound: Bound, folders: Folders) -> Owner | None:
    """Return the owner of a loop device; None if it does not concern bootwright."""
    on = folders.holding(bound)
    marked = bound.file_name.startswith(loop.TAG_PREFIX)
    if not on:
        why = "it has bootwright's tag, but its file is outside bootwright's folders"
        return Owner(state="foreign", why=why) if marked else None
    if not marked:
        return Owner(
            state="foreign", on=on, why="it uses a file of bootwright, but has no tag of bootwright"
        )
    name, _, role = bound.file_name.removeprefix(loop.TAG_PREFIX).partition(":")
    if is_digest(name) or role == "base":
        return Owner(state="shared", role=role, on=on)
    state: OwnerState = "alive" if name in folders.alive else "orphaned"
    return Owner(state=state, machine=name, role=role, on=on)


def of_mapped(
    mapped: Mapped, loops: Sequence[Bound], all_mapped: Sequence[Mapped], folders: Folders
) -> Owner | None:
    """Return the owner of a device-mapper device; None if it does not concern bootwright."""
    below = [
        (bound, owner)
        for bound in loops
        if f"loop{bound.number}" in _devices_below(mapped, all_mapped)
        and (owner := of_loop(bound, folders)) is not None
    ]
    on = next((owner.on for _, owner in below if owner.on), "")
    marked = mapped.uuid.startswith(devicemapper.UUID_PREFIX)
    if not marked:
        if on:
            return Owner(
                state="foreign", on=on, why="it uses a file of bootwright, but has another uuid"
            )
        if mapped.name.startswith("bootwright"):
            return Owner(state="foreign", why="it has a name like bootwright's, but another uuid")
        return None
    if not on:  # without a table it uses nothing, and may belong to another bootwright
        return Owner(
            state="foreign", why="it has bootwright's uuid, but uses no file of bootwright"
        )
    called = mapped.uuid.removeprefix(devicemapper.UUID_PREFIX)
    # A snapshot's store names its machine; a device below a snapshot has only its uuid.
    machine = next((owner.machine for _, owner in below if owner.machine), "")
    machine = machine or called.removesuffix(_BELOW)
    is_alive = machine in folders.alive or called in folders.alive
    return Owner(state="alive" if is_alive else "orphaned", machine=machine, on=on)


def _devices_below(mapped: Mapped, all_mapped: Sequence[Mapped]) -> set[str]:
    """Return all devices below one, at any depth."""
    below = {f"dm-{other.minor}": other.slaves for other in all_mapped}
    found: set[str] = set()
    queue = [*mapped.slaves]
    while queue:
        if (name := queue.pop()) not in found:
            found.add(name)
            queue += below.get(name, ())
    return found
