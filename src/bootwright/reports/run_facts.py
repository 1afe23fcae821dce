"""What pages of measurements say of where, when and how they were taken, and what failed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import escape

from bootwright.experiments.results import Experiment, TrendPoint

_SHOWN = 20


def moment(time_s: float) -> str:
    """Return a moment as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_s))


def kernel_fact(digest: str, releases: Mapping[str, str]) -> str:
    """Return a kernel's release; of one that is no longer stored, its digest's first digits."""
    return releases.get(digest) or digest.removeprefix("sha256-")[:12] or "not known"


def host_text(taken: Experiment | TrendPoint) -> str:
    """Return the host of a measurement in one line: its CPUs and its kernel."""
    host = taken.host
    virtual = ", itself a VM" if host.is_virtual else ""
    cpus = f"{host.cpus} x " if host.cpus else ""
    kernel = f", Linux {host.kernel}" if host.kernel else ""
    return f"{cpus}{host.cpu or 'unknown CPU'}{virtual}{kernel}"


def host_fact(result: Experiment) -> str:
    """Return the host, and how busy it was where that matters."""
    load = result.host.load
    busy = "" if load is None or result.clock == "virtual" else f", load {load:.1f}"
    return host_text(result) + busy


def clock_fact(result: Experiment) -> str:
    """Return the clock of a measurement in words."""
    if result.clock == "virtual":
        return "virtual, 1 ns per instruction on any host"
    return "wall"


def of_both(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of two boots as one; those that differ have both values."""
    return {
        name: a.get(name, "not known")
        if a.get(name) == b.get(name)
        else f"{a.get(name) or 'not known'} → {b.get(name) or 'not known'}"
        for name in {**a, **b}
    }


def failures(result: Experiment) -> str:
    """Return a list of the boots that failed, as HTML; empty where none did."""
    if not result.failed:
        return ""
    items = "".join(
        f"<li>boot {failed.boot} of {failed.side}: {escape(failed.reason)}</li>"
        for failed in result.failed[:_SHOWN]
    )
    more = len(result.failed) - _SHOWN
    rest = f"<p>{more} more failed.</p>" if more > 0 else ""
    return f'<section class="card"><h2>Failed boots</h2><ol>{items}</ol>{rest}</section>\n'
