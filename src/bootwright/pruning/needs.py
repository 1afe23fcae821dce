"""The images, kernels and guest files that machines need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bootwright.errors import FormatError
from bootwright.home import Home
from bootwright.machines.folder import MachineFolder, all_machines, foreign_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What some machines need."""

    users: dict[str, list[str]] = field(default_factory=dict)
    """``{digest: names of machines}``"""
    unknown: list[str] = field(default_factory=list)
    """Machines whose recipe cannot be read: they may need anything."""

    def may_include(self, digest: str) -> bool:
        """Whether a machine needs *digest*, or may need it."""
        return bool(self.unknown) or digest in self.users

    def why_unused(self, digest: str) -> str:
        """Describe in words why *digest* is unused."""
        users = self.users.get(digest)
        if users:
            return f"only {', '.join(users)} used it"
        return "not known to be used by a machine" if self.unknown else "not used by any machine"


def needs_of(machines: Iterable[MachineFolder]) -> Needs:
    """Return what *machines* need together."""
    needs = Needs()
    for folder in machines:
        try:
            recipe = folder.spec().recipe
        except FormatError:
            if folder.lock.is_file():  # else it was just removed, or is not a machine
                needs.unknown.append(folder.name)
            continue
        for digest in (recipe.kernel, recipe.image, *(f.digest for f in recipe.guest_files)):
            if digest is not None:
                needs.users.setdefault(digest, []).append(folder.name)
    return needs


def needs_now(home: Home) -> Needs:
    """Return what all machines need."""
    return needs_of([*all_machines(home), *foreign(home)])


def foreign(home: Home) -> list[MachineFolder]:
    """Return entries that only look like machines: one behind a link may be moved back."""
    return [MachineFolder(path) for path in foreign_entries(home)]
