"""Checks of resource limits: open files, processes, cgroups."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

from bootwright.doctor.check import Check
from bootwright.host import cgroup, descriptors
from bootwright.reports.text import size

# Far above what one monitor or one VMM opens.
_FEW_FILES = 256
# A machine is a monitor, a VMM with a handful of threads, and an ssh.
_FEW_PROCESSES = 500
# The kernel's "no limit" is the largest number that it can store.
_UNLIMITED = 1 << 62


def open_files(limits: tuple[int, int] | None = None) -> Iterator[Check]:
    """Check how many files a process may open.

    Args:
        limits: The soft and the hard limit; default: those of this process.
    """
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    few = hard != resource.RLIM_INFINITY and hard < _FEW_FILES
    yield Check(
        area="host",
        name="open files",
        state="warning" if few else "ok",
        text=f"{_number(soft)} per process"
        + (f", can be raised to {_number(hard)}" if soft != hard else ""),
        hint="raise it: ulimit -n 1024 (as root), or LimitNOFILE= in the systemd unit"
        if few
        else "",
    )


def processes(limits: tuple[int, int] | None = None) -> Iterator[Check]:
    """Warn if the user may run only a few processes.

    Source: getrlimit(2): RLIMIT_NPROC counts the threads of all of a user's processes.
    """
    soft, _ = limits or resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and soft < _FEW_PROCESSES:
        yield Check(
            area="host",
            name="processes",
            state="warning",
            text=f"limited to {soft} processes and threads; each machine needs about ten",
            hint="raise it: ulimit -u 4096",
        )


def files_of_the_system(file_nr: Path = descriptors.FILE_NR) -> Iterator[Check]:
    """Check whether the host is running out of open files."""
    now, most = descriptors.system_wide(file_nr)
    full = now > most * 9 // 10
    yield Check(
        area="host",
        name="open files",
        state="warning" if full else "ok",
        text=f"{now} of {most} in use on the whole host"
        if most < _UNLIMITED
        else f"{now} in use on the whole host; no limit",
        hint=f"raise the limit: sudo sysctl fs.file-max={2 * most}" if full else "",
    )


def cgroups(
    cpus: int, membership: Path = cgroup.MEMBERSHIP, root: Path = cgroup.ROOT
) -> Iterator[Check]:
    """Report limits on memory and CPU time that a cgroup sets for this process.

    Args:
        cpus: How many CPUs this process may run on.

    Source: Documentation/admin-guide/cgroup-v2.rst, memory.max (the OOM killer) and cpu.max.
    """
    folders = cgroup.own_folders(membership, root)
    limits = [limit for f in folders if (limit := cgroup.value(f, "memory.max")) is not None]
    quotas = [quota for f in folders if (quota := cgroup.cpus(f)) is not None]
    if limits:
        yield Check(
            area="host",
            name="cgroup",
            state="note",
            text=f"memory limited to {size(min(limits))} (memory.max): "
            "machines that exceed it are killed",
        )
    if quotas and min(quotas) < cpus:
        yield Check(
            area="host",
            name="cgroup",
            state="note",
            text=f"CPU time limited to {min(quotas):.2g} of {cpus} CPUs (cpu.max): "
            "boots take longer",
        )


def _number(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
