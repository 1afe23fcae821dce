"""Device nodes, made where /dev does not have them: a container's /dev is static.

A node is only a name for two numbers: it grants root nothing new, always means the same device, and
may be left behind.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bootwright.errors import DeviceError

PRIVATE = Path("/run/bootwright/dev")


def block(
    name: str, major: int, minor: int, *, dev: Path = Path("/dev"), private_dev: Path = PRIVATE
) -> Path:
    """Return a node of that block device: in /dev, or in a private folder if that is missing."""
    return _node(name, stat.S_IFBLK, os.makedev(major, minor), dev, private_dev)


def character(
    name: str, major: int, minor: int, *, dev: Path = Path("/dev"), private_dev: Path = PRIVATE
) -> Path:
    """Return a node of that character device, as `block` does."""
    return _node(name, stat.S_IFCHR, os.makedev(major, minor), dev, private_dev)


def _node(name: str, kind: int, device: int, dev: Path, private_dev: Path) -> Path:
    usual, private = dev / name, private_dev / name.replace("/", "-")
    for path in (usual, private):
        if _is_node(path, kind, device):
            return path
    numbers = f"{os.major(device)} {os.minor(device)}"
    letter = "b" if kind == stat.S_IFBLK else "c"
    made = private.with_name(f".{private.name}.{os.getpid()}")
    try:
        private_dev.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.mknod(made, kind | 0o600, device)
        made.rename(private)  # two processes may do this at once; both nodes are right
    except OSError as error:
        raise DeviceError(
            f"{usual} is missing, and {private} cannot be made: {error.strerror}",
            hint=f"make it from outside the container: mknod {usual} {letter} {numbers}, "
            "or pass the host's /dev to the container",
        ) from error
    return private


def _is_node(path: Path, kind: int, device: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_IFMT(found.st_mode) == kind and found.st_rdev == device
