"""What is shown of a boot, and the files that it is written to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from bootwright.cli import screen
from bootwright.errors import HostError
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.report import text
from bootwright.timeline import folded
from bootwright.timeline.diff import Ran
from bootwright.timeline.evidence import Evidence
from bootwright.timeline.folded import Stack
from bootwright.timeline.looks import further_looks
from bootwright.timeline.outline import timeline_of
from bootwright.timeline.span import ROOT, Timeline

JSON_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One boot, as it is shown."""

    timeline: Timeline
    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """What it was and where it ran, for people."""
    ran: Ran = field(default_factory=Ran)
    """Where, for a comparison; of a boot of the history."""

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """Where its vCPU was, for a flame graph; worked out anew each time."""
        return folded.stacks(self.timeline)


def of_evidence(evidence: Evidence, *, title: str) -> Shown:
    """Return a boot as today's analysis sees it.

    Raises:
        FormatError: the evidence does not tell when the boot began and ended.
    """
    return Shown(timeline=timeline_of(evidence), title=title, facts=_facts(evidence))


def of_stored(home: Home, boot_id: int) -> Shown:
    """Return a boot of the history.

    Raises:
        NotFoundError: there is no such boot.
        HostError: the history cannot be read.
    """
    stored = History(home.history).load(boot_id)
    row = stored.row
    title = f"{row.image or 'tiny'}, boot {boot_id}"
    ran = Ran(
        host=f"{stored.host.cpu}, Linux {stored.host.kernel}",
        accelerator=str(stored.evidence.recipe.get("accelerator", "")),
    )
    shown = of_evidence(stored.evidence, title=title)
    return replace(shown, facts={**shown.facts, "host": ran.host}, ran=ran)


def write(shown: Shown, options: Mapping[str, Any]) -> None:
    """Write the files that were asked for.

    Raises:
        HostError: one cannot be written.
    """
    makers: dict[str, Callable[[Shown], str | bytes]] = {
        "html": _html,
        "svg": _svg,
        "perfetto": _perfetto,
        "folded": _folded,
    }
    for key, make in makers.items():
        path: Path | None = options[key]
        if path is None:
            continue
        content = make(shown)
        if not content:  # only samples may be none
            screen.say(f"note: {path} was not written: nobody looked where this boot's vCPU was")
            continue
        write_file(path, content.encode() if isinstance(content, str) else content)


def write_file(path: Path, content: bytes) -> None:
    """Write a file, and say so.

    Raises:
        HostError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise HostError(f"cannot write {path}: {error.strerror}") from error
    screen.say(f"{path}: written ({text.size(len(content))})")


def show(shown: Shown, *, as_json: bool) -> None:
    """Print a timeline on stdout."""
    timeline = shown.timeline
    if not as_json:
        from bootwright.report import timeline as report

        click.echo(report.text(timeline, color=sys.stdout.isatty()))
        return
    screen.print_json(
        {
            "version": JSON_VERSION,
            "clock": timeline.clock,
            "total_ns": timeline.total_ns,
            "unaccounted_ns": timeline.unaccounted_ns()[ROOT],
            "clock_error_ns": timeline.clock_error_ns,
            "overhead_ns": timeline.overhead_ns,
            "warnings": timeline.warnings,
            "hints": further_looks(timeline),
            "silences": timeline.silences,
            "accesses": timeline.accesses,
            "spans": timeline.spans,
        }
    )


def _facts(evidence: Evidence) -> dict[str, str]:
    recipe = evidence.recipe
    machine = f"{recipe.get('vmm')} {recipe.get('machine')}, {recipe.get('vcpus')} vCPU"
    return {
        "machine": f"{machine}, {recipe.get('memory_mib')} MiB, {recipe.get('accelerator')}",
        "init": str(recipe.get("init")),
        "command line": " ".join(map(str, _words(recipe.get("cmdline")))),
        "boots": "n = 1, and one more that was watched" if evidence.instrumented else "n = 1",
    }


def _words(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()


def _html(shown: Shown) -> str:
    from bootwright.report.page import page

    return page(shown.timeline, title=shown.title, facts=shown.facts, flame=shown.stacks)


def _svg(shown: Shown) -> str:
    from bootwright.report.svg import svg

    return svg(shown.timeline, title=shown.title)


def _perfetto(shown: Shown) -> bytes:
    from bootwright.report.perfetto import trace

    return trace(shown.timeline, title=shown.title)


def _folded(shown: Shown) -> str:
    return folded.text(shown.stacks)
