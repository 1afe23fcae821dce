"""Timelines of finished boots: new ones, recorded ones, or those of a user's logs."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.history.history import History
from bootwright.history.remember import began_s, remember
from bootwright.home import Home
from bootwright.host import fingerprint
from bootwright.host.fingerprint import Fingerprint
from bootwright.timelines import folded
from bootwright.timelines.diff import Diff, Ran, diff
from bootwright.timelines.evidence import Evidence
from bootwright.timelines.folded import Stack
from bootwright.timelines.forms import decoded
from bootwright.timelines.logs import from_logs
from bootwright.timelines.looks import TAKE_LOG, TAKE_UNITS
from bootwright.timelines.outline import timeline_of
from bootwright.timelines.span import Timeline

_BANNER = re.compile(r"Linux version (\S+)")
_RTC = re.compile(r"setting system clock to ([0-9-]{10})[ T]([0-9:]{5})")
_DMI = re.compile(r"DMI: ([^\n]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BootTimeline:
    """A boot's timeline and facts about the boot."""

    timeline: Timeline
    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was booted and where, for display."""
    ran: Ran = field(default_factory=Ran)
    """Where it ran, for comparisons; set for recorded boots."""
    evidence: Evidence | None = None
    """Its evidence; None for a user's logs."""
    boot_id: int | None = None
    """Its ID in the history; None if it is not recorded."""

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """Where its vCPU was, for a flame graph; computed at each access."""
        return folded.stacks(self.timeline)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoBoots:
    """Two recorded boots, and how they differ."""

    a: BootTimeline
    b: BootTimeline
    diff: Diff


def of_evidence(evidence: Evidence, *, title: str) -> BootTimeline:
    """Analyse a boot's evidence.

    Raises:
        FormatError: the evidence lacks the boot's begin or end.
    """
    return BootTimeline(
        timeline=timeline_of(evidence), title=title, facts=_facts(evidence), evidence=evidence
    )


def remembered(
    home: Home, boot: BootTimeline, *, image: str, kernel: str, observe: Observer = ignore
) -> BootTimeline:
    """Record a boot in the history, and return it with its ID.

    Args:
        image: As the user gave it; empty for the tiny guest.
        kernel: Likewise.
        observe: Receives a notice if it cannot be recorded.
    """
    assert boot.evidence is not None, "only evidence can be stored"
    boot_id = remember(
        home,
        boot.evidence,
        command="timeline",
        image=image,
        kernel=kernel,
        timeline=boot.timeline,
        observe=observe,
    )
    return replace(_placed(boot, began_s(boot.evidence), fingerprint.read()), boot_id=boot_id)


def stored(home: Home, boot_id: int) -> BootTimeline:
    """Load a recorded boot and analyse it.

    Raises:
        NotFoundError: there is no such boot.
        HostError: the history cannot be read.
        FormatError: it is damaged, or its evidence lacks the boot's begin or end.
    """
    found = History(home.history).load(boot_id)
    ran = Ran(
        host=_host_text(found.host),
        accelerator=str(found.evidence.recipe.get("accelerator", "")),
    )
    boot = of_evidence(found.evidence, title=f"{found.row.image or 'tiny'}, boot {boot_id}")
    return replace(_placed(boot, found.row.began_s, found.host), ran=ran, boot_id=boot_id)


def two_boots(home: Home, a: int, b: int) -> TwoBoots:
    """Load two recorded boots and compare them; raises as `stored` does.

    Raises:
        InputError: they are on different clocks.
    """
    first, second = stored(home, a), stored(home, b)
    found = diff(first.timeline, second.timeline, ran_a=first.ran, ran_b=second.ran)
    return TwoBoots(a=first, b=second, diff=found)


def of_logs(log: Path, units: Path | None = None) -> BootTimeline:
    """Analyse a kernel log, from any machine.

    Args:
        log: A kernel log of dmesg, journalctl or a console; ``-`` reads standard input.
        units: What ``systemctl show --all '*'``, or ``systemd-analyze dump``, ``plot``,
            ``critical-chain`` or ``blame``, printed.

    Raises:
        InputError: a file cannot be read.
        FormatError: it has another format; the hint says which is expected.
    """
    lines = _read(log, TAKE_LOG)
    more = None if units is None else _read(units, TAKE_UNITS)
    title = "a log" if str(log) == "-" else log.name
    timeline = from_logs(lines, more)
    facts = {"log": str(log), **_log_facts(lines)}
    return BootTimeline(timeline=timeline, title=title, facts=facts)


def _read(path: Path, how: str) -> bytes:
    """Read a file, or standard input for ``-``."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint=f"such as: {how}") from error


def _placed(boot: BootTimeline, began_s: float, host: Fingerprint) -> BootTimeline:
    """Return a boot with the facts of when and where it ran."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(began_s))
    return replace(boot, facts={"date": when, "host": _host_text(host), **boot.facts})


def _host_text(host: Fingerprint) -> str:
    return f"{host.cpu or 'unknown CPU'}, Linux {host.kernel}"


def _kernel(log: str) -> dict[str, str]:
    """Return the kernel that a log names, as a fact; empty where it names none.

    Source: linux_banner in init/version-timestamp.c.
    """
    found = _BANNER.search(log)
    return {"kernel": found[1]} if found else {}


def _log_facts(log: bytes) -> dict[str, str]:
    """Return what a log says of its machine: when it booted, on what, which kernel.

    Source: rtc_hctosys() in drivers/rtc/class.c; dmi_scan_machine() in drivers/firmware/dmi_scan.c.
    """
    text = decoded(log)
    clock, machine = _RTC.search(text), _DMI.search(text)
    facts = {"date": " ".join(clock.groups())} if clock else {}
    if machine:
        facts["host"] = machine[1]
    return {**facts, **_kernel(text), "boots": "n = 1"}


def _facts(evidence: Evidence) -> dict[str, str]:
    recipe = evidence.recipe
    machine = f"{recipe.get('vmm')} {recipe.get('machine_type')}, {recipe.get('vcpus')} vCPU"
    return {
        **_kernel(evidence.clean.kernel_log),
        "machine": f"{machine}, {recipe.get('memory_mib')} MiB, {recipe.get('accelerator')}",
        "init": str(recipe.get("init")),
        "command line": " ".join(map(str, _words(recipe.get("cmdline")))),
        "boots": "n = 1, and one more that was instrumented" if evidence.instrumented else "n = 1",
    }


def _words(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()
