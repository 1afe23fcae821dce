"""bootwright probe"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bootwright.booting.preparing import Prepared, check_timeout
from bootwright.cli import loop, names, screen
from bootwright.cli.boot_options import boot_options, draft_of
from bootwright.cli.run import describe
from bootwright.errors import InputError
from bootwright.events import Event
from bootwright.home import locate_home
from bootwright.probes import session, user_probes
from bootwright.probes.probe import Probe, ProbeTried
from bootwright.probes.probing import probe
from bootwright.probes.table import PROBES
from bootwright.reports import outcomes

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
    return [one.name for one in PROBES if one.name.startswith(incomplete)]


@click.command("probe", epilog=EPILOG)
@click.argument("image", required=False, shell_complete=names.images)
@boot_options
@click.option(
    "--probe",
    "commands",
    multiple=True,
    metavar="COMMAND",
    help="A custom probe: run as root by the guest's shell; passes if it exits with status 0.",
)
@click.option(
    "--probes",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A TOML file of custom probes.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    shell_complete=_probe_names,
    help="Run only these probes.",
)
@click.option("--list", "as_list", is_flag=True, help="List the probes without running them.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Maximum duration of a start-up.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def command(image: str | None, **options: Any) -> int:
    """Boot IMAGE and check that it works like a real computer.

    Probes cover log-ins, terminals, processes, copying, the network, services, a clean shutdown and
    a second boot. Exit status 1: a probe failed.
    """
    mine = [user_probes.probe_of_command(text) for text in options["commands"]]
    for path in options["files"]:
        mine += user_probes.read_probes(path)
    chosen = user_probes.select_probes(tuple(mine), options["only"])
    if options["as_list"]:
        _list(chosen, as_json=options["as_json"])
        return 0
    check_timeout(options["timeout"])
    if options["tiny"]:
        raise InputError(
            "a tiny guest cannot be probed: it runs one command and powers off",
            hint="name an image; bootwright image list shows them",
        )
    draft = draft_of(image, options)
    quiet = options["as_json"]
    with screen.observer(draft.image or "probe", quiet=quiet) as show:

        def observe(event: Event) -> None:
            show(event)
            if quiet:
                return
            if isinstance(event, Prepared):
                screen.say(_described(event))
            elif isinstance(event, ProbeTried):
                click.echo(outcomes.line(event.outcome))

        found = loop.run(
            probe(locate_home(), draft, chosen, timeout_s=options["timeout"], observe=observe)
        )
    if quiet:
        screen.print_json(found)
    else:
        screen.say(outcomes.verdict(found.probes))
    return 0 if found.passed else 1


def _described(prepared: Prepared) -> str:
    recipe = prepared.spec.recipe
    way = "over SSH" if session.goes_over_ssh(recipe) else "by itself, over its mark port"
    what = describe(locate_home(), prepared.spec, prepared.choice)
    return f"{what}, init {recipe.init}, probed {way}"


def _list(probes: tuple[Probe, ...], *, as_json: bool) -> None:
    if as_json:
        screen.print_json([one.info for one in probes])
        return
    rows = [[one.name, f"{one.limit_s} s", one.summary] for one in probes]
    click.echo(screen.table(["NAME", "LIMIT", "PASSES IF"], rows))
