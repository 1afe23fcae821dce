"""bootwright history trend, history regress"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootwright.cli import names, screen, times
from bootwright.errors import InputError
from bootwright.home import locate_home
from bootwright.recipes.clock import CLOCKS

if TYPE_CHECKING:
    from bootwright.experiments.results import Trend
    from bootwright.recipes.recipe import Clock


@click.command(
    "trend",
    epilog="""\b
Examples:
  bootwright history trend web
  bootwright history trend --tiny --clock virtual --html trend.html
  bootwright history trend web --json | jq '.series[].points[].phases.whole.median_ns'
""",
)
@click.argument("image", required=False, metavar="[IMAGE]", shell_complete=names.images)
@click.option("--tiny", is_flag=True, help="Show the tiny guest.")
@click.option("--clock", type=click.Choice(list(CLOCKS)), help="Only measurements on this clock.")
@click.option("--since", metavar="WHEN", help="Only since WHEN: an age (12h, 2d, 1w) or a date.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with a plot.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def trend(
    image: str | None,
    tiny: bool,
    clock: Clock | None,
    since: str | None,
    html: Path | None,
    as_json: bool,
) -> int:
    """Show how long IMAGE took in each measurement of it, and where that changed.

    IMAGE is an image or a recipe file, as measure, compare and check were given it. Only what
    compares stands in one table: the same changes, one clock, and on the wall clock one host.
    """
    found = _found(image, tiny, clock, since)
    if html is not None:
        from bootwright.cli.pictures import write_file
        from bootwright.kernels.listing import releases
        from bootwright.reports.trend_page import page

        title = f"Boot time of {image or ('the tiny guest' if tiny else 'all that was measured')}"
        points = (point for series in found.series for point in series.points)
        kernels = releases(locate_home(), (str(point.recipe.get("kernel")) for point in points))
        write_file(html, page(found, title=title, kernels=kernels).encode())
    if as_json:
        screen.print_json(found)
        return 0
    from bootwright.reports import trend as report

    if not found.series:
        return _say_none(image)
    click.echo(report.trend(found, color=screen.colors(), columns=screen.width()))
    return 0


@click.command(
    "regress",
    epilog="""\b
Examples:
  bootwright history regress web
  bootwright history regress --since 4w
""",
)
@click.argument("image", required=False, metavar="[IMAGE]", shell_complete=names.images)
@click.option("--tiny", is_flag=True, help="Show the tiny guest.")
@click.option("--clock", type=click.Choice(list(CLOCKS)), help="Only measurements on this clock.")
@click.option("--since", metavar="WHEN", help="Only since WHEN: an age (12h, 2d, 1w) or a date.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as trend does.")
def regress(
    image: str | None, tiny: bool, clock: Clock | None, since: str | None, as_json: bool
) -> int:
    """Find the measurement that first became slower: its phases, and how its recipe differs.

    A measurement counts as slower where all of the effect's 95 % interval is above 1 % and 1 ms,
    and no later one is as fast again.
    """
    found = _found(image, tiny, clock, since)
    if as_json:
        screen.print_json(found)
        return 0
    from bootwright.reports import trend as report

    if not found.series:
        return _say_none(image)
    click.echo(report.regress(found))
    return 0


def _found(image: str | None, tiny: bool, clock: Clock | None, since: str | None) -> Trend:
    from bootwright.experiments.trend import trend

    if tiny and image is not None:
        raise InputError(f"--tiny has no image, but {image!r} was given", hint="leave out one")
    since_s = 0.0 if since is None else times.moment_s("--since", since)
    return trend(locate_home(), "" if tiny else image, clock=clock, since_s=since_s)


def _say_none(image: str | None) -> int:
    """Report that no measurement matches, and which images have been measured."""
    from bootwright import suggest
    from bootwright.experiments.trend import trend

    others = {series.title for series in trend(locate_home()).series if series.title}
    known = suggest.hint(image or "", sorted(others)) if others else ""
    more = known or "bootwright measure and check record them"
    screen.say(f"no matching measurements; {more}")
    return 0
