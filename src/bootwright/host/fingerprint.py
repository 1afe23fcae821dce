"""A fingerprint of the host: what affects how long a boot takes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bootwright.errors import HostError
from bootwright.host import clock, memory

PROC, SYS = Path("/proc"), Path("/sys")

_FIRST_CPU_BYTES = 4096
"""What is read of /proc/cpuinfo: its first CPU. The kernel makes the text as it is read, and on a
host of many CPUs all of it takes milliseconds."""


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """A host; values that cannot be read, as in many containers, are empty or None.

    It is stored, so fields are only added, each with a default.
    """

    cpu: str = ""
    """The model, as /proc/cpuinfo names it."""
    cpus: int = 0
    """How many of them this process may use."""
    is_virtual: bool | None = None
    """Whether the host is a guest itself."""
    kernel: str = ""
    """``uname -r``."""
    kernel_build: str = ""
    """``uname -v``."""
    mitigations: dict[str, str] = {}
    """By vulnerability, what the host's kernel does about it."""
    governor: str = ""
    """Of the first CPU's frequency; empty where the host's kernel does not set it."""
    load: float | None = None
    """Processes that ran or wanted to, the mean of the last minute: a boot just before counts."""
    memory_bytes: int = 0
    available_bytes: int = 0
    boot_id: str = ""
    """The ID of the host's current boot."""


def read(proc: Path = PROC, sys: Path = SYS) -> Fingerprint:
    """Return this host's fingerprint; takes a millisecond and raises nothing for what is missing.

    Source: proc(5), cpuinfo and loadavg; Documentation/ABI/testing/sysfs-devices-system-cpu,
    vulnerabilities/* and cpufreq.
    """
    system = os.uname()
    usable = os.sched_getaffinity(0)
    cpu = _first_cpu(proc / "cpuinfo")
    try:
        found = memory.read(meminfo=proc / "meminfo")
        total, available = found.total_bytes, found.available_bytes
    except HostError:
        total = available = 0
    try:
        boot_id = clock.boot_id(proc)
    except OSError:
        boot_id = ""
    return Fingerprint(
        cpu=cpu.get("model name", ""),
        cpus=len(usable),
        is_virtual="hypervisor" in cpu["flags"].split() if "flags" in cpu else None,
        kernel=system.release,
        kernel_build=system.version,
        mitigations=_mitigations(sys / "devices/system/cpu/vulnerabilities"),
        governor=_text(sys / f"devices/system/cpu/cpu{min(usable)}/cpufreq/scaling_governor"),
        load=_load(proc / "loadavg"),
        memory_bytes=total,
        available_bytes=available,
        boot_id=boot_id,
    )


def _first_cpu(cpuinfo: Path) -> dict[str, str]:
    try:
        with cpuinfo.open("rb", buffering=0) as file:
            text = (file.read(_FIRST_CPU_BYTES) or b"").decode("ascii", "replace")
    except OSError:
        return {}
    rows = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in rows}


def _mitigations(folder: Path) -> dict[str, str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    return {name: _text(folder / name) for name in names}


def _load(loadavg: Path) -> float | None:
    words = _text(loadavg).split()
    try:
        return float(words[0]) if words else None
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
