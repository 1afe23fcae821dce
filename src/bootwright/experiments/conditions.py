"""What about this host spoils figures, as warnings: values, each with what to do."""

from __future__ import annotations

from pathlib import Path

from bootwright.home import Home
from bootwright.host.fingerprint import PROC, SYS, Fingerprint
from bootwright.machines.folder import all_machines


def warnings(home: Home, host: Fingerprint, *, sys: Path = SYS) -> list[str]:
    """Return what spoils figures of the wall clock before the first boot; the virtual clock does
    not mind.

    Source: Documentation/admin-guide/pm/cpufreq.rst and intel_pstate.rst;
    Documentation/ABI/testing/sysfs-class-power, status.
    """
    found = []
    if host.load is not None and host.cpus and host.load > max(0.3, host.cpus / 4):
        found.append(
            f"the host is busy: load {host.load:.1f} on {host.cpus} CPUs; wait until it is idle"
        )
    if host.governor not in ("", "performance"):
        found.append(
            f"the CPU's frequency governor is {host.governor}; cpupower frequency-set "
            "--governor performance holds it"
        )
    if _text(sys / "devices/system/cpu/intel_pstate/no_turbo") == "0" or (
        _text(sys / "devices/system/cpu/cpufreq/boost") == "1"
    ):
        found.append(
            "turbo is on: the CPU is faster while it is cool; turn it off for steady times"
        )
    supplies = (sys / "class/power_supply").glob("*/status")
    if any(_text(status) == "Discharging" for status in supplies):
        found.append("the host runs on battery; plug it in")
    alive = [machine.name for machine in all_machines(home) if machine.is_alive()]
    if alive:
        names = ", ".join(sorted(alive))
        found.append(f"other machines are running: {names}; stop them with bootwright stop")
    return found


def swapped_pages(proc: Path = PROC) -> int:
    """Return how many pages the host has swapped, in and out, since it was started; 0: not known.

    Source: proc(5), vmstat.
    """
    rows = dict(row.split() for row in _text(proc / "vmstat").splitlines())
    return sum(int(rows.get(name, 0)) for name in ("pswpin", "pswpout"))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
