"""bootwright measure"""

from __future__ import annotations

import sys
from typing import Any

import click

from bootwright import home as homes
from bootwright.cli import experiment, names, screen
from bootwright.cli.boot_options import boot_options

EPILOG = """\b
Examples:
  bootwright measure web -n 10                      ten boots, one after the other
  bootwright measure web -n 10 --clock virtual      ten seeds; a busy host changes nothing
  bootwright measure --tiny --with cmdline+=cryptomgr.notests --clock virtual
  bootwright measure --resume 3                     go on after Ctrl-C
"""


@click.command("measure", epilog=EPILOG)
@click.argument("image", required=False, metavar="[IMAGE]", shell_complete=names.images)
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, 100_000),
    default=10,
    show_default=True,
    help="How many boots.",
)
@boot_options
@experiment.experiment_options
def command(image: str | None, number: int, **options: Any) -> int:
    """Boot IMAGE many times: how long each phase takes, and how sure that is.

    Every sample is kept when its boot is over. A boot that fails is told as failed, and is in no
    figure. On the virtual clock the boots have the seeds 1, 2, 3, ... or those from --seed on.
    """
    if experiment.list_changes(options["texts"]):
        return 0
    home = homes.locate()
    from bootwright.experiments import measure
    from bootwright.history.measurement import Plan
    from bootwright.report import measurement as report

    if options["resume"] is not None:
        begun = measure.resumed(home, options["resume"], "measure")
    else:
        one = experiment.side(home, image, options, changes=True)
        plan = Plan(looks=(number,), timeout_s=experiment.timeout_s(options, one[1]))
        begun = measure.begin(home, {"A": one}, plan)
    taken, told = experiment.take(home, begun, options)
    values = measure.values(taken, told)
    if options["as_json"]:
        screen.print_json(values)
    else:
        from msgspec import to_builtins

        click.echo(report.text(to_builtins(values), color=sys.stdout.isatty()))
    return 0 if values["boots"] else 1
