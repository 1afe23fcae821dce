"""bootwright doctor"""

from __future__ import annotations

from pathlib import Path

import click

from bootwright.cli import screen
from bootwright.errors import InputError
from bootwright.home import locate_home

_WIDEST = 100


@click.group(
    "doctor",
    invoke_without_command=True,
    subcommand_metavar="[COMMAND [ARGS]...]",
    epilog="""\b
Examples:
  bootwright doctor
  bootwright doctor why /srv/disk.ext4      why mounting it says "busy"
  bootwright doctor --fix
  bootwright doctor --json | jq '.checks[] | select(.state == "problem")'
""",
)
@click.option(
    "--fix",
    is_flag=True,
    help="Clean up what dead bootwright processes left behind; touch nothing else.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, fix: bool, as_json: bool) -> int:
    """Check this host and what bootwright created on it: what works, what does not, and why.

    Exit status: 0 where bootwright can do its job, 1 where there is a problem.
    """
    if context.invoked_subcommand:
        if fix or as_json:
            context.fail("put options after the subcommand: doctor why PATH --json")
        return 0
    from bootwright.doctor.examine import examine
    from bootwright.reports import checks

    found = examine(locate_home(), mend=fix)
    if as_json:
        screen.print_json(found)
    else:
        click.echo(checks.text(found.checks, width=_width(), color=screen.colors()))
        for line in found.fixed:
            click.echo(f"fixed: {line}")
        if fix and not found.fixed:
            click.echo("nothing to fix")
        elif not fix and any(check.fixable for check in found.checks):
            click.echo("run bootwright doctor --fix to clean up what is marked as left behind")
    return 1 if found.has_problem else 0


def _width() -> int:
    """Return the columns of a report: those of the terminal, but lines of text stay readable."""
    return min(screen.width() or _WIDEST, _WIDEST)


@command.command(
    "why",
    epilog="""\b
Examples:
  bootwright doctor why /srv/disk.ext4
  sudo bootwright doctor why /dev/loop26
  bootwright doctor why /mnt --json | jq .fixes
""",
)
@click.argument("given", metavar="PATH", type=click.Path(readable=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why(given: str, as_json: bool) -> int:
    """Explain why PATH is busy: a file, a block device or a mount point.

    It shows which loop devices use a file, what a device is attached to, who holds it, what mount
    and losetup would do, and the command that helps. It changes nothing. Root sees more: other
    users' processes, mount namespaces and claims.

    Exit status: 0 where everything was checked and nothing stands in the way; 1 where something
    does, or where it cannot be known without root ("Not checked").
    """
    from bootwright.busy.why import explain_busy as explain
    from bootwright.reports import explanation

    if not given:
        raise InputError("no path was given", hint="bootwright doctor why disk.img")
    path = Path(given)
    found = explain(path, locate_home())
    if as_json:
        screen.print_json(found)
    else:
        click.echo(explanation.text(found, width=_width()))
    return 0 if found.is_free else 1
