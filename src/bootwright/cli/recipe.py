"""bootwright recipe ..."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from bootwright.cli import names, screen
from bootwright.cli.boot_options import boot_options, completed, draft_of
from bootwright.home import locate_home

if TYPE_CHECKING:
    from bootwright.defaults.speed import ExplainedDefault


@click.group("recipe", epilog="Example: bootwright recipe show web > web.toml")
def command() -> None:
    """Show a boot's complete configuration."""


@command.command(
    epilog="""\b
Examples:
  bootwright recipe show web --memory 1G > web.toml
  bootwright recipe show web --why
  bootwright recipe show web --stock
"""
)
@click.argument("image", required=False, shell_complete=names.images)
@boot_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of TOML.")
@click.option(
    "--why",
    is_flag=True,
    help="Explain the defaults chosen for speed: reason, time saved, side effects.",
)
def show(image: str | None, as_json: bool, why: bool, **options: Any) -> None:
    """Print the complete recipe for booting IMAGE, as TOML for --recipe.

    Images, kernels and guest files are named by their content, so that the same recipe is the same
    experiment, today and later, here and elsewhere.
    """
    from bootwright.recipes.recipe_file import to_toml

    recipe, _ = completed(locate_home(), draft_of(image, options), quiet=as_json)
    if not why:
        if as_json:
            screen.print_json(recipe)
        else:
            click.echo(to_toml(recipe), nl=False)
        return
    from bootwright.defaults.speed import explain

    explained = explain(recipe)
    if as_json:
        screen.print_json(explained)
        return
    click.echo(to_toml(recipe), nl=False)
    # As comments, so that all of it is still a recipe.
    click.echo("\n# Defaults chosen for speed; --without NAME disables one, --stock all:")
    for default in explained.defaults:
        click.echo("\n".join(_lines(default)))


def _lines(default: ExplainedDefault) -> list[str]:
    state = "on" if default.is_on else "off here"
    if default.needs:
        state += f"; needs {default.needs}"
    lines = ["#", f"# {default.name} ({state})"]
    for label, words in (
        ("why", default.reason),
        ("saved", default.measured),
        ("costs", default.side_effect),
        ("stock", default.stock),
    ):
        lines += textwrap.wrap(
            words,
            98,
            initial_indent=f"#   {label + ':':<7}",
            subsequent_indent="#          ",
            break_long_words=False,
        )
    return lines
