"""bootwright prune"""

from __future__ import annotations

import click

from bootwright.cli import screen
from bootwright.events import Event
from bootwright.home import Home, locate_home
from bootwright.pruning.prune import Pruned, PruneList, Removed, find_prunable, remove
from bootwright.reports import text

_PATIENCE_S = 1.0
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
    help="Also remove stopped machines with their disks, and images and kernels not in use.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; removes only with --yes.")
def command(everything: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Remove unused files and machines, after listing them.

    That is: images and kernels without a name, what killed commands left behind, guest files of
    older versions, caches, and the consoles of machines that failed.
    Machines that run, and what they use, stay; so does the history (bootwright history prune).
    """
    home = locate_home()
    found = find_prunable(home, everything=everything)
    if not as_json:
        _show(found, everything=everything, on_stderr=not dry_run)
    done = Pruned(items=found.items, notes=found.notes)
    if found.items and not dry_run:
        if not yes and not screen.confirmed("Delete these?", as_json=as_json):
            screen.say("nothing was removed")
            return 1
        done = _remove(home, found, quiet=as_json)
    if as_json:
        screen.print_json(done)
    elif found.items and not dry_run:
        for note in done.notes[len(found.notes) :]:
            screen.say(note)
        screen.say(_summary(len(done.removed), done.freed_bytes))
    return 1 if done.failed else 0


def _show(found: PruneList, *, everything: bool, on_stderr: bool) -> None:
    if found.items:
        rows = [
            [item.kind, item.name, text.size(item.used_bytes), item.why] for item in found.items
        ]
        click.echo(screen.table(["KIND", "NAME", "SIZE", "WHY"], rows), err=on_stderr)
        total = sum(item.used_bytes for item in found.items)
        click.echo(f"in all {text.size(total)}", err=on_stderr)
    else:
        more = "" if everything else "; bootwright prune --all --dry-run looks further"
        screen.say(f"nothing to remove{more}")
    for note in found.notes:
        screen.say(f"note: {note}")


def _remove(home: Home, found: PruneList, *, quiet: bool) -> Pruned:
    """Remove what was found; an interrupt says how far it came."""
    removed: list[Removed] = []
    try:
        with screen.observer("prune", quiet=quiet, patience_s=_PATIENCE_S) as show:

            def observe(event: Event) -> None:
                if isinstance(event, Removed):
                    removed.append(event)
                show(event)

            return remove(home, found, observe)
    except KeyboardInterrupt as interrupt:
        freed_bytes = sum(event.freed_bytes for event in removed)
        interrupt.add_note(_summary(len(removed), freed_bytes))
        raise


def _summary(count: int, freed_bytes: int) -> str:
    things = "1 thing" if count == 1 else f"{count} things"
    return f"removed {things}, freed {text.size(freed_bytes)}"
