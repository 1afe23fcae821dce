"""What moves on the screen: progress bars and a status line, on stderr, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

from bootwright.errors import InputError


def say(text: str) -> None:
    """Print a message for people, on stderr."""
    click.echo(text, err=True)


def warn(told: Iterable[object]) -> None:
    """Print a warning for each of *told*, on stderr."""
    for one in told:
        say(f"warning: {one}")


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """Give a function that shows a step and the share of the whole that is done, 0 to 1.

    On a terminal this is a bar; elsewhere each step is a line.
    """
    if quiet:
        yield lambda step, share: None
        return
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def line(step: str, share: float) -> None:
            if step not in seen:
                seen.add(step)
                say(f"{title}: {step}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[title]}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0, title=title)
        yield lambda step, share: bar.update(task, description=step, completed=share)


@contextmanager
def status(text: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Give a function that replaces the status line; on anything but a terminal there is none."""
    if quiet or not sys.stderr.isatty():
        yield lambda new: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as line:
        task = line.add_task(text, total=None)
        yield lambda new: line.update(task, description=new)


def confirmed(question: str, *, as_json: bool) -> bool:
    """Ask whoever sits before the screen whether something may be removed.

    Raises:
        InputError: nobody does.
    """
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError(
            "nothing is removed without --yes "
            + ("where --json is given" if as_json else "where nobody can be asked"),
            hint="--yes removes, --dry-run only looks",
        )
    return click.confirm(question, err=True)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return rows as columns, wide enough for their content."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )


def print_json(value: object) -> None:
    """Print *value* on stdout as JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
