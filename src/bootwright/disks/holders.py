"""What holds a block device: devices on top of it, mounts, processes.

Source: Documentation/ABI/testing/sysfs-block (holders).
"""

from __future__ import annotations

import os
from pathlib import Path

from bootwright.host import mounts, openers

SYS_BLOCK = Path("/sys/block")
_MOST_PROCESSES = 5


def above(name: str, *, sys_block: Path = SYS_BLOCK) -> tuple[str, ...]:
    """Return the devices on top of the block device *name*, such as ``dm-3``; sorted."""
    return _names(sys_block / name / "holders")


def below(name: str, *, sys_block: Path = SYS_BLOCK) -> tuple[str, ...]:
    """Return the devices below the block device *name*; sorted."""
    return _names(sys_block / name / "slaves")


def _names(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(os.listdir(folder)))
    except OSError:
        return ()


def described(name: str, major: int, minor: int) -> str:
    """Describe what holds the block device *name*; "" if no holder is visible."""
    number = (major, minor)
    parts = list(above(name))
    parts += [f"mounted on {mount.point}" for mount in mounts.table() if mount.device == number]
    opened = openers.of_devices([number], ourselves=True).found
    parts += [f"open in {opener.command} ({opener.pid})" for opener in opened[:_MOST_PROCESSES]]
    if len(opened) > _MOST_PROCESSES:
        parts.append(f"and {len(opened) - _MOST_PROCESSES} more processes")
    return ", ".join(parts)
