"""What kind of filesystem a folder is on."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs")
)


def kind(folder: Path, mountinfo: Path = MOUNTINFO) -> str:
    """Return the type of the filesystem that holds *folder*, such as ``ext4``; "" if unknown.

    Source: proc(5), /proc/PID/mountinfo: the third field is the device's numbers, the first field
    behind the lone dash is the type. btrfs gives files other numbers than its mount has.
    """
    device = os.stat(folder).st_dev
    numbers = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = mountinfo.read_text().splitlines()
    except OSError:
        return ""  # a container without /proc
    for line in lines:
        fields, _, rest = line.partition(" - ")
        if fields.split()[2:3] == [numbers] and rest:
            return rest.split()[0]
    return ""


def is_network(kind: str) -> bool:
    """Say whether other hosts can write to a filesystem of this type at the same time."""
    return kind in _NETWORK or kind.startswith(("fuse.sshfs", "fuse.glusterfs", "fuse.s3"))
