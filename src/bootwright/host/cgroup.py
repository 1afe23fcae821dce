"""The cgroups of this process, and their limits.

Only cgroup v2 is read: with v1, which is going away, no limit is seen.

Source: Documentation/admin-guide/cgroup-v2.rst; cgroups(7), /proc/PID/cgroup.
"""

from __future__ import annotations

from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
ROOT = Path("/sys/fs/cgroup")


def own_folders(membership: Path = MEMBERSHIP, root: Path = ROOT) -> list[Path]:
    """Return the folders of this process's cgroup and its ancestors: each may set limits.

    Empty without cgroup v2, or if the cgroup is not visible in this container.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []  # a kernel without cgroups, or a container without this file
    for line in lines:
        if line.startswith("0::/"):
            parts = line.removeprefix("0::/").split("/")
            if ".." in parts:
                return []
            # In a container, the path can be the host's, of which only the root is seen here.
            folders = [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
            return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    return []


def value(folder: Path, name: str) -> int | None:
    """Return the number in one of a cgroup's files; None for ``max``, or where there is no file.

    The root has no such files, nor has a cgroup to which the controller was not given.
    """
    text = _text(folder / name).strip()
    return None if text in ("", "max") else int(text)


def reclaimable_bytes(folder: Path) -> int:
    """Return how much of a cgroup's memory is file content that nobody has used of late."""
    for line in _text(folder / "memory.stat").splitlines():
        name, _, number = line.partition(" ")
        if name == "inactive_file":
            return int(number)
    return 0


def cpus(folder: Path) -> float | None:
    """Return how many CPUs' time a cgroup may use; None where it may use all."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    return None if quota in ("", "max") else int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # also ENODEV: the cgroup was removed while we looked
        return ""
