"""bootwright check"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootwright.cli import experiment, loop, screen
from bootwright.errors import InputError
from bootwright.home import locate_home

if TYPE_CHECKING:
    from bootwright.experiments.results import BaselineUpdate

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


@click.command("check", epilog=EPILOG)
@click.argument("budget", type=click.Path(path_type=Path))
@click.option("--update", is_flag=True, help="Accept the measured times as the new baseline.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write a JUnit file, for CI.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Run N boots in parallel, as measure does.",
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
    """Measure the boots listed in BUDGET, and fail if one takes too long.

    A phase's median is held to its budget, and to the baseline with its tolerance where one was
    accepted. A boot that fails fails the check.
    """
    if as_json and as_markdown:
        raise InputError("--json and --markdown contradict each other", hint="leave one out")
    if junit is not None and not junit.absolute().parent.is_dir():
        raise InputError(
            f"--junit {junit}: its folder does not exist", hint="create the folder first"
        )
    from bootwright.experiments.check import check
    from bootwright.reports import budget as report

    with experiment.observer(quiet=as_json) as observe:
        result = loop.run(
            check(locate_home(), budget, update=update, parallel=parallel, observe=observe)
        )
    if as_json:
        screen.print_json(result)
    elif as_markdown:
        click.echo(report.markdown(result))
    else:
        click.echo(report.text(result, color=screen.colors()))
    if junit is not None:
        from bootwright.cli.pictures import write_file
        from bootwright.reports.junit import junit as junit_of

        write_file(junit, junit_of(result))
    if result.update is not None:
        screen.say(_update_words(result.update))
    return 0 if result.passed else 1


def _update_words(update: BaselineUpdate) -> str:
    if update.failed:
        return f"{update.path} is as it was: boots of {', '.join(update.failed)} failed"
    return f"{update.path}: written; it belongs beside the budget, in the repository"
