"""Timelines of finished boots: new ones, recorded ones, or those of a user's logs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.history.history import History
from bootwright.history.remember import remember
from bootwright.home import Home
from bootwright.timelines import folded
from bootwright.timelines.diff import Diff, Ran, diff
from bootwright.timelines.evidence import Evidence
from bootwright.timelines.folded import Stack
from bootwright.timelines.logs import from_logs
from bootwright.timelines.looks import TAKE_LOG, TAKE_UNITS
from bootwright.timelines.outline import timeline_of
from bootwright.timelines.span import Timeline


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
    return replace(boot, boot_id=boot_id)


def stored(home: Home, boot_id: int) -> BootTimeline:
    """Load a recorded boot and analyse it.

    Raises:
        NotFoundError: there is no such boot.
        HostError: the history cannot be read.
        FormatError: it is damaged, or its evidence lacks the boot's begin or end.
    """
    found = History(home.history).load(boot_id)
    ran = Ran(
        host=f"{found.host.cpu}, Linux {found.host.kernel}",
        accelerator=str(found.evidence.recipe.get("accelerator", "")),
    )
    boot = of_evidence(found.evidence, title=f"{found.row.image or 'tiny'}, boot {boot_id}")
    return replace(boot, facts={**boot.facts, "host": ran.host}, ran=ran, boot_id=boot_id)


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
    return BootTimeline(timeline=from_logs(lines, more), title=title, facts={"log": str(log)})


def _read(path: Path, how: str) -> bytes:
    """Read a file, or standard input for ``-``."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint=f"such as: {how}") from error


def _facts(evidence: Evidence) -> dict[str, str]:
    recipe = evidence.recipe
    machine = f"{recipe.get('vmm')} {recipe.get('machine')}, {recipe.get('vcpus')} vCPU"
    return {
        "machine": f"{machine}, {recipe.get('memory_mib')} MiB, {recipe.get('accelerator')}",
        "init": str(recipe.get("init")),
        "command line": " ".join(map(str, _words(recipe.get("cmdline")))),
        "boots": "n = 1, and one more that was instrumented" if evidence.instrumented else "n = 1",
    }


def _words(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()
