"""bootwright ps"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from bootwright.cli import machines, screen
from bootwright.cli.interrupts import Terminated
from bootwright.machines import survey
from bootwright.machines.survey import MachineStatus
from bootwright.reports import text

_WATCH_S = 0.5


@click.command(
    "ps",
    epilog="""\b
Examples:
  bootwright ps
  bootwright ps --watch
  bootwright ps --json | jq '.[] | select(.state == "running") | .name'
""",
)
@click.option("--watch", "-w", is_flag=True, help="Show changes as they happen, until Ctrl-C.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; with --watch, one line per change."
)
def command(watch: bool, as_json: bool) -> None:
    """List running machines, and stopped ones that were kept.

    A crashed machine ended without shutting down; its disk is as it was at that moment.
    """
    if watch:
        _watch(as_json)
        return
    rows = survey.machines(machines.home())
    if as_json:
        screen.print_json(rows)
    elif rows:
        click.echo(_table(rows))
    else:
        screen.say(_NONE)


_NONE = "no machines; start one: bootwright run IMAGE"


def _table(rows: tuple[MachineStatus, ...]) -> str:
    now = time.time()
    lines = []
    for row in rows:
        since = row.started_s if row.started_s is not None else row.ended_s
        verb = "started" if row.started_s is not None else "ended"
        lines.append(
            [
                row.name,
                row.state,
                row.image,
                row.kernel,
                row.accelerator,
                " ".join(f"{host}→{guest}" for guest, host in row.ports.items()),
                f"{verb} {text.age(since, now)}" if since else "",
                row.detail,
            ]
        )
    header = ["NAME", "STATE", "IMAGE", "KERNEL", "ACCEL", "PORTS", "SINCE", "DETAIL"]
    if not any(row.detail for row in rows):
        header, lines = header[:-1], [line[:-1] for line in lines]
    return screen.table(header, lines, optional=("KERNEL", "ACCEL", "IMAGE"))


def _watch(as_json: bool) -> None:
    """Show the machines again whenever something has changed, until interrupted."""
    try:
        _show_changes(as_json)
    except Terminated:
        raise
    except KeyboardInterrupt:
        return  # it is how one leaves


def _show_changes(as_json: bool) -> None:
    shown: tuple[MachineStatus, ...] | None = None
    with _display(as_json) as show:
        while True:
            rows = survey.machines(machines.home())
            # On a terminal the ages grow as well.
            if rows != shown or (sys.stdout.isatty() and not as_json):
                show(rows)
                shown = rows
            time.sleep(_WATCH_S)


@contextmanager
def _display(as_json: bool) -> Iterator[Callable[[tuple[MachineStatus, ...]], None]]:
    """Give what shows rows: a live table on a terminal, else one table or JSON line a change."""

    def words(rows: tuple[MachineStatus, ...]) -> str:
        return _table(rows) if rows else _NONE

    def line(rows: tuple[MachineStatus, ...]) -> None:
        click.echo(screen.json_line(rows) if as_json else words(rows))
        sys.stdout.flush()

    if as_json or not sys.stdout.isatty():
        yield line
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, screen=False) as live:
        yield lambda rows: live.update(Text.from_ansi(words(rows), no_wrap=True), refresh=True)
