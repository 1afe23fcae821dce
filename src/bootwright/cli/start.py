"""bootwright start"""

from __future__ import annotations

import click

from bootwright.booting.request import kept
from bootwright.cli import names
from bootwright.cli.run import carry_out
from bootwright.home import locate_home


@click.command("start", epilog="Example: bootwright start web")
@click.argument("name", shell_complete=names.machines)
@click.option(
    "--console-login/--no-console-login",
    default=None,
    help="Whether its console has a root shell without a password; default: as it was made.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Maximum duration of the start-up.")
@click.option("--json", "as_json", is_flag=True, help="Print the phases as JSON.")
@click.pass_obj
def command(
    entered_ns: int,
    name: str,
    console_login: bool | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Start a kept machine again, with its disk as it left it."""
    request = kept(locate_home(), name, timeout, console_login=console_login)
    carry_out(request, ("true",), entered_ns, quiet=as_json, detach=True)
