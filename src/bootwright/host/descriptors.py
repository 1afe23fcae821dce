"""Checking and raising the limit of open files."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from bootwright.errors import HostError

FILE_NR = Path("/proc/sys/fs/file-nr")

# How much of the system-wide table to leave for other processes.
_LEFT_OVER = 256


def opened() -> int:
    """Return how many file descriptors this process has. Source: proc(5), /proc/PID/fd."""
    return len(os.listdir("/proc/self/fd")) - 1  # listing the folder takes one


def system_wide(file_nr: Path = FILE_NR) -> tuple[int, int]:
    """Return how many files are open on the whole host, and how many can be.

    Source: proc(5), /proc/sys/fs/file-nr; its second number has been 0 since Linux 2.6.
    """
    allocated, unused, most = map(int, file_nr.read_text().split())
    return allocated - unused, most


def require(needed: int, *, file_nr: Path = FILE_NR) -> None:
    """Ensure that this process can open *needed* more file descriptors.

    Where its soft limit (RLIMIT_NOFILE) is too low for that, it is raised, for this process and its
    later children, by as much as is needed and never above the hard limit. No further: some
    programs close every number up to their limit when they start, one by one.

    Raises:
        HostError: the hard limit is too low, or the system-wide table is nearly full.
    """
    _require_of_the_system(needed, file_nr)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    now = opened()
    wanted = now + needed
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise HostError(
            f"cannot open {needed} more files: this process has {now} open "
            f"and its hard limit is {hard}",
            hint=f"raise it: ulimit -n {wanted} (as root), "
            f"or LimitNOFILE={wanted} in its systemd unit",
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:  # above /proc/sys/fs/nr_open
        raise HostError(
            f"cannot raise the limit of open files from {soft} to {wanted}: {error}",
            hint="raise sysctl fs.nr_open",
        ) from error


def _require_of_the_system(needed: int, file_nr: Path) -> None:
    try:
        now, most = system_wide(file_nr)
    except OSError:
        return  # a container without this file; the kernel will tell
    if now + needed + _LEFT_OVER > most:
        raise HostError(
            f"cannot open {needed} more files: {now} of the host's {most} are open",
            hint=f"end processes that hold files open, or as root: sysctl fs.file-max={2 * most}",
        )
