"""Users and groups that systemd-sysusers makes at a boot because the image does not have them yet.

Source: sysusers.d(5); passwd(5), group(5); systemd.exec(5), User=.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bootwright.images.files import Files
from bootwright.systemd import conffiles
from bootwright.systemd.unitfiles import UnitFile, words

KIND = "sysusers.d"
SERVICE = "systemd-sysusers.service"
SOURCES = ("/etc/passwd", "/etc/group")


@dataclass(frozen=True, slots=True, kw_only=True)
class SysusersEntry:
    """A user or a group that the image does not have yet."""

    name: str
    origin: str
    """The file that says so."""


def find(files: Files) -> tuple[SysusersEntry, ...]:
    """Return who is made; a user comes with a group of the same name."""
    passwd, group = (_names(files, path) for path in SOURCES)
    found: dict[str, SysusersEntry] = {}
    for origin, line in conffiles.lines(files, KIND, ".conf"):
        kind, *rest = words(line)
        there = {"u": passwd, "u!": passwd, "g": group}.get(kind)
        if rest and there is not None and rest[0] not in there and "%" not in rest[0]:
            found.setdefault(rest[0], SysusersEntry(name=rest[0], origin=origin))
    return tuple(found.values())


def needed_by(file: UnitFile, made: Iterable[SysusersEntry]) -> SysusersEntry | None:
    """Return the first of who is *made* that a service runs as; None: it needs nobody."""
    if file.boolean("Service", "DynamicUser", default=False):
        return None
    names = {file.last("Service", "User"), file.last("Service", "Group")}
    for value in file.values("Service", "SupplementaryGroups"):
        names.update(words(value))
    return next((one for one in made if one.name in names), None)


def _names(files: Files, path: str) -> set[str]:
    content = (files.read(path) or b"").decode(errors="replace")
    return {line.partition(":")[0] for line in content.splitlines()}
