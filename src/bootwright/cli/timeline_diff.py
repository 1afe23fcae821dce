"""bootwright timeline diff"""

from __future__ import annotations

from pathlib import Path

import click

from bootwright.cli import names, screen
from bootwright.cli.pictures import write_file
from bootwright.evidence.analysis import two_boots
from bootwright.home import locate_home
from bootwright.reports import diff as report


@click.command(
    "diff",
    epilog="Example: bootwright history; bootwright timeline diff 12 15 --html diff.html",
)
@click.argument("a", metavar="BOOT", type=names.BOOT_ID, shell_complete=names.boots)
@click.argument("b", metavar="BOOT", type=names.BOOT_ID, shell_complete=names.boots)
@click.option("--html", type=click.Path(path_type=Path), help="Write an HTML page that shows both.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def command(a: int, b: int, html: Path | None, as_json: bool) -> None:
    """Compare two recorded boots: spans that appeared, vanished, grew or shrank.

    With one boot on each side, differences may be due to chance.
    """
    boots = two_boots(locate_home(), a, b)
    found = boots.diff
    if html is not None:
        from bootwright.reports.diff_page import page
        from bootwright.reports.run_facts import of_both

        content = page(
            found,
            boots.a.timeline,
            boots.b.timeline,
            names=(boots.a.title, boots.b.title),
            facts=of_both(boots.a.facts, boots.b.facts),
        )
        write_file(html, content.encode())
    if as_json:
        screen.print_json(report.values(found))
    else:
        names = (f"boot {a}", f"boot {b}")
        click.echo(report.text(found, names=names, color=screen.colors(), columns=screen.width()))
