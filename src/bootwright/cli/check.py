"""bootwright check"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootwright import home as homes
from bootwright.cli import screen
from bootwright.errors import InputError
from bootwright.home import Home

if TYPE_CHECKING:
    from bootwright.experiments.baseline import Baseline
    from bootwright.experiments.budget import Wanted
    from bootwright.history.measurement import Measurement
    from bootwright.recipe import Recipe

JSON_VERSION = 1

EPILOG = """\b
A budget file, such as budget.toml:
  clock = "virtual"             # the same figures on every host, KVM or not
  boots = 10
  tolerance = "2%"              # by how much more than the baseline is accepted
  [[boot]]
  name = "web server"
  image = "web"                 # or recipe = "web.toml", or tiny = true
  with = ["mask=cron.service"]
  budget = { whole = "9s", kernel = "1.5s" }
\b
Examples:
  bootwright check budget.toml; echo $?
  bootwright check budget.toml --update             accept: writes budget.baseline.toml
  bootwright check budget.toml --junit boots.xml --markdown >>"$GITHUB_STEP_SUMMARY"
Exit status: 0 within, 1 over budget, or a boot failed.
"""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One boot of the file, of which everything is known but how long it takes."""

    wanted: Wanted
    recipe: Recipe
    changes: tuple[str, ...]


@click.command("check", epilog=EPILOG)
@click.argument("budget", type=click.Path(path_type=Path))
@click.option("--update", is_flag=True, help="Accept what is measured as the new baseline.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write a JUnit file, for CI.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option(
    "--parallel", type=click.IntRange(1, 64), metavar="N", help="Run N boots at once, as measure."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    budget: Path,
    update: bool,
    junit: Path | None,
    as_markdown: bool,
    parallel: int | None,
    as_json: bool,
) -> int:
    """Measure the boots that BUDGET names, and fail where one takes longer than it may.

    A phase's median is held to its budget, and to the baseline with its tolerance where one was
    accepted. A boot that fails fails the check.
    """
    if as_json and as_markdown:
        raise InputError("--json and --markdown contradict each other", hint="leave one out")
    if junit is not None and not junit.absolute().parent.is_dir():
        raise InputError(f"--junit {junit}: its folder is not there", hint="make it first")
    from msgspec import to_builtins

    from bootwright.experiments import baseline, check
    from bootwright.experiments import budget as budgets
    from bootwright.report import budget as report

    home = homes.locate()
    read = budgets.read(budget)
    place = baseline.path_of(budget)
    accepted = baseline.read(place)
    prepared = [_prepared(home, one, budget.parent, quiet=as_json) for one in read.boot]
    if not update:
        _check_comparable(prepared, accepted)
    told: list[dict[str, Any]] = []
    taken: dict[str, Measurement] = {}
    for one in prepared:
        name = one.wanted.name
        taken[name], warnings = _measured(home, one, parallel, quiet=as_json)
        old = None if update else accepted.get(name)
        told.append(to_builtins(check.values(one.wanted, taken[name], old, warnings)))
    passed = all(boot["passed"] for boot in told)
    values = {"version": JSON_VERSION, "passed": passed, "boots": told}
    if as_json:
        screen.print_json(values)
    elif as_markdown:
        click.echo(report.markdown(values))
    else:
        click.echo(report.text(values, color=sys.stdout.isatty()))
    if junit is not None:
        from bootwright.cli.pictures import write_file
        from bootwright.report.junit import junit as junit_of

        write_file(junit, junit_of(values))
    if update:
        _accept(place, taken)
    return 0 if passed else 1


def _prepared(home: Home, wanted: Wanted, folder: Path, *, quiet: bool) -> _Prepared:
    """Complete one boot's recipe, so that what is wrong is said before anything is booted."""
    from bootwright.change import changed
    from bootwright.change_text import parse_all
    from bootwright.cli.boot_options import completed
    from bootwright.experiments import budget as budgets
    from bootwright.experiments import check
    from bootwright.experiments.resolver import Stores

    recipe, _ = completed(home, budgets.draft_of(wanted, folder), quiet=quiet)
    changes = parse_all(wanted.with_, Stores(home))
    recipe = changed(recipe, changes)
    check.check_phases(wanted, recipe)
    return _Prepared(wanted, recipe, tuple(map(str, changes)))


def _check_comparable(prepared: list[_Prepared], accepted: dict[str, Baseline]) -> None:
    """Refuse baselines that say nothing here, before anything is booted.

    Raises:
        InputError: a baseline is of another clock, or of another host's.
    """
    from bootwright.experiments import baseline
    from bootwright.host import fingerprint

    for one in prepared:
        old = accepted.get(one.wanted.name)
        why = old and baseline.why_apart(
            old, one.recipe.clock, one.recipe.accelerator, fingerprint.read()
        )
        if why:
            raise InputError(
                f"boot {one.wanted.name!r} cannot be compared: {why}",
                hint="--update accepts a new baseline; figures of the virtual clock hold anywhere",
            )


def _measured(
    home: Home, one: _Prepared, parallel: int | None, *, quiet: bool
) -> tuple[Measurement, list[str]]:
    from bootwright.cli import experiment
    from bootwright.experiments import measure
    from bootwright.history.measurement import Plan
    from bootwright.machine.timeouts import default_timeout_s

    wanted = one.wanted
    assert wanted.boots is not None  # the file's head has said it
    timeout_s = wanted.timeout_s or default_timeout_s(one.recipe)
    begun = measure.begin(
        home,
        {"A": (wanted.title, one.recipe, one.changes)},
        Plan(looks=(wanted.boots,), timeout_s=timeout_s),
    )
    if not quiet:
        screen.say(f"{wanted.name}:")
    return experiment.take(home, begun, {"parallel": parallel, "as_json": quiet})


def _accept(place: Path, taken: dict[str, Measurement]) -> None:
    """Write the new baselines; where a boot failed, there is nothing to accept."""
    from bootwright.experiments import baseline, measure

    failing = [
        name
        for name, one in taken.items()
        if len(measure.lengths(one).get(measure.WHOLE, ())) < one.plan.looks[-1]
    ]
    if failing:
        screen.say(f"{place} is as it was: boots of {', '.join(failing)} failed")
        return
    baseline.write(place, {name: baseline.of(one) for name, one in taken.items()})
    screen.say(f"{place}: written; it belongs beside the budget, in the repository")
