"""bootwright prune"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import click

from bootwright import home as homes
from bootwright.cli import screen
from bootwright.doctor import prune as prunes
from bootwright.doctor.prunable import Prunable
from bootwright.doctor.prune import Survey
from bootwright.errors import BootwrightError
from bootwright.home import Home
from bootwright.report import text

_PATIENCE_NS = 1_000_000_000
"""What takes longer than this is shown as it goes on."""


@click.command(
    "prune",
    epilog="""\b
Examples:
  bootwright prune
  bootwright prune --all --dry-run
  bootwright prune --yes
""",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also stopped machines with their disks, and images and kernels that no machine uses.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; removes only with --yes.")
def command(everything: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Remove what nobody uses, after saying what.

    That is: images and kernels without a name, what killed commands left behind, guest files of
    older versions, caches, and the consoles of machines that failed.
    Machines that run, and what they use, stay; so does the history (bootwright history prune).
    """
    home = homes.locate()
    found = prunes.survey(home, everything=everything)
    if not as_json:
        _show(found, everything=everything, on_stderr=not dry_run)
    done = _Done()
    if found.items and not dry_run:
        if not yes and not screen.confirmed("Delete these?", as_json=as_json):
            screen.say("nothing was removed")
            return 1
        _remove(home, found.items, done, quiet=as_json)
    if as_json:
        screen.print_json(
            {
                "items": [_row(item) for item in found.items],
                "removed": [item.name for item in done.removed],
                "freed_bytes": done.freed_bytes,
                "notes": [*found.notes, *done.notes],
            }
        )
    elif found.items and not dry_run:
        for note in done.notes:
            screen.say(note)
        screen.say(str(done))
    return 1 if done.has_failed else 0


@dataclass(slots=True)
class _Done:
    """What has been removed so far."""

    removed: list[Prunable] = field(default_factory=list)
    freed_bytes: int = 0
    notes: list[str] = field(default_factory=list)
    has_failed: bool = False

    def __str__(self) -> str:
        things = "1 thing" if len(self.removed) == 1 else f"{len(self.removed)} things"
        return f"removed {things}, freed {text.size(self.freed_bytes)}"


def _show(found: Survey, *, everything: bool, on_stderr: bool) -> None:
    if found.items:
        rows = [
            [item.kind, item.name, text.size(item.used_bytes), item.why] for item in found.items
        ]
        click.echo(screen.table(["KIND", "NAME", "SIZE", "WHY"], rows), err=on_stderr)
        total = sum(item.used_bytes for item in found.items)
        click.echo(f"in all {text.size(total)}", err=on_stderr)
    else:
        more = "" if everything else "; bootwright prune --all --dry-run looks further"
        screen.say(f"there is nothing to remove{more}")
    for note in found.notes:
        screen.say(f"note: {note}")


def _remove(home: Home, items: tuple[Prunable, ...], done: _Done, *, quiet: bool) -> None:
    """Remove *items* one by one; what cannot be removed does not keep the others."""
    began_ns = time.monotonic_ns()
    try:
        with ExitStack() as stack:
            advance = None
            for index, item in enumerate(items):
                if advance is None and time.monotonic_ns() - began_ns > _PATIENCE_NS:
                    advance = stack.enter_context(screen.progress("prune", quiet=quiet))
                if advance is not None:
                    advance(f"{item.kind} {item.name}", index / len(items))
                _remove_one(home, item, done)
    except KeyboardInterrupt:
        screen.say(f"interrupted: {done}")
        raise


def _remove_one(home: Home, item: Prunable, done: _Done) -> None:
    was_there = os.path.lexists(item.path)
    try:
        done.freed_bytes += prunes.free(home, item)
    except (BootwrightError, OSError) as error:
        done.has_failed = True
        done.notes.append(f"{item.kind} {item.name}: not removed: {error}")
        return
    if os.path.lexists(item.path):
        done.notes.append(f"{item.kind} {item.name}: kept, as it is in use now")
    elif was_there:
        done.removed.append(item)


def _row(item: Prunable) -> dict[str, object]:
    return {
        "kind": item.kind,
        "name": item.name,
        "why": item.why,
        "used_bytes": item.used_bytes,
        "path": str(item.path),
    }
