"""Paths that systemd-tmpfiles makes at each boot, and which units need them.

No unit says that it needs one, so it is told by two signs: the unit's settings name the path or one
below it, or the file that makes it is called after the unit.

Source: tmpfiles.d(5); systemd.exec(5), RuntimeDirectory=; systemd.unit(5), "Specifiers".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bootwright.images.files import Files
from bootwright.systemd import conffiles
from bootwright.systemd.unitfiles import UnitFile, parse_name, words

KIND = "tmpfiles.d"
SERVICE = "systemd-tmpfiles-setup.service"
NOLOGIN = "/run/nologin"
"""While it is there, nobody but root can log in; systemd-user-sessions.service removes it."""

_MAKES = re.compile(r"[fFdDvqQpLcbC][-+!=~^$?]*")
_VOLATILE = ("/run/", "/tmp/")
"""Empty before a boot; what lies elsewhere is in the image already, or is not missed at first."""
_PATHS = re.compile(r"(?<![A-Za-z0-9_.-])/(?:run|var/run|tmp)/[A-Za-z0-9_.@/+:-]+")
_WITHOUT = ("InaccessiblePaths", "ReadOnlyPaths", "TemporaryFileSystem")
"""Settings that name paths which need not be there for the service's sake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TmpfilesPath:
    """A path that is made at boot."""

    path: str
    origin: str
    """The file that says so."""


def find(files: Files) -> tuple[TmpfilesPath, ...]:
    """Return what is made below /run and /tmp; not what depends on the machine, such as ``%b``."""
    found: dict[str, TmpfilesPath] = {}
    for origin, line in conffiles.lines(files, KIND, ".conf"):
        kind, *rest = words(line)
        if not rest or not _MAKES.fullmatch(kind):
            continue
        path = _real(rest[0].replace("%t", "/run"))
        if path.startswith(_VOLATILE) and not set(path) & set("%*?["):
            found.setdefault(path, TmpfilesPath(path=path, origin=origin))
    return tuple(found.values())


def needed_by(name: str, file: UnitFile, made: Iterable[TmpfilesPath]) -> TmpfilesPath | None:
    """Return the first of what is *made* that the service *name* needs; None: it needs nothing."""
    if not name.endswith(".service"):
        return None  # systemd itself makes what sockets, paths and mounts lie in
    own = parse_name(name)
    by_systemd = {
        f"/run/{word.partition(':')[0]}"
        for value in file.values("Service", "RuntimeDirectory")
        for word in words(value)
    }
    named = _named(file)
    for one in made:
        if one.path in by_systemd:
            continue
        is_named = any(path == one.path or path.startswith(f"{one.path}/") for path in named)
        if is_named or (own and _is_called_after(one.origin, own.prefix)):
            return one
    return None


def _named(file: UnitFile) -> set[str]:
    """Return the paths in /run and /tmp that a service's settings name."""
    return {
        _real(path)
        for section, key, value in file.assignments
        if section == "Service" and key not in _WITHOUT
        for path in _PATHS.findall(value.replace("%t", "/run"))
    }


def _is_called_after(origin: str, prefix: str) -> bool:
    """Return whether ``.../10-postgresql-common.conf`` belongs to the unit ``postgresql``."""
    stem = re.sub(r"^\d+-", "", posixpath.basename(origin).removesuffix(".conf"))
    return stem == prefix or stem.startswith(f"{prefix}-")


def _real(path: str) -> str:
    return posixpath.normpath(re.sub(r"^/var/run/", "/run/", path))
