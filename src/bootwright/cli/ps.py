"""bootwright ps"""

from __future__ import annotations

import time

import click

from bootwright import home as homes
from bootwright.cli import screen
from bootwright.digest import short
from bootwright.errors import FormatError, InputError
from bootwright.home import Home
from bootwright.images import image as images
from bootwright.kernels import kernel as kernels
from bootwright.machine import folder as folders
from bootwright.machine.folder import MachineFolder
from bootwright.store import Store


@click.command("ps", epilog="Example: bootwright ps --json | jq .[].name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List machines: those that run, and kept ones that are stopped."""
    home = homes.locate()
    folders.sweep(home)
    rows = [_row(home, folder) for folder in folders.every(home)]
    if as_json:
        screen.print_json(rows)
        return
    if not rows:
        screen.say("there is no machine; bootwright run IMAGE makes one")
        return
    now = time.time()
    lines = []
    for row in rows:
        ports = row["ports"]
        assert isinstance(ports, dict)
        started = row["started_s"]
        lines.append(
            [
                str(row["name"]),
                str(row["state"]),
                str(row["image"]),
                str(row["kernel"]),
                str(row["accelerator"]),
                " ".join(f"{host}→{guest}" for guest, host in ports.items()),
                screen.age(float(started), now) if isinstance(started, int) else "",
            ]
        )
    click.echo(
        screen.table(["NAME", "STATE", "IMAGE", "KERNEL", "ACCEL", "PORTS", "STARTED"], lines)
    )


def _row(home: Home, folder: MachineFolder) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(
        ("name", "state", "image", "kernel", "accelerator", "ports", "started_s", "folder"), ""
    )
    row |= {"name": folder.name, "folder": str(folder.path), "ports": {}, "started_s": None}
    try:
        recipe = folder.spec().recipe
        row["image"] = _name(images.shelf(home), recipe.image) if recipe.image else "(tiny)"
        row["kernel"] = _name(kernels.shelf(home), recipe.kernel)
        row["accelerator"] = recipe.accelerator
        row["state"] = "stopped"
        if folder.is_alive():
            row["state"] = "starting"
            running = folder.running()
            row |= {"ports": running.ports, "started_s": running.started_s, "state": "running"}
    except InputError:
        pass  # its monitor is alive, and has not started the VMM yet
    except FormatError:
        row["state"] = "damaged"
    return row


def _name(shelf: Store, digest: str) -> str:
    names = [name for name, stands_for in shelf.names().items() if stands_for == digest]
    return names[0] if names else short(digest)
