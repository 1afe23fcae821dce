"""bootwright trim ..."""

from __future__ import annotations

from typing import Any

import click

from bootwright import home as homes
from bootwright.cli import names, screen
from bootwright.digest import short
from bootwright.errors import BootwrightError, InputError
from bootwright.inits import trims
from bootwright.inits.staying import DEFAULT_KEEP
from bootwright.inits.trim import Plan, Trim

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
  bootwright trim web --keep ssh.service --keep 'systemd-journald*' --name small
  bootwright trim show web
An image that is called like a command: bootwright trim make list
""",
)
def command() -> None:
    """Leave out of a boot what you do not need of systemd.

    bootwright trim IMAGE reads the image's units, works out what the units to keep need, and writes
    down the rest as a trim: a small file that says what is masked and why. The image is not
    changed; deleting the trim undoes it.
    """


@command.command(epilog="Example: bootwright trim make web --keep ssh.service --dry-run")
@click.argument("image", shell_complete=names.images)
@click.option(
    "--keep",
    multiple=True,
    metavar="UNIT",
    help="A unit to keep, or a glob of them (may be repeated). Default: the SSH server, the "
    "journal, and a few more; bootwright trim IMAGE --dry-run shows which.",
)
@click.option("--name", metavar="NAME", help="What to call the trim; default: like the image.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def make(image: str, keep: tuple[str, ...], name: str | None, dry_run: bool, as_json: bool) -> None:
    """Make a trim of IMAGE; say what goes, what stays and why."""
    from bootwright.images import image as images
    from bootwright.images.reading import read
    from bootwright.inits import graph, trim
    from bootwright.store import check_name

    home = homes.locate()
    loaded = images.load(home, image)
    chosen = check_name(name or image, "a trim")
    planned = trim.plan(
        graph.read(read(loaded, graph.WANTED)),
        name=chosen,
        image=loaded.digest,
        keep=keep or DEFAULT_KEEP,
    )
    is_new = not dry_run and trims.save(home, planned.trim)
    if as_json:
        screen.print_json(
            {
                **_row(planned.trim),
                "stays": planned.stays,
                "notes": planned.notes,
                "path": None if dry_run else str(trims.path(home, chosen)),
            }
        )
        return
    click.echo("\n".join(_plan_lines(planned)))
    for note in planned.notes:
        screen.say(f"note: {note}")
    if dry_run:
        screen.say("nothing was written (--dry-run)")
    else:
        how = "written" if is_new else "was there already"
        screen.say(f"trim {chosen}: {how} ({trims.path(home, chosen)})")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> int:
    """List trims."""
    home = homes.locate()
    found: dict[str, Trim | BootwrightError] = {}
    for name in trims.names(home):
        try:
            found[name] = trims.load(home, name)
        except BootwrightError as error:
            found[name] = error
    status = 1 if any(isinstance(trim, BootwrightError) for trim in found.values()) else 0
    if as_json:
        screen.print_json(
            [
                _row(trim) if isinstance(trim, Trim) else {"name": name, "damaged": str(trim)}
                for name, trim in found.items()
            ]
        )
        return status
    rows = [
        [
            name,
            *(
                [short(trim.image), str(len(trim.masks)), str(len(trim.generators))]
                if isinstance(trim, Trim)
                else ["damaged", f"bootwright trim show {name} says more", ""]
            ),
        ]
        for name, trim in found.items()
    ]
    if rows:
        click.echo(screen.table(["NAME", "IMAGE", "MASKS", "GENERATORS"], rows))
    else:
        screen.say("there is no trim yet: bootwright trim IMAGE makes one")
    return status


@command.command()
@click.argument("name", shell_complete=names.trims)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show what trim NAME leaves out, and why."""
    home = homes.locate()
    trim = trims.load(home, name)
    if as_json:
        screen.print_json({**_row(trim), "path": str(trims.path(home, name))})
        return
    click.echo(f"trim {trim.name} of image {short(trim.image)}, in {trims.path(home, name)}")
    click.echo("\n".join(_wrapped("keep", trim.keep)))
    click.echo("\n".join(_goes_lines(trim)))


@command.command()
@click.argument("a", shell_complete=names.trims)
@click.argument("b", shell_complete=names.trims)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(a: str, b: str, as_json: bool) -> None:
    """Show what only trim A leaves out (-), and what only B does (+)."""
    home = homes.locate()
    first, second = (_left_out(trims.load(home, name)) for name in (a, b))
    only_a = {key: first[key] for key in first if second.get(key) != first[key]}
    only_b = {key: second[key] for key in second if first.get(key) != second[key]}
    if as_json:
        screen.print_json({"only_a": only_a, "only_b": only_b})
        return
    for key in sorted({*only_a, *only_b}):
        for sign, side in (("-", only_a), ("+", only_b)):
            if key in side:
                click.echo(f"{sign} {key}")
    if not only_a and not only_b:
        screen.say(f"{a} and {b} leave out the same")


@command.command(epilog="Example: bootwright trim apply web diary --name web-small")
@click.argument("image", shell_complete=names.images)
@click.argument("trim", shell_complete=names.trims)
@click.option("--name", metavar="NEW", required=True, help="What to call the new image.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def apply(image: str, trim: str, name: str, as_json: bool) -> None:
    """Make a new image: a copy of IMAGE with TRIM in its /etc. IMAGE is not changed."""
    from bootwright.images import image as images
    from bootwright.inits import baked

    home = homes.locate()
    loaded, chosen = images.load(home, image), trims.load(home, trim)
    if name in images.shelf(home).names():
        raise InputError(f"there is an image called {name!r}", hint="give another --name")
    new = baked.bake(home, loaded, chosen, name=name)
    other = "" if chosen.image == loaded.digest else "the trim was made from another image"
    if as_json:
        notes = [other] if other else []
        screen.print_json({"name": name, "digest": new.digest, "trim": trim, "notes": notes})
        return
    if other:
        screen.say(f"note: {other}")
    screen.say(f"image {name}: {image} with trim {trim} ({short(new.digest)})")


@command.command()
@click.argument("names_", metavar="NAME...", nargs=-1, required=True, shell_complete=names.trims)
def rm(names_: tuple[str, ...]) -> None:
    """Remove trims."""
    for name in names_:
        trims.remove(homes.locate(), name)
        screen.say(f"trim {name}: removed")


def _row(trim: Trim) -> dict[str, Any]:
    import msgspec

    row: dict[str, Any] = msgspec.to_builtins(trim)
    return row


def _left_out(trim: Trim) -> dict[str, str]:
    """Return what a trim leaves out or adds: ``{name: content}``."""
    return {
        **{mask.unit: "masked" for mask in trim.masks},
        **{generator.path: "does not run" for generator in trim.generators},
        **{drop_in.path: drop_in.content for drop_in in trim.drop_ins},
    }


def _plan_lines(planned: Plan) -> list[str]:
    stays = _grouped({stay.unit: stay.reason for stay in planned.stays})
    return [
        *_goes_lines(planned.trim),
        f"stays ({len(planned.stays)}), besides targets, slices and devices:",
        *stays,
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
