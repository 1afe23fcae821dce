"""The host's memory, as far as this process may use it."""

from __future__ import annotations

from pathlib import Path

from bootwright.errors import HostError
from bootwright.host import cgroup
from bootwright.values import dataclass

MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Total memory, and what is available without swapping."""

    total_bytes: int
    available_bytes: int


def read(
    *,
    meminfo: Path = MEMINFO,
    membership: Path = cgroup.MEMBERSHIP,
    cgroup_root: Path = cgroup.ROOT,
) -> Memory:
    """Return the host's memory, or less where a cgroup of this process allows less.

    What a cgroup holds in file content that nobody has used of late counts as available, as it does
    for the host.

    Raises:
        HostError: *meminfo* cannot be read, or lacks a field.

    Source: proc(5), MemTotal and MemAvailable; Documentation/admin-guide/cgroup-v2.rst, memory.max,
    memory.current and memory.stat.
    """
    try:
        total = _field(meminfo, "MemTotal")
        available = _field(meminfo, "MemAvailable")
    except OSError as error:
        raise HostError(
            f"cannot read {meminfo}: {error.strerror}", hint="mount -t proc proc /proc"
        ) from error
    for folder in cgroup.own_folders(membership, cgroup_root):
        limit = cgroup.value(folder, "memory.max")
        if limit is not None:
            used = cgroup.value(folder, "memory.current") or 0
            free = limit - used + cgroup.reclaimable_bytes(folder)
            total = min(total, limit)
            available = min(available, max(0, free))
    return Memory(total_bytes=total, available_bytes=min(available, total))


def _field(meminfo: Path, name: str) -> int:
    for line in meminfo.read_text().splitlines():
        words = line.split()
        if words[:1] == [f"{name}:"] and len(words) > 1 and words[1].isdecimal():
            return int(words[1]) * 1024  # the file says kB and means KiB
    raise HostError(
        f"{meminfo} has no {name}",
        hint="bootwright needs Linux 3.14 or later, and the kernel's own /proc",
    )
