"""bootwright compare"""

from __future__ import annotations

import sys
from typing import Any

import click

from bootwright import home as homes
from bootwright.cli import experiment, names, screen
from bootwright.cli.boot_options import boot_options
from bootwright.errors import InputError
from bootwright.home import Home

_PAIRS = {"virtual": 8, "wall": 10}
"""By clock. Seeds hardly differ, and with 8 pairs that all say the same up to six phases have an
adjusted p below 5 %, which 6 pairs cannot give. Hosts differ from one boot to the next."""

EPILOG = """\b
Examples:
  bootwright compare web --with cmdline+=cryptomgr.notests --clock virtual
  bootwright compare web web -n 10                  the same twice: no difference
  bootwright compare web.toml small.toml            two recipe files
  bootwright compare --tiny --with memory=1G --smallest 5ms
  bootwright compare web --with mask=e2scrub_reap.service --staged
  bootwright compare web --with help                all changes there are
Exit status: 0 a verdict, or that nobody can tell yet; 1 none, as boots failed.
"""


@click.command("compare", epilog=EPILOG)
@click.argument("a", required=False, metavar="[A]", shell_complete=names.images)
@click.argument("b", required=False, metavar="[B]", shell_complete=names.images)
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, 100_000),
    help=f"How many boots of each; default: {_PAIRS['wall']}, on the virtual clock "
    f"{_PAIRS['virtual']}. It is decided before the first.",
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
    """Say whether B boots faster than A: two images or recipe files; left out, B is A with the
    changes.

    On the wall clock A and B take turns, on the virtual one they are compared seed by seed. A
    change that A has already is taken from A, so that B is A as it is: that tells what it does.
    """
    if experiment.list_changes(options["texts"]):
        return 0
    if staged and number is not None:
        raise InputError("--staged has its own numbers of boots", hint="leave out -n or --staged")
    home = homes.locate()
    from bootwright.experiments import compare, measure
    from bootwright.experiments.sequential import STAGED
    from bootwright.history.measurement import Plan
    from bootwright.report import comparison as report

    if options["resume"] is not None:
        begun = measure.resumed(home, options["resume"], "compare")
    else:
        first, second = _sides(home, a, b, options)
        plan = Plan(
            looks=STAGED.looks if staged else (number or _PAIRS[first[1].clock],),
            timeout_s=experiment.timeout_s(options, first[1]),
            **experiment.smallest(smallest),
        )
        begun = measure.begin(home, {"A": first, "B": second}, plan)
    taken, told = experiment.take(home, begun, options, compare.is_over)
    values = compare.values(taken, told)
    if options["as_json"]:
        screen.print_json(values)
    else:
        from msgspec import to_builtins

        click.echo(report.text(to_builtins(values), color=sys.stdout.isatty()))
    return 0 if values["verdict"] is not None else 1


def _sides(home: Home, a: str | None, b: str | None, options: dict[str, Any]) -> tuple[Any, Any]:
    if b is None and not options["texts"]:
        raise InputError(
            "there is nothing to compare with",
            hint="name B, or say what B has of its own, such as --with memory=1G",
        )
    first = experiment.side(home, a, options, changes=False)
    if b is None:
        first = _without_what_is_there(home, first, options["texts"])
    return first, experiment.side(
        home, b or a, options, changes=True, base=first[1] if b is None else None
    )


def _without_what_is_there(
    home: Home, side: experiment.Side, texts: tuple[str, ...]
) -> experiment.Side:
    """Return A without the changes that it has by default: the question is what they do."""
    from bootwright.change import changed
    from bootwright.change_text import parse_all
    from bootwright.experiments.resolver import Stores

    title, recipe, _ = side
    wanted = parse_all(texts, Stores(home))
    taken = [c.opposite() for c in wanted if c(recipe) == recipe]
    without = [change for change in taken if change is not None]
    for change in without:
        screen.say(f"A has that already, so A is booted with {change}")
    return title, changed(recipe, without), tuple(map(str, without))
