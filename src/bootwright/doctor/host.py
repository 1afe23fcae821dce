"""Checks of this host. They boot nothing and change nothing."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator

import bootwright
from bootwright.defaults import kvm_trial
from bootwright.defaults.complete import DEFAULT_MEMORY_MIB
from bootwright.doctor import devices, disksupport, limits, programs, storage
from bootwright.doctor.check import Check, run_check
from bootwright.errors import HostError
from bootwright.home import Home
from bootwright.host import clock, kvm, memory
from bootwright.host.memory import Memory
from bootwright.recipes.recipe import MIB
from bootwright.reports.text import size
from bootwright.vmms.table import VMMS

Fact = Callable[[], Iterable[Check]]


def examine(home: Home) -> list[Check]:
    """Check everything that bootwright needs from this host; takes well under a second.

    Errors become checks and are never raised.
    """
    usable = os.sched_getaffinity(0)
    facts: list[tuple[str, Fact]] = [
        ("versions", versions),
        ("CPUs", lambda: cpus(len(usable), os.cpu_count() or len(usable))),
        ("memory", lambda: enough_memory(memory.read())),
        ("KVM", lambda: _kvm(home)),
        ("disk space", lambda: storage.space(home)),
        ("open files", limits.open_files),
        ("open files", limits.files_of_the_system),
        ("processes", limits.processes),
        ("cgroup", lambda: limits.cgroups(len(usable))),
        ("user namespaces", devices.user_namespaces),
        *((device.name, device.opens) for device in devices.DEVICES),
        ("loop devices", lambda: disksupport.loops(platform.release())),
        ("mounted devices", disksupport.mounted_writes),
        ("reflink", lambda: disksupport.reflink(home)),
        ("programs", programs.examine),
    ]
    found = [check for name, fact in facts for check in run_check(name, fact)]
    for name, folder in storage.folders(home).items():
        found += storage.writable(name, folder)
    return found + run_check("keys", lambda: storage.keys(home), area="bootwright")


def versions() -> Iterator[Check]:
    """Report the versions that a bug report needs."""
    system = platform.uname()
    for name, text in (
        ("bootwright", bootwright.__version__),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("kernel", f"{system.system} {system.release} {system.machine}"),
    ):
        yield Check(area="host", name=name, state="ok", text=text)


def cpus(usable: int, total: int) -> Iterator[Check]:
    """Report how many CPUs machines can use.

    Args:
        usable: How many this process may run on.
        total: How many the host has.
    """
    text = f"{usable}" if usable == total else f"{usable} of {total} (limited by CPU affinity)"
    yield Check(area="host", name="CPUs", state="ok", text=text)


def enough_memory(found: Memory) -> Iterator[Check]:
    """Check that a machine of the default size has enough memory."""
    enough = found.available_bytes >= DEFAULT_MEMORY_MIB * MIB
    text = f"{size(found.available_bytes)} of {size(found.total_bytes)} available"
    yield Check(
        area="host",
        name="memory",
        state="ok" if enough else "warning",
        text=text if enough else f"{text}; a machine gets {DEFAULT_MEMORY_MIB} MiB by default",
        hint="" if enough else "stop other programs, or give machines less: --memory 128M",
    )


def _kvm(home: Home) -> Iterator[Check]:
    vmm = VMMS["qemu"]
    try:
        now = kvm_trial.circumstances(vmm, vmm.build())
    except HostError:  # `programs` reports that it is missing
        now = kvm_trial.TrialResults(boot_id=clock.boot_id(), kvm=kvm.identity())
    yield from devices.kvm_works(kvm_trial.recall(home), now, kvm_trial.trial_file(home))
