"""bootwright measure"""

from __future__ import annotations

from typing import Any

import click

from bootwright.cli import experiment, loop, names, screen
from bootwright.cli.boot_options import boot_options
from bootwright.home import locate_home

EPILOG = """\b
Examples:
  bootwright measure web -n 10                      ten boots, one after the other
  bootwright measure web -n 10 --clock virtual      ten seeds; a busy host changes nothing
  bootwright measure --tiny --with cmdline+=cryptomgr.notests --clock virtual
  bootwright measure web -n 10 --html web.html      a page with pictures
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
    """Boot IMAGE many times and report how long each phase takes, with intervals.

    Each sample is stored as soon as its boot ends. Failed boots are reported and excluded from the
    figures. On the virtual clock, boots use the seeds 1, 2, 3, ..., or count from --seed.
    """
    if experiment.list_changes(options["texts"]):
        return 0
    experiment.check_html(options["html"])
    home = locate_home()
    from bootwright.experiments.measure import measure, resume
    from bootwright.reports import measurement as report

    quiet, parallel = options["as_json"], options["parallel"]
    with experiment.observer(quiet=quiet) as observe:
        if options["resume"] is not None:
            work = resume(home, options["resume"], parallel=parallel, observe=observe)
        else:
            draft, title = experiment.side(image, options)
            work = measure(
                home,
                draft,
                number,
                changes=options["texts"],
                title=title,
                timeout_s=options["timeout"],
                parallel=parallel,
                observe=observe,
            )
        result = loop.run(work)
    if options["html"] is not None:
        from bootwright.cli.pictures import write_file
        from bootwright.kernels.listing import releases
        from bootwright.reports.measurement_page import page

        found = releases(home, [result.recipe.kernel])
        write_file(options["html"], page(result, kernels=found).encode())
    if options["as_json"]:
        screen.print_json(result)
    else:
        click.echo(report.text(result, color=screen.colors(), columns=screen.width()))
    return 0 if result.boots else 1
