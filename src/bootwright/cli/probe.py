"""bootwright probe"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bootwright import home as homes
from bootwright.cli import loop, names, screen
from bootwright.cli.boot_options import boot_options, check_timeout, completed, draft_of
from bootwright.cli.run import describe
from bootwright.errors import InputError
from bootwright.machine.spec import MachineSpec, fresh_name
from bootwright.machine.timeouts import default_timeout_s
from bootwright.probes import course, own
from bootwright.probes.course import Watcher
from bootwright.probes.probe import Outcome, Probe
from bootwright.probes.table import PROBES
from bootwright.report import outcomes

EPILOG = """\b
Examples:
  bootwright probe web                            is it a real computer?
  bootwright probe web --init tini                and with another init?
  bootwright probe web --only pty --only sftp     some of it
  bootwright probe web --probe 'curl -fs localhost:8080'
  bootwright probe web --probes checks.toml       a table for each, with its command:
                                                  [web]
                                                  command = "curl -fs localhost:8080"
                                                  limit_s = 10
"""


def _probe_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [probe.name for probe in PROBES if probe.name.startswith(incomplete)]


@click.command("probe", epilog=EPILOG)
@click.argument("image", required=False, shell_complete=names.images)
@boot_options
@click.option(
    "--probe",
    "commands",
    multiple=True,
    metavar="COMMAND",
    help="A probe of your own: passes if the guest's shell, as root, ends it with status 0.",
)
@click.option(
    "--probes",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A TOML file of probes of your own.",
)
@click.option(
    "--only", multiple=True, metavar="NAME", shell_complete=_probe_names, help="Try these alone."
)
@click.option("--list", "as_list", is_flag=True, help="Print the probes, and try none.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long a start-up may take.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def command(image: str | None, **options: Any) -> int:
    """Boot IMAGE and try whether it is a real computer.

    One can log in, have a terminal, see processes, copy files, reach the network, run services,
    shut it down, and boot its disk again. Exit status 1: something of that does not work.
    """
    mine = [own.of_command(text) for text in options["commands"]]
    for path in options["files"]:
        mine += own.read(path)
    chosen = own.chosen(tuple(mine), options["only"])
    if options["as_list"]:
        _list(chosen, as_json=options["as_json"])
        return 0
    check_timeout(options["timeout"])
    if options["tiny"]:
        raise InputError(
            "a tiny guest runs one command and is no computer to be probed",
            hint="name an image; bootwright image list shows them",
        )
    draft = draft_of(image, options)
    if draft.image is None:
        raise InputError("the recipe has no image", hint="name one: bootwright probe IMAGE")
    home = homes.locate()
    quiet = options["as_json"]
    recipe, choice = completed(home, draft, quiet=quiet)
    spec = MachineSpec(name=fresh_name(draft.image), recipe=recipe)
    if not quiet:
        way = "over SSH" if course.goes_over_ssh(recipe) else "by itself, over its mark port"
        screen.say(f"{describe(spec, choice)}, init {recipe.init}, probed {way}")
    with screen.status(f"{spec.name}: booting", quiet=quiet) as show:
        watcher = Watcher(
            on_step=lambda step: show(f"{spec.name}: {step}"),
            on_outcome=_ignore if quiet else _print,
            notice=screen.say,
        )
        timeout_s = options["timeout"] or default_timeout_s(recipe)
        found = loop.run(course.take(home, spec, chosen, watcher, timeout_s=timeout_s))
    good = all(outcome.result != "fail" for outcome in found)
    if quiet:
        screen.print_json(
            {
                "name": spec.name,
                "image": recipe.image,
                "init": recipe.init,
                "accelerator": recipe.accelerator,
                "passed": good,
                "probes": [_table(outcome) for outcome in found],
            }
        )
    else:
        screen.say(outcomes.verdict(found))
    return 0 if good else 1


def _ignore(outcome: Outcome) -> None:
    """Print nothing: it is printed with the others."""


def _print(outcome: Outcome) -> None:
    click.echo(outcomes.line(outcome))


def _table(outcome: Outcome) -> dict[str, object]:
    return {
        "name": outcome.probe.name,
        "summary": outcome.probe.summary,
        "result": outcome.result,
        "text": outcome.text,
        "cure": outcome.cure,
        "duration_ns": outcome.duration_ns,
    }


def _list(probes: tuple[Probe, ...], *, as_json: bool) -> None:
    if as_json:
        screen.print_json(
            [{"name": p.name, "summary": p.summary, "limit_s": p.limit_s} for p in probes]
        )
        return
    rows = [[probe.name, f"{probe.limit_s} s", probe.summary] for probe in probes]
    click.echo(screen.table(["NAME", "LIMIT", "PASSES IF"], rows))
