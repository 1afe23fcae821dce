"""bootwright compare"""

from __future__ import annotations

from typing import Any

import click

from bootwright.cli import experiment, loop, names, screen
from bootwright.cli.boot_options import boot_options
from bootwright.errors import InputError
from bootwright.home import locate_home
from bootwright.statistics.sequential import PAIRS, STAGED

EPILOG = """\b
Examples:
  bootwright compare web --with cmdline+=cryptomgr.notests --clock virtual
  bootwright compare web web -n 10                  the same image twice: no difference
  bootwright compare web.toml small.toml            two recipe files
  bootwright compare --tiny --with memory=1G --smallest 5ms
  bootwright compare web --with mask=e2scrub_reap.service --staged
  bootwright compare web small --html compare.html  a page with pictures
  bootwright compare web --with help                list all changes
Exit status: 0 a verdict, or that nobody can tell yet; 1 none, as boots failed.
"""


@click.command("compare", epilog=EPILOG)
@click.argument("a", required=False, metavar="[A]", shell_complete=names.images)
@click.argument("b", required=False, metavar="[B]", shell_complete=names.images)
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, 100_000),
    help=f"How many boots of each; default: {PAIRS['wall']}, on the virtual clock "
    f"{PAIRS['virtual']}. It is decided before the first.",
)
@click.option(
    "--staged",
    is_flag=True,
    help="Look after 10, 20 and 40 boots of each, and stop at the first verdict; the intervals are "
    "wider in turn.",
)
@click.option(
    "--smallest",
    metavar="EFFECT",
    help="The smallest effect of interest, such as 2% or 500us; default: 1%, and at least 1ms.",
)
@boot_options
@experiment.experiment_options
def command(
    a: str | None,
    b: str | None,
    number: int | None,
    staged: bool,
    smallest: str | None,
    **options: Any,
) -> int:
    """Compare the boots of A and B: two images or recipe files. Without B, B is A with the changes.

    On the wall clock, A and B take turns; on the virtual clock, they are compared seed by seed. A
    change that A already has is removed from A instead, so that the result is what it does.
    """
    if experiment.list_changes(options["texts"]):
        return 0
    if staged and number is not None:
        raise InputError("--staged and -n contradict each other", hint="leave out -n or --staged")
    experiment.check_html(options["html"])
    home = locate_home()
    from bootwright.experiments.compare import compare, resume
    from bootwright.reports import comparison as report
    from bootwright.statistics import amount

    looks = STAGED.looks if staged else None if number is None else (number,)
    quiet, parallel = options["as_json"], options["parallel"]
    with experiment.observer(quiet=quiet) as observe:
        if options["resume"] is not None:
            work = resume(home, options["resume"], parallel=parallel, observe=observe)
        else:
            first, first_title = experiment.side(a, options)
            second, second_title = experiment.side(b, options) if b is not None else (None, None)
            work = compare(
                home,
                first,
                second,
                changes=options["texts"],
                titles=(first_title, second_title),
                looks=looks,
                smallest=None if smallest is None else amount.read(smallest, "--smallest"),
                timeout_s=options["timeout"],
                parallel=parallel,
                observe=observe,
            )
        result = loop.run(work)
    if options["html"] is not None:
        from bootwright.cli.pictures import write_file
        from bootwright.kernels.listing import releases
        from bootwright.reports.comparison_page import page

        found = releases(home, (side.recipe.kernel for side in result.sides.values()))
        write_file(options["html"], page(result, kernels=found).encode())
    if options["as_json"]:
        screen.print_json(result)
    else:
        click.echo(report.text(result, color=screen.colors(), columns=screen.width()))
    return 0 if result.verdict is not None else 1
