"""Device nodes, also where /dev lacks them: containers have a /dev that does not grow.

A node made by us is only a name for two numbers: it grants root nothing that root does not have,
means the same device for ever, and may be left behind.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bootwright.errors import DeviceError

OWN = Path("/run/bootwright/dev")


def block(name: str, major: int, minor: int, *, dev: Path = Path("/dev"), own: Path = OWN) -> Path:
    """Return a node of that block device: /dev's, or one of our own where that is missing."""
    return _node(name, stat.S_IFBLK, os.makedev(major, minor), dev, own)


def character(
    name: str, major: int, minor: int, *, dev: Path = Path("/dev"), own: Path = OWN
) -> Path:
    """Return a node of that character device, as `block` does."""
    return _node(name, stat.S_IFCHR, os.makedev(major, minor), dev, own)


def _node(name: str, kind: int, device: int, dev: Path, own: Path) -> Path:
    usual, private = dev / name, own / name.replace("/", "-")
    for path in (usual, private):
        if _is_node(path, kind, device):
            return path
    numbers = f"{os.major(device)} {os.minor(device)}"
    letter = "b" if kind == stat.S_IFBLK else "c"
    made = private.with_name(f".{private.name}.{os.getpid()}")
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.mknod(made, kind | 0o600, device)
        made.rename(private)  # two of us may do this at once, and both are right
    except OSError as error:
        raise DeviceError(
            f"there is no {usual}, and {private} cannot be made: {error.strerror}",
            hint=f"make it from outside the container: mknod {usual} {letter} {numbers}, "
            "or give the container the host's /dev",
        ) from error
    return private


def _is_node(path: Path, kind: int, device: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_IFMT(found.st_mode) == kind and found.st_rdev == device
