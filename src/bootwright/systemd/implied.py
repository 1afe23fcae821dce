"""Dependencies that no file writes down: what systemd adds by itself for each type of unit.

Source: "Implicit Dependencies" and "Default Dependencies" in systemd.service(5), systemd.socket(5),
systemd.timer(5), systemd.path(5), systemd.mount(5), systemd.automount(5), systemd.slice(5);
systemd.special(7) for system.slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from bootwright.systemd.unitfiles import UnitFile, escape_path, expand, parse_name, unescape, words

Kind = Literal[
    "Wants",
    "Requires",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Upholds",
    "Conflicts",
    "Before",
    "After",
    "Triggers",
]
"""How one unit depends on another, in systemd's words."""
Dependency = tuple[Kind, str, str]
"""The kind, the unit, and the rule that says so."""

_DEFAULT = "DefaultDependencies="
_WITH_SLICE = ("service", "socket", "mount", "swap")
_EARLY_MOUNTS = ("-", "usr", "etc", "run", "proc", "sys", "dev")
"""Mounted before systemd itself; nobody unmounts or orders them."""


_EXTRINSIC = ("", "etc", "usr", "dev", "proc", "sys")
"""Mounts below these are the system's own (mount_is_extrinsic() in src/core/mount.c)."""
DASH = "\\x2d"


def is_implicit(name: str) -> bool:
    """Return whether systemd creates the unit without a file."""
    own = parse_name(name)
    return own is not None and (own.type in ("device", "slice", "scope") or name == "-.mount")


def own(name: str, file: UnitFile) -> Iterator[Dependency]:
    """Yield what systemd adds to a unit by its type and settings."""
    parts = parse_name(name)
    if parts is None:
        return
    yield from _triggered(name, file)
    if parts.type == "service":
        for word in (w for value in file.every("Service", "Sockets") for w in words(value)):
            if socket := expand(word, name):
                yield "Wants", socket, "Sockets="
                yield "After", socket, "Sockets="
        if file.boolean("Service", "PrivateTmp", default=False):
            yield "Wants", "tmp.mount", "PrivateTmp="
            yield "After", "tmp.mount", "PrivateTmp="
        # A service with a bus name is of this type unless it says otherwise.
        kind = "dbus" if file.last("Service", "BusName") else "simple"
        if file.last("Service", "Type", kind) == "dbus":
            yield "Requires", "dbus.socket", "Type=dbus"
            yield "After", "dbus.socket", "Type=dbus"
    if parts.type in _WITH_SLICE:
        if chosen := _slice(name, file):
            yield "Requires", chosen, "Slice="
            yield "After", chosen, "Slice="
    elif parts.type == "slice" and name != "-.slice":
        above = f"{parts.prefix.rpartition('-')[0] or '-'}.slice"
        yield "Requires", above, "Slice="
        yield "After", above, "Slice="
    if file.boolean("Unit", "DefaultDependencies", default=True):
        yield from _default(name, parts.type, file)


def mounts_for(file: UnitFile, name: str) -> list[str]:
    """Return the mount units that the paths a unit needs may lie on, whether they exist or not."""
    paths = [
        path
        for value in file.every("Unit", "RequiresMountsFor")
        for word in words(value)
        if (path := expand(word, name)) and path.startswith("/")
    ]
    for key, base in _DIRECTORIES.items():
        for value in file.values("Service", key):
            paths += [
                f"{base}/{word.partition(':')[0]}" for word in words(value) if "%" not in word
            ]
    for key in ("WorkingDirectory", "RootDirectory", "RootImage"):
        path = file.last("Service", key).lstrip("-")
        paths += [path] if path.startswith("/") and "%" not in path else []
    if file.boolean("Service", "PrivateTmp", default=False):
        paths.append("/var/tmp")
    if name.endswith(".mount") and name != "-.mount":
        # A mount needs those that it lies below, and what it mounts.
        where = "/" + unescape(name.removesuffix(".mount"))
        paths.append(where.rpartition("/")[0] or "/")
    found: dict[str, None] = {}
    for path in paths:
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts) + 1):
            found[f"{escape_path('/'.join(parts[:depth]))}.mount"] = None
    return list(found)


_DIRECTORIES = {
    "RuntimeDirectory": "/run",
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
}


def _triggered(name: str, file: UnitFile) -> Iterator[Dependency]:
    """Yield what a socket, timer, path or automount starts when its time comes."""
    prefix, _, kind = name.rpartition(".")
    if kind == "socket":
        if file.boolean("Socket", "Accept", default=False):
            return  # each connection starts an instance of its own
        target = file.last("Socket", "Service", f"{prefix}.service")
    elif kind in ("timer", "path"):
        target = file.last(kind.capitalize(), "Unit", f"{prefix}.service")
    elif kind == "automount":
        target = f"{prefix}.mount"
    else:
        return
    if known := expand(target, name):
        rule = {"socket": "Service=", "automount": "Where="}.get(kind, "Unit=")
        yield "Triggers", known, rule
        yield "Before", known, rule


def _slice(name: str, file: UnitFile) -> str:
    parts = parse_name(name)
    assert parts is not None
    section = parts.type.capitalize()
    if written := file.last(section, "Slice"):
        return expand(written, name) or ""
    if parts.type == "mount" and parts.prefix.partition("-")[0] in _EXTRINSIC:
        return "-.slice"
    if parts.instance is not None:
        # A dash would make the slice one within another.
        return f"system-{parts.prefix.replace('-', DASH)}.slice"
    return "system.slice"


def _default(name: str, kind: str, file: UnitFile) -> Iterator[Dependency]:
    if kind in ("service", "socket", "timer", "path"):
        yield "Requires", "sysinit.target", _DEFAULT
        yield "After", "sysinit.target", _DEFAULT
    if kind == "service":
        yield "After", "basic.target", _DEFAULT
    elif kind in ("socket", "timer", "path"):
        yield "Before", f"{kind}s.target", _DEFAULT
    if kind in ("service", "socket", "timer", "path", "target", "slice", "scope"):
        if name not in ("shutdown.target", "-.slice", "system.slice"):
            yield "Conflicts", "shutdown.target", _DEFAULT
            yield "Before", "shutdown.target", _DEFAULT
    elif kind in ("mount", "automount", "swap"):
        if name.removesuffix(".mount") in _EARLY_MOUNTS:
            return
        yield "Conflicts", "umount.target", _DEFAULT
        yield "Before", "umount.target", _DEFAULT
        if kind == "swap":
            yield "Before", "swap.target", _DEFAULT
        else:
            place = "remote-fs" if "_netdev" in file.last("Mount", "Options") else "local-fs"
            yield "Before", f"{place}.target", _DEFAULT
            yield "After", f"{place}-pre.target", _DEFAULT
