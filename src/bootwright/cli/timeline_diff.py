"""bootwright timeline diff"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bootwright import home as homes
from bootwright.cli import names, screen
from bootwright.cli.pictures import of_stored, write_file
from bootwright.report import diff as report
from bootwright.timeline import diff as diffs


@click.command(
    "diff",
    epilog="Example: bootwright history; bootwright timeline diff 12 15 --html diff.html",
)
@click.argument("a", metavar="BOOT", type=names.BOOT_ID, shell_complete=names.boots)
@click.argument("b", metavar="BOOT", type=names.BOOT_ID, shell_complete=names.boots)
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with both.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def command(a: int, b: int, html: Path | None, as_json: bool) -> None:
    """Set two boots of the history beside each other: what appeared, vanished, grew, shrank.

    One boot each: what differs may be chance.
    """
    home = homes.locate()
    first, second = of_stored(home, a), of_stored(home, b)
    found = diffs.diff(first.timeline, second.timeline, ran_a=first.ran, ran_b=second.ran)
    titles = (first.title, second.title)
    if html is not None:
        from bootwright.report.diff_page import page

        content = page(found, first.timeline, second.timeline, names=titles)
        write_file(html, content.encode())
    if as_json:
        screen.print_json(report.values(found))
    else:
        click.echo(report.text(found, names=(f"boot {a}", f"boot {b}"), color=sys.stdout.isatty()))
