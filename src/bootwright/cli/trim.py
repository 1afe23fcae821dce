"""bootwright trim ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bootwright.cli import names, screen
from bootwright.digest import short_digest
from bootwright.home import locate_home
from bootwright.trims import store
from bootwright.trims.store import DamagedTrim, StoredTrim

if TYPE_CHECKING:
    from bootwright.trims.trim import Trim
    from bootwright.trims.trimming import MadeTrim

_WIDTH = 100
_UNIT_WIDTH = 44


class _ImageOrCommand(click.Group):
    """Takes a first word that is none of its commands as an image: ``trim web`` makes a trim."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["make", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Options before the image belong to `make` too: trim --dry-run web.
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["make", *args]
        return super().parse_args(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        found = super().shell_complete(ctx, incomplete)
        known = names.images(ctx, click.Argument(["image"]), incomplete)
        return [*found, *(click.shell_completion.CompletionItem(name) for name in known)]


@click.group(
    "trim",
    cls=_ImageOrCommand,
    subcommand_metavar="IMAGE [OPTIONS] | COMMAND [ARGS]...",
    epilog="""\b
Examples:
  bootwright trim web --dry-run
  bootwright trim web --keep cron --keep 'systemd-timesyncd*' --name small
  bootwright trim web --keep-only ssh --name least
  bootwright trim show web
An image that is called like a command: bootwright trim make list
""",
)
def command() -> None:
    """Make an image boot faster by masking systemd units it does not need.

    bootwright trim IMAGE reads the image's units, works out what the units to keep need, and writes
    down the rest as a trim: a small file that says what is masked and why. The image is not
    changed; deleting the trim undoes it.
    """


@command.command(epilog="Example: bootwright trim make web --keep cron --dry-run")
@click.argument("image", shell_complete=names.images)
@click.option(
    "--keep",
    multiple=True,
    metavar="UNIT",
    help="Also keep this unit, or a glob of them (may be repeated); nginx is nginx.service.",
)
@click.option(
    "--keep-only",
    multiple=True,
    metavar="UNIT",
    help="Keep this unit instead of those that are kept by default (may be repeated).",
)
@click.option("--name", metavar="NAME", help="Name of the trim; default: the image's name.")
@click.option("--dry-run", is_flag=True, help="Show what would be masked, and write nothing.")
@names.REPLACE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def make(
    image: str,
    keep: tuple[str, ...],
    keep_only: tuple[str, ...],
    name: str | None,
    dry_run: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Make a trim of IMAGE; show what it masks, what it keeps, and why.

    It keeps the SSH server, the journal and a few more, the services of packages that the image was
    built to --include, and what all these need.
    """
    from bootwright.trims import trimming

    made = trimming.trim(
        locate_home(),
        image,
        keep=keep,
        keep_only=keep_only or None,
        name=name,
        save=not dry_run,
        replace=replace,
    )
    if as_json:
        screen.print_json(made)
        return
    click.echo("\n".join(_lines(made)))
    for note in made.notes:
        screen.say(f"note: {note}")
    if dry_run:
        screen.say("nothing was written (--dry-run)")
    else:
        how = "written" if made.is_new else "was there already"
        screen.say(f"trim {made.name}: {how} ({made.path})")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> int:
    """List trims."""
    found = store.every(locate_home())
    status = 1 if any(isinstance(trim, DamagedTrim) for trim in found) else 0
    if as_json:
        screen.print_json(found)
    elif found:
        rows = [_row(trim) for trim in found]
        click.echo(screen.table(["NAME", "IMAGE", "MASKS", "GENERATORS"], rows))
    else:
        screen.say("no trims; make one: bootwright trim IMAGE")
    return status


def _row(trim: StoredTrim | DamagedTrim) -> list[str]:
    if isinstance(trim, DamagedTrim):
        return [trim.name, "damaged", f"bootwright trim show {trim.name} says more", ""]
    return [trim.name, short_digest(trim.image), str(len(trim.masks)), str(len(trim.generators))]


@command.command()
@click.argument("name", shell_complete=names.trims)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show what trim NAME leaves out, and why."""
    trim = store.stored(locate_home(), name)
    if as_json:
        screen.print_json(trim)
        return
    click.echo(f"trim {trim.name} of image {short_digest(trim.image)}, in {trim.path}")
    click.echo("\n".join(_wrapped("keep", trim.keep)))
    click.echo("\n".join(_goes_lines(trim)))


@command.command()
@click.argument("a", shell_complete=names.trims)
@click.argument("b", shell_complete=names.trims)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(a: str, b: str, as_json: bool) -> None:
    """Show what only trim A masks (-), and what only B masks (+)."""
    found = store.diff(locate_home(), a, b)
    if as_json:
        screen.print_json(found)
        return
    for key in sorted({*found.only_a, *found.only_b}):
        for sign, side in (("-", found.only_a), ("+", found.only_b)):
            if key in side:
                click.echo(f"{sign} {key}")
    if not found.only_a and not found.only_b:
        screen.say(f"{a} and {b} do not differ")


@command.command(epilog="Example: bootwright trim apply web diary --name web-small")
@click.argument("image", shell_complete=names.images)
@click.argument("trim", shell_complete=names.trims)
@click.option("--name", metavar="NEW", required=True, help="Name of the new image.")
@names.REPLACE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def apply(image: str, trim: str, name: str, replace: bool, as_json: bool) -> None:
    """Make a new image: a copy of IMAGE with TRIM in its /etc. IMAGE is not changed."""
    from bootwright.trims import trimming

    new = trimming.apply(locate_home(), image, trim, name=name, replace=replace)
    if as_json:
        screen.print_json(new)
        return
    for note in new.notes:
        screen.say(f"note: {note}")
    screen.say(f"image {name}: {image} with trim {trim} ({short_digest(new.digest)})")


@command.command()
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.trims)
def rm(names_: tuple[str, ...]) -> None:
    """Remove trims; if there is none of one NAME, remove none."""
    store.remove(locate_home(), *names_)
    for name in dict.fromkeys(names_):
        screen.say(f"trim {name}: removed")


def _lines(made: MadeTrim) -> list[str]:
    kept = _grouped({unit.unit: unit.reason for unit in made.kept_units})
    return [
        *_goes_lines(made),
        f"stays ({len(made.kept_units)}), besides targets, slices and devices:",
        *kept,
    ]


def _goes_lines(trim: Trim) -> list[str]:
    lines = [f"goes ({len(trim.masks)}):"]
    lines += _grouped({mask.unit: mask.reason for mask in trim.masks})
    if trim.generators:
        lines.append(f"generators that do not run ({len(trim.generators)}):")
        lines += _grouped({gone.path.rpartition("/")[2]: gone.reason for gone in trim.generators})
    if trim.drop_ins:
        lines.append(f"changes ({len(trim.drop_ins)}):")
        lines += _grouped({change.path: change.reason for change in trim.drop_ins})
    return lines


def _grouped(reasons: dict[str, str]) -> list[str]:
    """Return units under their reasons; where all differ, each with its own."""
    groups: dict[str, list[str]] = {}
    for unit, reason in reasons.items():
        groups.setdefault(reason, []).append(unit)
    if all(len(units) == 1 for units in groups.values()):
        width = min(_UNIT_WIDTH, max(map(len, reasons), default=0))
        return [f"  {unit:<{width}}  {reason}" for unit, reason in reasons.items()]
    lines = []
    for reason, units in groups.items():
        lines.append(f"  {reason}:")
        lines += _wrapped("  ", units)
    return lines


def _wrapped(head: str, words: list[str] | tuple[str, ...]) -> list[str]:
    """Return *words* in lines of at most 100 columns."""
    import textwrap

    return textwrap.wrap(
        " ".join(words),
        width=_WIDTH,
        initial_indent=f"  {head}" if head.strip() == "" else f"{head}: ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
