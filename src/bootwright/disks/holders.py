"""Who holds a block device: other devices on top of it, mounts, processes.

Source: Documentation/ABI/testing/sysfs-block (holders), proc(5): /proc/PID/mountinfo, /proc/PID/fd.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

SYS_BLOCK = Path("/sys/block")
_MOST_PROCESSES = 5


def above(name: str, *, sys_block: Path = SYS_BLOCK) -> tuple[str, ...]:
    """Return the devices made of the block device *name*, such as ``dm-3``; in order."""
    return _names(sys_block / name / "holders")


def below(name: str, *, sys_block: Path = SYS_BLOCK) -> tuple[str, ...]:
    """Return the devices that the block device *name* is made of; in order."""
    return _names(sys_block / name / "slaves")


def _names(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(folder)))
    except OSError:
        return ()


def mounts(major: int, minor: int, *, mountinfo: Path = Path("/proc/self/mountinfo")) -> list[str]:
    """Return where the device is mounted, as far as this mount namespace shows."""
    try:
        lines = mountinfo.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines]
    return [line[4] for line in fields if line[2:3] == [f"{major}:{minor}"]]


def processes(major: int, minor: int) -> list[str]:
    """Return who has the device open, as ``name (pid)``, as far as we may look."""
    wanted = os.makedev(major, minor)
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _has_open(process / "fd", wanted):
            try:
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
            except OSError:
                continue  # it ended just now
    return found


def _has_open(folder: Path, device: int) -> bool:
    try:
        links = list(folder.iterdir())
    except OSError:
        return False  # it ended, or it is not ours to look at
    for link in links:
        try:
            seen = link.stat()
        except OSError:
            continue
        if stat.S_ISBLK(seen.st_mode) and seen.st_rdev == device:
            return True
    return False


def described(name: str, major: int, minor: int) -> str:
    """Say in words who holds the block device *name*; "" where nobody is seen to."""
    parts = list(above(name))
    parts += [f"mounted on {place}" for place in mounts(major, minor)]
    opened = processes(major, minor)
    parts += [f"open in {who}" for who in opened[:_MOST_PROCESSES]]
    if more := len(opened) - _MOST_PROCESSES:
        parts += [f"and {more} more processes"] if more > 0 else []
    return ", ".join(parts)
