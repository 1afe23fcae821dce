"""bootwright ps"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click

from bootwright.cli import machines, names, screen
from bootwright.errors import FormatError, GuestError, InputError
from bootwright.home import Home
from bootwright.images import image as images
from bootwright.kernels import kernel as kernels
from bootwright.machine import control
from bootwright.machine import folder as folders
from bootwright.machine.folder import MachineFolder
from bootwright.report import text

_WATCH_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One machine; documented in docs/json.md."""

    name: str
    state: str = "stopped"
    detail: str = ""
    image: str = ""
    kernel: str = ""
    accelerator: str = ""
    ports: dict[int, int] = field(default_factory=dict)
    started_s: int | None = None
    ended_s: int | None = None
    monitor_pid: int | None = None
    vmm_pid: int | None = None
    folder: str = ""


@click.command(
    "ps",
    epilog="""\b
Examples:
  bootwright ps
  bootwright ps --watch
  bootwright ps --json | jq '.[] | select(.state == "running") | .name'
""",
)
@click.option("--watch", "-w", is_flag=True, help="Show changes as they come, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch, a line a change.")
def command(watch: bool, as_json: bool) -> None:
    """List machines: those that run, and kept ones that do not.

    A crashed machine ended without shutting down; its disk is as it was at that moment.
    """
    if watch:
        _watch(as_json)
        return
    rows = survey(machines.home())
    if as_json:
        screen.print_json(rows)
    elif rows:
        click.echo(_table(rows))
    else:
        screen.say(_NONE)


_NONE = "there is no machine; bootwright run IMAGE makes one"


def survey(home: Home) -> list[Row]:
    """Return all machines; those that run are asked how they are."""
    rows = [_row(home, folder) for folder in folders.every(home)]
    # One that was removed while we looked is no damaged machine.
    return [row for row in rows if row.state != "damaged" or Path(row.folder).exists()]


def _row(home: Home, folder: MachineFolder) -> Row:
    known: dict[str, object] = {"name": folder.name, "folder": str(folder.path)}
    try:
        recipe = folder.spec().recipe
        known["image"] = (
            names.of_digest(images.shelf(home), recipe.image) if recipe.image else "(tiny)"
        )
        known["kernel"] = names.of_digest(kernels.shelf(home), recipe.kernel)
        known["accelerator"] = recipe.accelerator
        known |= _life(folder)
    except FormatError as error:
        known |= {"state": "damaged", "detail": str(error)}
    return Row(**known)  # type: ignore[arg-type]


def _life(folder: MachineFolder) -> dict[str, object]:
    """Return what a machine does, or how it ended."""
    try:
        status = control.status(folder)
    except InputError:
        pass  # it does not run
    except GuestError:
        if not folder.control.exists():
            return {"state": "starting"}
        return {"state": "unresponsive", "detail": "its monitor does not answer"}
    else:
        return {
            "state": status.state,
            "detail": status.detail,
            "ports": status.ports,
            "started_s": status.started_s,
            "monitor_pid": status.monitor_pid,
            "vmm_pid": status.vmm_pid or None,
        }
    last = folder.last_end()
    if last is None:
        return {"state": "stopped"}
    if last.reason == "lost":
        return {"state": "crashed", "detail": last.text, "started_s": last.ended_s}
    return {
        "state": "crashed" if last.is_crash else "stopped",
        "detail": "" if last.reason in ("stopped", "powered-off") else last.text,
        "ended_s": last.ended_s,
    }


def _table(rows: list[Row]) -> str:
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
    return screen.table(header, lines)


def _watch(as_json: bool) -> None:
    """Show the machines again whenever something has changed, until interrupted."""
    shown: list[Row] | None = None
    with suppress(KeyboardInterrupt), _display(as_json) as show:
        while True:
            rows = survey(machines.home())
            # On a terminal the ages grow as well.
            if rows != shown or (sys.stdout.isatty() and not as_json):
                show(rows)
                shown = rows
            time.sleep(_WATCH_S)


@contextmanager
def _display(as_json: bool) -> Iterator[Callable[[list[Row]], None]]:
    """Give what shows rows: a live table on a terminal, else one table or JSON line a change."""

    def words(rows: list[Row]) -> str:
        return _table(rows) if rows else _NONE

    def line(rows: list[Row]) -> None:
        import msgspec

        click.echo(msgspec.json.encode(rows) if as_json else words(rows))
        sys.stdout.flush()

    if as_json or not sys.stdout.isatty():
        yield line
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, screen=False) as live:
        yield lambda rows: live.update(Text(words(rows), no_wrap=True), refresh=True)
