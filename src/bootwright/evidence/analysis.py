"""Timelines of boots that are over: just taken, of the history, or of a user's own logs."""

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
    """A boot's timeline, and what is known of the boot."""

    timeline: Timeline
    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """What it was and where it ran, for people."""
    ran: Ran = field(default_factory=Ran)
    """Where, for a comparison; of a boot of the history."""
    evidence: Evidence | None = None
    """What it was worked out from; None: logs that bootwright did not take."""
    boot_id: int | None = None
    """In the history; None: it is not there."""

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """Where its vCPU was, for a flame graph; worked out anew each time."""
        return folded.stacks(self.timeline)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoBoots:
    """Two boots of the history, and how they differ."""

    a: BootTimeline
    b: BootTimeline
    diff: Diff


def of_evidence(evidence: Evidence, *, title: str) -> BootTimeline:
    """Return a boot as today's analysis sees it.

    Raises:
        FormatError: the evidence does not tell when the boot began and ended.
    """
    return BootTimeline(
        timeline=timeline_of(evidence), title=title, facts=_facts(evidence), evidence=evidence
    )


def remembered(
    home: Home, boot: BootTimeline, *, image: str, kernel: str, observe: Observer = ignore
) -> BootTimeline:
    """Store a boot that has just been taken, and return it with its id.

    Args:
        image: As the user gave it; empty for the tiny guest.
        kernel: Likewise.
        observe: Given a notice where it cannot be stored.
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
    """Return a boot of the history, as today's analysis sees it.

    Raises:
        NotFoundError: there is no such boot.
        HostError: the history cannot be read.
        FormatError: it is damaged, or its evidence does not tell when the boot began and ended.
    """
    found = History(home.history).load(boot_id)
    ran = Ran(
        host=f"{found.host.cpu}, Linux {found.host.kernel}",
        accelerator=str(found.evidence.recipe.get("accelerator", "")),
    )
    boot = of_evidence(found.evidence, title=f"{found.row.image or 'tiny'}, boot {boot_id}")
    return replace(boot, facts={**boot.facts, "host": ran.host}, ran=ran, boot_id=boot_id)


def two_boots(home: Home, a: int, b: int) -> TwoBoots:
    """Return two boots of the history side by side; see `stored` for what is raised.

    Raises:
        InputError: they are on different clocks.
    """
    first, second = stored(home, a), stored(home, b)
    found = diff(first.timeline, second.timeline, ran_a=first.ran, ran_b=second.ran)
    return TwoBoots(a=first, b=second, diff=found)


def of_logs(log: Path, units: Path | None = None) -> BootTimeline:
    """Return the boot that a kernel log tells of, whoever booted it.

    Args:
        log: A kernel log of dmesg, journalctl or a console; ``-`` reads standard input.
        units: What ``systemctl show --all '*'``, or ``systemd-analyze dump``, ``plot``,
            ``critical-chain`` or ``blame``, printed.

    Raises:
        InputError: a file cannot be read.
        FormatError: it is not what was asked for; the hint says what to give instead.
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
