"""bootwright recipe ..."""

from __future__ import annotations

from typing import Any

import click

from bootwright import home as homes
from bootwright.cli import names, screen
from bootwright.cli.boot_options import boot_options, completed, draft_of


@click.group("recipe", epilog="Example: bootwright recipe show web > web.toml")
def command() -> None:
    """Show what a boot is made of."""


@command.command(epilog="Example: bootwright recipe show web --memory 1G > web.toml")
@click.argument("image", required=False, shell_complete=names.images)
@boot_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of TOML.")
def show(image: str | None, as_json: bool, **options: Any) -> None:
    """Print the completed recipe of a boot of IMAGE, as TOML that --recipe takes back.

    Images, kernels and guest files are named by their content, so that the same recipe is the same
    experiment, today and later, here and elsewhere.
    """
    from bootwright.machine.draft import to_toml

    recipe, _ = completed(homes.locate(), draft_of(image, options), quiet=as_json)
    if as_json:
        screen.print_json(recipe)
    else:
        click.echo(to_toml(recipe), nl=False)
