"""The host's mounts: filesystem, device and mount point."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount, as one process sees it."""

    device: tuple[int, int]
    """Major and minor number of the filesystem, which is its block device's where it has one."""
    point: Path
    kind: str
    source: str
    read_only: bool
    """Whether the filesystem itself is read-only, not only this mount of it."""
    pid: int = 0
    """A process in its mount namespace; 0 for this process's."""
    groups: frozenset[str] = frozenset()
    """The peer groups that mounts and unmounts reach it from."""


def table(mountinfo: Path = MOUNTINFO, *, pid: int = 0) -> list[Mount]:
    """Return all mounts; none where the file cannot be read.

    Source: proc(5), /proc/PID/mountinfo: spaces in names are written as octal escapes.
    """
    try:
        lines = mountinfo.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []  # a container without /proc, or another user's process
    found = []
    for line in lines:
        before, dash, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if not dash or len(fields) < 6 or len(rest) < 3:
            continue
        major, _, minor = fields[2].partition(":")
        found.append(
            Mount(
                device=(int(major), int(minor)),
                point=Path(_unescaped(fields[4])),
                kind=rest[0],
                source=_unescaped(rest[1]),
                read_only="ro" in rest[2].split(","),
                pid=pid,
                groups=frozenset(
                    field.partition(":")[2]
                    for field in fields[6:]
                    if field.startswith(("shared:", "master:"))
                ),
            )
        )
    return found


def elsewhere(proc: Path = Path("/proc")) -> Iterator[Mount]:
    """Yield the mounts of other mount namespaces that this user may read.

    Namespaces without a process, kept by a descriptor or a bind mount, are not found.

    Source: namespaces(7), mount_namespaces(7).
    """
    try:
        seen = {os.readlink(proc / "self/ns/mnt")}
    except OSError:
        return
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            namespace = os.readlink(entry / "ns/mnt")
        except OSError:
            continue
        if namespace not in seen:
            seen.add(namespace)
            yield from table(entry / "mountinfo", pid=int(entry.name))


def kind(folder: Path, mountinfo: Path = MOUNTINFO) -> str:
    """Return the type of the filesystem that holds *folder*, such as ``ext4``; "" if unknown.

    btrfs gives files other numbers than its mount has.
    """
    device = os.stat(folder).st_dev
    numbers = (os.major(device), os.minor(device))
    return next((mount.kind for mount in table(mountinfo) if mount.device == numbers), "")


def is_network(kind: str) -> bool:
    """Test whether other hosts can write to a filesystem of this type."""
    return kind in _NETWORK or kind.startswith(("fuse.sshfs", "fuse.glusterfs", "fuse.s3"))


def _unescaped(name: str) -> str:
    raw = os.fsencode(name)
    for code in (b"040", b"011", b"012", b"134"):  # the backslash itself comes last
        raw = raw.replace(b"\\" + code, bytes([int(code, 8)]))
    return os.fsdecode(raw)
