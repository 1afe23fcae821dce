"""The unit load path of an image: unit files, masks, aliases, drop-ins.

Source: systemd.unit(5), "Unit File Load Path"; unit_file_build_name_map() in
src/shared/unit-file.c; conf_files_list_strv() for drop-ins that hide one another.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bootwright.images.files import Files, joined
from bootwright.systemd.unitfiles import NOTHING, UnitFile, drop_in_names, parse, parse_name

FOLDERS = (
    "/etc/systemd/system.control",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""The load path but for /run, which is empty before a boot; the first that has a unit wins."""

Warn = Callable[[str, str], None]
"""Called with a place and what is wrong there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the folders say of one unit."""

    name: str
    """Its own name, all aliases followed."""
    state: Literal["loaded", "masked", "missing"]
    path: str = ""
    file: UnitFile = NOTHING
    drop_ins: tuple[str, ...] = ()


class UnitFolders:
    """The unit folders of an image.

    Args:
        files: The image's files, with all of `FOLDERS`.
        warn: Called for dangling links and the like.
    """

    def __init__(self, files: Files, warn: Warn) -> None:
        self._files = files
        self._warn = warn
        # On merged systems /lib is /usr/lib, and the same folder must not count twice.
        real: dict[str, str] = {}
        for folder in FOLDERS:
            if found := files.resolve(folder):
                real.setdefault(found, folder)
        self._folders = list(real)
        self._listings = {folder: files.names(folder) for folder in self._folders}
        self._where: dict[str, str] = {}
        for folder in self._folders:
            for name in self._listings[folder]:
                if parse_name(name):
                    self._where.setdefault(name, f"{folder}/{name}")
        self._aliases = {name: target for name in self._where if (target := self._alias(name))}

    def names(self) -> list[str]:
        """Return every unit, template and alias that has a file or a link."""
        return sorted(self._where)

    def aliases(self) -> dict[str, str]:
        """Return which name is another's, followed to the end."""
        return {name: self.real_name(name) for name in sorted(self._aliases)}

    def dangling(self) -> list[tuple[str, str]]:
        """Return the aliases of units that are not there: each link, and where it leads."""
        return [
            (place, self._files.target(place) or "")
            for name in sorted(self._aliases)
            if not self._files.is_there(place := self._where[name])
            and self.real_name(name) not in self._where
        ]

    def real_name(self, name: str) -> str:
        """Return the unit that *name* means: the end of its aliases."""
        seen = {name}
        while target := self._next_name(name):
            if target in seen:
                self._warn(self._where.get(name, name), "its aliases form a cycle")
                break
            seen.add(target)
            name = target
        return name

    def find(self, name: str, aliases: frozenset[str] = frozenset()) -> Found:
        """Read a unit by its own name, with the drop-ins of its *aliases* too."""
        own = parse_name(name)
        place = self._where.get(name)
        if place is None and own and own.template:
            place = self._where.get(own.template)
        drop_ins = self._drop_ins(name, aliases)
        if place is None:
            return Found(name=name, state="missing", drop_ins=tuple(drop_ins))
        if self._is_mask(place):
            return Found(name=name, state="masked", path=place)
        content = self._files.read(place)
        if content is None:
            self._warn(
                place,
                f"cannot be read: dangling link to {self._files.target(place)}"
                if self._files.target(place)
                else "cannot be read",
            )
            return Found(name=name, state="missing", drop_ins=tuple(drop_ins))
        file = parse(content.decode(errors="replace"))
        for path in drop_ins:
            if (more := self._files.read(path)) is None:
                self._warn(path, "is a dangling link or not a file")
                continue
            file = file.plus(parse(more.decode(errors="replace")))
        return Found(name=name, state="loaded", path=place, file=file, drop_ins=tuple(drop_ins))

    def pulled(self, name: str, suffix: str, aliases: frozenset[str]) -> list[tuple[str, str]]:
        """Return what the folder ``NAME.wants`` (or requires, upholds) pulls in, and from where."""
        found: dict[str, str] = {}
        for candidate in (name, *sorted(aliases)):
            own = parse_name(candidate)
            owners = [candidate, *([own.template] if own and own.template else [])]
            for owner in owners:
                for folder in self._folders:
                    below = f"{owner}.{suffix}"
                    if below not in self._listings[folder]:
                        continue
                    for entry in self._files.names(f"{folder}/{below}"):
                        found.setdefault(entry, f"{folder}/{below}/{entry}")
        pulled = []
        for entry, place in sorted(found.items()):
            if self._is_mask(place):
                continue
            own = parse_name(entry)
            if own is None or own.is_template:
                self._warn(place, "is not a valid unit name")
                continue
            pulled.append((entry, place))
        return pulled

    def _drop_ins(self, name: str, aliases: frozenset[str]) -> list[str]:
        """Return the drop-ins of a unit in the order in which they count."""
        chosen: dict[str, str] = {}
        for owner in dict.fromkeys(n for a in (name, *sorted(aliases)) for n in drop_in_names(a)):
            for folder in self._folders:
                if f"{owner}.d" not in self._listings[folder]:
                    continue
                for entry in self._files.names(f"{folder}/{owner}.d"):
                    if entry.endswith(".conf"):
                        chosen.setdefault(entry, f"{folder}/{owner}.d/{entry}")
        return [place for _, place in sorted(chosen.items()) if not self._is_mask(place)]

    def _is_mask(self, place: str) -> bool:
        target = self._files.target(place)
        if target is not None and joined(posixpath.dirname(place), target) == "/dev/null":
            return True
        return self._files.read(place) == b""

    def _alias(self, name: str) -> str | None:
        """Return whose name the link *name* makes of its own; None where it is no alias."""
        place = self._where[name]
        target = self._files.target(place)
        if target is None or self._is_mask(place):
            return None
        other = posixpath.basename(target)
        # A link to a file elsewhere, such as /opt, is a unit of its own: "linked".
        return other if other != name and parse_name(other) else None

    def _next_name(self, name: str) -> str | None:
        if name in self._where:
            other = self._aliases.get(name)
            own = parse_name(name)
            target = parse_name(other) if other else None
            if own and own.instance and target and target.is_template:
                return f"{target.prefix}@{own.instance}.{target.type}"
            return other
        own = parse_name(name)
        if own is None or own.template is None or own.template not in self._aliases:
            return None
        target = parse_name(self._aliases[own.template])
        if target is None:
            return None
        if target.is_template:
            return f"{target.prefix}@{own.instance}.{target.type}"
        return self._aliases[own.template]
