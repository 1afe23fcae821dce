"""The unit graph of an image, as systemd would build it, without a boot.

Source: systemd.unit(5) and its siblings; their sections on implicit and default dependencies.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from bootwright.images.files import Files
from bootwright.images.reading import Wanted
from bootwright.systemd import busnames, conffiles, generators, implied, presets, sysusers, tmpfiles
from bootwright.systemd.implied import Kind
from bootwright.systemd.unitfiles import NOTHING, UnitFile, expand, parse_name, words
from bootwright.systemd.unitfolders import FOLDERS, UnitFolders

SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")

WANTED = Wanted(
    contents=(
        *(*FOLDERS, *busnames.FOLDERS, *generators.SOURCES, *sysusers.SOURCES),
        *conffiles.folders(tmpfiles.KIND),
        *conffiles.folders(sysusers.KIND),
        *conffiles.folders(presets.KIND),
    ),
    names=(*generators.FOLDERS, "/usr/lib/systemd", "/lib/systemd"),
)
"""The files of an image that the graph is made from."""

State = Literal["loaded", "masked", "missing", "generated", "implicit"]
"""``implicit``: systemd makes it without a file: devices, slices, the root mount."""


WRITTEN: tuple[Kind, ...] = (
    *("Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds"),
    *("Conflicts", "Before", "After"),
)
"""The keys of a unit file's [Unit] section that make edges."""
NEEDS: tuple[Kind, ...] = ("Requires", "Requisite", "BindsTo")
"""Dependencies that a unit cannot start without."""
STARTS: tuple[Kind, ...] = (*NEEDS, "Wants", "Upholds")
"""Dependencies that are started with a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One dependency."""

    source: str
    kind: Kind
    target: str
    origin: str
    """The file that says so, or what rule of systemd's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit: its own name, and what leads from it."""

    name: str
    state: State
    path: str
    """Its file in the image; empty where there is none."""
    edges: tuple[Edge, ...] = ()
    file: UnitFile = NOTHING

    @property
    def type(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """A problem in the image's units."""

    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All units of an image, and the units that these name."""

    units: dict[str, Unit]
    aliases: dict[str, str]
    generators: dict[str, str]
    """What runs as a generator, by name, with its path."""
    bus_names: dict[str, str]
    """``{D-Bus name: the unit that its first caller starts}``, by an alias as a rule."""
    paths: tuple[tmpfiles.TmpfilesPath, ...]
    """Paths that systemd-tmpfiles makes."""
    users: tuple[sysusers.SysusersEntry, ...]
    """Users and groups that systemd-sysusers makes."""
    presets: tuple[presets.Rule, ...]
    warnings: tuple[Warning, ...]

    def real_name(self, name: str) -> str:
        return self.aliases.get(name, name)

    def edges_from(self, name: str, kinds: Iterable[Kind]) -> list[Edge]:
        wanted = tuple(kinds)
        return [edge for edge in self.units[name].edges if edge.kind in wanted]

    def edges_to(self, name: str, kinds: Iterable[Kind]) -> list[Edge]:
        wanted = tuple(kinds)
        return [
            edge
            for unit in self.units.values()
            for edge in unit.edges
            if edge.target == name and edge.kind in wanted
        ]

    def started_by(self, name: str = "default.target") -> dict[str, Edge | None]:
        """Return all that starts with a unit, each with the edge by which it was first reached.

        Masked and missing units are in it, but nothing that they would have started.
        """
        first = self.real_name(name)
        reached: dict[str, Edge | None] = {first: None} if first in self.units else {}
        queue = list(reached)
        while queue:
            unit = self.units[queue.pop(0)]
            if unit.state in ("masked", "missing"):
                continue
            for edge in unit.edges:
                if edge.kind in STARTS and edge.target not in reached:
                    reached[edge.target] = edge
                    queue.append(edge.target)
        return reached

    def matching(self, pattern: str) -> list[str]:
        """Return the own names of the units that a glob, or a unit's name, means."""
        named = {*self.units, *self.aliases}
        found = fnmatch.filter(named, pattern) if set(pattern) & set("*?[") else [pattern]
        own = {self.real_name(name) for name in found if name in named}
        return sorted(own & set(self.units))  # an alias may be a template's


def read(files: Files, *, console: str = "ttyS0") -> Graph:
    """Read the graph from an image's *files*, which must hold `WANTED`.

    Args:
        console: The serial console that the kernel command line names; empty: none.
    """
    reader = _Reader(files, console)
    reader.read()
    return reader.graph()


class _Reader:
    def __init__(self, files: Files, console: str) -> None:
        self._files = files
        self._warnings: dict[tuple[str, str], None] = {}
        self._folders = UnitFolders(files, self._warn)
        self._generators = generators.find(files)
        self._generated = generators.units(
            files,
            self._generators,
            console=console,
            with_files=frozenset(self._folders.names()),
            warn=self._warn,
        )
        self._also: dict[str, set[str]] = {}
        for alias, own in self._folders.aliases().items():
            self._also.setdefault(own, set()).add(alias)
        self._aliases: dict[str, str] = self._folders.aliases()
        self._units: dict[str, Unit] = {}
        self._queue: list[str] = []

    def read(self) -> None:
        if not any(self._files.is_there(path) for path in SYSTEMD):
            self._warn(SYSTEMD[0], "is missing: the image has no systemd")
        if "default.target" not in self._folders.names():
            self._warn(
                "/etc/systemd/system/default.target", "is missing: the image has no default target"
            )
        for place, target in self._folders.dangling():
            self._warn(place, f"is a dangling link to {target}")
        names = [n for n in self._folders.names() if not _is_template(n)]
        for name in [*names, *self._generated, "-.mount", "-.slice"]:
            self._meet(name)
        while self._queue:
            name = self._queue.pop()
            self._units[name] = self._unit(name)
        for unit in list(self._units.values()):
            self._units[unit.name] = self._with_implied(unit)
            self._warn_dangling(unit)

    def graph(self) -> Graph:
        graph = Graph(
            units=dict(sorted(self._units.items())),
            aliases=self._aliases,
            generators=self._generators,
            bus_names=busnames.find(self._files),
            paths=tmpfiles.find(self._files),
            users=sysusers.find(self._files),
            presets=presets.find(self._files),
            warnings=(),
        )
        for cycle in cycles(graph, graph.started_by()):
            self._warn(
                graph.units[cycle[0]].path, f"is in a dependency cycle: {' -> '.join(cycle)}"
            )
        warnings = tuple(Warning(place=place, text=text) for place, text in self._warnings)
        return replace(graph, warnings=warnings)

    def _warn(self, place: str, text: str) -> None:
        self._warnings[place, text] = None

    def _meet(self, name: str) -> str:
        """Return the own name of a unit that was named, and see that it is read."""
        own = self._folders.real_name(name)
        if own != name:
            self._aliases[name] = own
            self._also.setdefault(own, set()).add(name)
        if own not in self._units and own not in self._queue:
            self._queue.append(own)
        return own

    def _unit(self, name: str) -> Unit:
        aliases = frozenset(self._also.get(name, ()))
        found = self._folders.find(name, aliases)
        file, state, path = found.file, found.state, found.path
        made = self._generated.get(name)
        origin = path
        said: State = state
        if made is not None and state == "missing":
            said, file, origin = "generated", made.file, made.origin
        elif state == "missing" and implied.is_implicit(name):
            said = "implicit"
        edges = []
        if said in ("loaded", "generated", "implicit"):
            for kind in WRITTEN:
                edges += self._written(name, kind, file, origin)
            for kind, target, why in implied.own(name, file):
                edges.append(self._edge(name, kind, target, why))
        folders: tuple[tuple[str, Kind], ...] = (
            ("wants", "Wants"),
            ("requires", "Requires"),
            ("upholds", "Upholds"),
        )
        for suffix, kind in folders:
            for entry, place in self._folders.pulled(name, suffix, aliases):
                edges.append(self._edge(name, kind, entry, place))
        for kind, target, why in self._pulled_by_generators(name):
            edges.append(self._edge(name, kind, target, why))
        unique = {(edge.kind, edge.target): edge for edge in reversed(edges)}
        return Unit(
            name=name,
            state=said,
            path=path,
            edges=tuple(edge for edge in reversed(unique.values()) if edge.target != name),
            file=file,
        )

    def _written(self, name: str, kind: Kind, file: UnitFile, origin: str) -> list[Edge]:
        edges = []
        for value in file.every("Unit", kind):
            for word in words(value):
                target = expand(word, name)
                own = parse_name(target) if target else None
                if target is None or own is None or own.is_template:
                    if kind in STARTS:
                        self._warn(
                            origin, f"{kind}={word} names no unit that is known before a boot"
                        )
                    continue
                edges.append(self._edge(name, kind, target, origin))
        return edges

    def _pulled_by_generators(self, name: str) -> list[tuple[Kind, str, str]]:
        pulled: list[tuple[Kind, str, str]] = []
        for made, unit in self._generated.items():
            pulled += [("Wants", made, unit.origin) for by in unit.wanted_by if by == name]
            pulled += [("Requires", made, unit.origin) for by in unit.required_by if by == name]
        return pulled

    def _edge(self, source: str, kind: Kind, target: str, origin: str) -> Edge:
        return Edge(source=source, kind=kind, target=self._meet(target), origin=origin)

    def _with_implied(self, unit: Unit) -> Unit:
        """Add what follows from which mounts there are."""
        known = {(edge.kind, edge.target) for edge in unit.edges}
        edges = list(unit.edges)
        if unit.state in ("loaded", "generated"):
            for mount in implied.mounts_for(unit.file, unit.name):
                there = self._units.get(mount)
                if there is None or there.state not in ("loaded", "generated"):
                    continue
                implied_kinds: tuple[Kind, ...] = ("Requires", "After")
                for kind in implied_kinds:
                    if (kind, mount) not in known and mount != unit.name:
                        edges.append(
                            Edge(
                                source=unit.name,
                                kind=kind,
                                target=mount,
                                origin="RequiresMountsFor=",
                            )
                        )
        return Unit(
            name=unit.name, state=unit.state, path=unit.path, edges=tuple(edges), file=unit.file
        )

    def _warn_dangling(self, unit: Unit) -> None:
        """Warn of links in .wants folders that pull in nothing."""
        for edge in unit.edges:
            place = edge.origin
            if not place.startswith("/") or self._files.target(place) is None:
                continue
            if self._units[edge.target].state == "missing" and not self._files.is_there(place):
                self._warn(place, f"is a dangling link to {self._files.target(place)}")


def cycles(graph: Graph, names: Iterable[str]) -> list[list[str]]:
    """Return the cycles of units that want or require each other; legal, but misleading."""
    found: list[list[str]] = []
    done: set[str] = set()
    for start in names:
        path: list[str] = []
        stack = [(start, 0)]
        while stack:
            name, depth = stack.pop()
            del path[depth:]
            if name in path:
                found.append([*path[path.index(name) :], name])
            if name in done:
                continue
            done.add(name)
            path.append(name)
            stack += [
                (edge.target, depth + 1)
                for edge in graph.edges_from(name, STARTS)
                if edge.origin.startswith("/")  # not by a rule of systemd's own
            ]
    return found


def _is_template(name: str) -> bool:
    own = parse_name(name)
    return own is not None and own.is_template
