"""Small systems, their graphs, and trims of them."""

from __future__ import annotations

from collections.abc import Mapping

from bootwright.digest import Digest
from bootwright.images.files import Files, Link
from bootwright.systemd import graph
from bootwright.systemd.graph import Graph
from bootwright.trims import trim
from bootwright.trims.trim import TrimPlan

LIB = "/usr/lib/systemd/system"
ETC = "/etc/systemd/system"
IMAGE = Digest("sha256-" + "1" * 64)


def graph_of(entries: Mapping[str, bytes | str | Link]) -> Graph:
    """Return the graph of a small system with these files besides."""
    base: dict[str, bytes | str | Link] = {
        "/lib": Link("usr/lib"),
        "/usr/lib/systemd/systemd": "systemd",
        f"{LIB}/default.target": Link("graphical.target"),
        f"{LIB}/graphical.target": "[Unit]\nRequires=multi-user.target\n",
        f"{LIB}/multi-user.target": "[Unit]\nRequires=basic.target\n",
        f"{LIB}/basic.target": "[Unit]\nRequires=sysinit.target\nWants=sockets.target\n",
        f"{LIB}/sockets.target": "[Unit]\n",
        f"{LIB}/sysinit.target": "[Unit]\nWants=local-fs.target\n",
        f"{LIB}/local-fs.target": "[Unit]\nDefaultDependencies=no\n",
        f"{LIB}/shutdown.target": "[Unit]\nDefaultDependencies=no\n",
    }
    return graph.read(Files.of(base | dict(entries)))


def wanted(unit: str, by: str = "multi-user.target") -> dict[str, bytes | str | Link]:
    """Return the link by which *by* wants *unit*."""
    return {f"{LIB}/{by}.wants/{unit}": Link(f"../{unit}")}


def planned(entries: Mapping[str, bytes | str | Link], *keep: str) -> TrimPlan:
    """Plan a trim of a small system that starts an SSH server, which is kept, and *entries*."""
    base: dict[str, bytes | str | Link] = {f"{LIB}/ssh.service": "[Service]\n"}
    keep = ("ssh.service", *keep)
    return trim.plan_trim(
        graph_of({**base, **wanted("ssh.service"), **entries}), name="t", image=IMAGE, keep=keep
    )


def goes(plan: TrimPlan) -> dict[str, str]:
    return {mask.unit: mask.reason for mask in plan.trim.masks}


def stays(plan: TrimPlan) -> dict[str, str]:
    return {stay.unit: stay.reason for stay in plan.kept_units}
