"""Write the reference of all commands, as Markdown, from the commands' own help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from bootwright.cli import timeline_diff
from bootwright.cli.main import cli

_HEAD = """\
# Commands

`bootwright COMMAND --help` prints the same. Commands with `--json` are described in
[JSON](json.md).
"""


def commands(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    """Yield a context for each command below *group*, a group before its commands."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, f"{name} is listed but not there"
        child = _context(command, name, context)
        yield child
        if isinstance(command, click.Group):
            yield from commands(command, child)
        if child.command_path == "bootwright timeline":  # its word is in no group
            yield _context(timeline_diff.command, "timeline diff", context)


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    context.terminal_width = 88  # as wide as a page of the site
    return context


def reference() -> str:
    """Return the page."""
    parts = [_HEAD]
    for context in commands(cli, _context(cli, "bootwright", None)):
        depth = context.command_path.count(" ")
        name = context.command_path.removeprefix("bootwright ")
        parts.append(f"{'#' * (depth + 1)} {name}\n\n```text\n{context.get_help()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(reference(), end="")
