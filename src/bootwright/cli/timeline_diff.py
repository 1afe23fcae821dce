"""bootwright timeline diff"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bootwright import home as homes
from bootwright.cli import names, screen
from bootwright.cli.pictures import of_stored
from bootwright.errors import HostError
from bootwright.history.history import History
from bootwright.report import diff as report
from bootwright.timeline import diff as diffs
from bootwright.timeline.diff import Ran

_BOOT = click.IntRange(1, (1 << 63) - 1)


@click.command(
    "diff",
    epilog="Example: bootwright history; bootwright timeline diff 12 15 --html diff.html",
)
@click.argument("a", metavar="BOOT", type=_BOOT, shell_complete=names.boots)
@click.argument("b", metavar="BOOT", type=_BOOT, shell_complete=names.boots)
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with both.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def command(a: int, b: int, html: Path | None, as_json: bool) -> None:
    """Set two boots of the history beside each other: what appeared, vanished, grew, shrank.

    One boot each: what differs may be chance.
    """
    home = homes.locate()
    first, second = of_stored(home, a), of_stored(home, b)
    found = diffs.diff(first.timeline, second.timeline, ran_a=_ran(home, a), ran_b=_ran(home, b))
    titles = (first.title, second.title)
    if html is not None:
        from bootwright.report.diff_page import page

        content = page(found, first.timeline, second.timeline, names=titles)
        try:
            html.write_text(content)
        except OSError as error:
            raise HostError(f"cannot write {html}: {error.strerror}") from error
        screen.say(f"{html}: written")
    if as_json:
        screen.print_json(report.values(found))
    else:
        click.echo(report.text(found, names=(f"boot {a}", f"boot {b}"), color=sys.stdout.isatty()))


def _ran(home: homes.Home, boot_id: int) -> Ran:
    stored = History(home.history).load(boot_id)
    recipe = stored.evidence.recipe
    return Ran(
        host=f"{stored.host.cpu}, Linux {stored.host.kernel}",
        accelerator=str(recipe.get("accelerator", "")),
    )
