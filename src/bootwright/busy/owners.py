"""Whose a loop or device-mapper device is: ours by its mark *and* by what lies behind it.

A mark (a tag, a uuid) can be given to anything by anybody, and another bootwright with other
folders gives the same. So only what carries our mark and lies in our folders is ours.
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

Fate = Literal["alive", "orphaned", "shared", "foreign"]
"""``shared``: an image's own device, which machines use together."""
DELETED = " (deleted)"
_BELOW = "-base"
"""How the uuid of a device below a machine's snapshot ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a device is, and whether that one lives."""

    fate: Fate
    machine: str = ""
    role: str = ""
    on: str = ""
    """What of ours it lies on: a path below our folders."""
    why: str = ""
    """Why something that looks like ours is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Our files by device and inode, and our machines."""

    files: Mapping[tuple[int, int], Path]
    roots: tuple[tuple[int, Path], ...]
    """Our folders with the number of the filesystem that each is on."""
    alive: frozenset[str]

    @staticmethod
    def of(home: Home) -> Folders:
        """Look at our folders, changing nothing."""
        files = {}
        roots = []
        for root in (home.data, home.state, home.cache):
            if not root.is_dir():
                continue
            roots.append((root.stat().st_dev, root.resolve()))
            for parent, _, names in os.walk(root):
                for name in names:
                    path = Path(parent) / name
                    try:
                        status = path.lstat()
                    except OSError:
                        continue  # gone just now
                    files[status.st_dev, status.st_ino] = path
        alive = frozenset(folder.name for folder in all_machines(home) if folder.is_alive())
        return Folders(files=files, roots=tuple(roots), alive=alive)

    def holding(self, bound: Bound) -> str:
        """Return the file of ours that is behind a loop device; "" where it is none of ours.

        A file that has lost its name is found by the kernel's word for it, on our filesystem only.
        """
        if path := self.files.get((bound.device, bound.inode)):
            return str(path)
        if bound.backing_file.endswith(DELETED):
            was = Path(bound.backing_file.removesuffix(DELETED))
            for device, root in self.roots:
                if device == bound.device and was.is_relative_to(root):
                    return bound.backing_file
        return ""


def of_loop(bound: Bound, ours: Folders) -> Owner | None:
    """Return whose a loop device is; None where it has nothing to do with us."""
    on = ours.holding(bound)
    marked = bound.file_name.startswith(loop.TAG_PREFIX)
    if not on:
        why = "it has our tag, but its file is outside our folders"
        return Owner(fate="foreign", why=why) if marked else None
    if not marked:
        return Owner(fate="foreign", on=on, why="it lies on a file of ours, but is not our doing")
    name, _, role = bound.file_name.removeprefix(loop.TAG_PREFIX).partition(":")
    if is_digest(name) or role == "base":
        return Owner(fate="shared", role=role, on=on)
    fate: Fate = "alive" if name in ours.alive else "orphaned"
    return Owner(fate=fate, machine=name, role=role, on=on)


def of_mapped(
    mapped: Mapped, loops: Sequence[Bound], all_mapped: Sequence[Mapped], ours: Folders
) -> Owner | None:
    """Return whose a device-mapper device is; None where it has nothing to do with us."""
    below = [
        (bound, owner)
        for bound in loops
        if f"loop{bound.number}" in _foundations(mapped, all_mapped)
        and (owner := of_loop(bound, ours)) is not None
    ]
    on = next((owner.on for _, owner in below if owner.on), "")
    marked = mapped.uuid.startswith(devicemapper.UUID_PREFIX)
    if not marked:
        if on:
            return Owner(
                fate="foreign", on=on, why="it lies on a file of ours, but has not our uuid"
            )
        if mapped.name.startswith("bootwright"):
            return Owner(fate="foreign", why="its name looks like ours, but it has not our uuid")
        return None
    if not on:  # one without a table lies on nothing, and may be another bootwright's
        return Owner(fate="foreign", why="it has our uuid, but lies on nothing in our folders")
    called = mapped.uuid.removeprefix(devicemapper.UUID_PREFIX)
    # A snapshot's own store tells its machine; what lies below a snapshot has only its uuid.
    machine = next((owner.machine for _, owner in below if owner.machine), "")
    machine = machine or called.removesuffix(_BELOW)
    is_alive = machine in ours.alive or called in ours.alive
    return Owner(fate="alive" if is_alive else "orphaned", machine=machine, on=on)


def _foundations(mapped: Mapped, all_mapped: Sequence[Mapped]) -> set[str]:
    """Return all devices below one, however deep."""
    below = {f"dm-{other.minor}": other.slaves for other in all_mapped}
    found: set[str] = set()
    queue = [*mapped.slaves]
    while queue:
        if (name := queue.pop()) not in found:
            found.add(name)
            queue += below.get(name, ())
    return found
