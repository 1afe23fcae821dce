"""bootwright doctor"""

from __future__ import annotations

import click

from bootwright import home as homes
from bootwright.cli import screen


@click.command(
    "doctor",
    epilog="""\b
Examples:
  bootwright doctor
  bootwright doctor --fix
  bootwright doctor --json | jq '.checks[] | select(.state == "problem")'
""",
)
@click.option("--fix", is_flag=True, help="Give back what is ours and dead; touch nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(fix: bool, as_json: bool) -> int:
    """Look at this host and at what is ours on it: what works, what does not, and why.

    Exit status: 0 where bootwright can do its job, 1 where there is a problem.
    """
    from bootwright.doctor import fix as fixing
    from bootwright.doctor import host, ours
    from bootwright.report import checks

    home = homes.locate()
    fixed = fixing.fix(home) if fix else []
    found = [*host.examine(home), *ours.examine(home)]
    if as_json:
        screen.print_json({"checks": found, "fixed": fixed})
    else:
        click.echo(checks.text(found))
        for line in fixed:
            click.echo(f"fixed: {line}")
        if fix and not fixed:
            click.echo("there was nothing to fix")
        elif not fix and any(check.fixable for check in found):
            click.echo("bootwright doctor --fix mends what is marked as left behind")
    return 1 if any(check.state == "problem" for check in found) else 0
