"""bootwright completion"""

from __future__ import annotations

import click


@click.command(
    "completion",
    epilog="""\b
Examples:
  eval "$(bootwright completion bash)"       in ~/.bashrc
  bootwright completion fish > ~/.config/fish/completions/bootwright.fish
""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL."""
    from click.shell_completion import get_completion_class

    from bootwright.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "bootwright", "_BOOTWRIGHT_COMPLETE").source())
