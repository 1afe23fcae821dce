"""What moves on the screen: progress bars and a status line, on stderr, and only on a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePath

import click

from bootwright.cli import times
from bootwright.cli.tables import colors as colors
from bootwright.cli.tables import table as table
from bootwright.cli.tables import width as width
from bootwright.errors import InputError
from bootwright.events import Event, Notice, Observer, Progress
from bootwright.reports.text import size


def say(text: str) -> None:
    """Print a message on stderr."""
    click.echo(text, err=True)


def has_colours() -> bool:
    """Return whether what is printed on stdout may have colours.

    Source: https://no-color.org
    """
    return (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") not in (None, "", "dumb")
    )


def warn(warnings: Iterable[object]) -> None:
    """Print each of *warnings*, on stderr."""
    for one in warnings:
        say(f"warning: {one}")


@contextmanager
def observer(title: str, *, quiet: bool = False, patience_s: float = 0.0) -> Iterator[Observer]:
    """Give an observer that shows what a library function reports.

    A notice is a line. Progress is a bar, or where no share is known a status line; see `progress`
    and `status`. Other events are the caller's.

    Args:
        title: What is being worked on, such as a machine's name.
        quiet: Show notices only.
        patience_s: Work that is done within so many seconds shows no progress.
    """
    display = _Display(title)
    begun_s = time.monotonic()

    def observe(event: Event) -> None:
        if isinstance(event, Notice):
            say(event.text)
        elif quiet or time.monotonic() - begun_s < patience_s:
            return
        elif isinstance(event, Progress):
            display.show(event.step, event.share)

    try:
        yield observe
    finally:
        display.close()


class _Display:
    """A bar or a status line, whichever was needed last; nothing before it is needed."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._stack = ExitStack()
        self._bar: Callable[[str, float], None] | None = None
        self._status: Callable[[str], None] | None = None

    def show(self, step: str, share: float | None) -> None:
        text = f"{self._title}: {step}"
        if share is not None:
            if self._bar is None:
                self.close()
                self._bar = self._stack.enter_context(progress(self._title))
            self._bar(step, share)
        elif self._status is None:
            self.close()
            self._status = self._stack.enter_context(status(text))
        else:
            self._status(text)

    def close(self) -> None:
        self._stack.close()
        self._bar = self._status = None


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
            "confirmation needed: use --yes "
            + ("with --json" if as_json else "without a terminal"),
            hint="use --yes to remove, or --dry-run to list what would be removed",
        )
    return click.confirm(question, err=True)


def fields(value: object) -> str:
    """Return the fields of a dataclass, a line each; times and sizes as people read them."""
    import dataclasses

    assert dataclasses.is_dataclass(value)
    lines = []
    known = {field.name for field in dataclasses.fields(value)}
    for field in dataclasses.fields(value):
        name, content = field.name, getattr(value, field.name)
        if name.endswith("_bytes"):
            name, content = name.removesuffix("_bytes"), size(content)
            name += " size" * (name in known)
        elif name.endswith("_s"):
            name, content = name.removesuffix("_s"), times.shown(content)
        words = ", ".join(content) if isinstance(content, tuple) else content
        lines.append(f"{name + ':':<13}{words}".rstrip())
    return "\n".join(lines)


def print_json(value: object) -> None:
    """Print *value* on stdout as JSON."""
    import msgspec

    click.echo(msgspec.json.format(json_line(value), indent=2).decode())


def json_line(value: object) -> bytes:
    """Return *value* as JSON in one line."""
    import msgspec

    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: object) -> str:
    """Return a value that JSON does not know as one that it knows."""
    if isinstance(value, PurePath):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON")
