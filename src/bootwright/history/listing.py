"""The results of the history commands: listed boots, one boot, removed boots."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bootwright.history.boot import ListedBoot, StoredBoot
from bootwright.history.history import History
from bootwright.host.fingerprint import Fingerprint

VERSION = 1
"""The version of these values; docs/json.md describes when it changes."""


class BootList(msgspec.Struct, frozen=True, kw_only=True):
    """Boots, the newest last."""

    version: int = VERSION
    boots: tuple[ListedBoot, ...]


class BootRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One boot without its evidence."""

    version: int = VERSION
    boot: ListedBoot
    host: Fingerprint
    recipe: dict[str, object]
    """As stored; an older one may not have all fields of `Recipe`."""

    @classmethod
    def of(cls, stored: StoredBoot) -> BootRecord:
        """Return a stored boot without its evidence."""
        return cls(boot=stored.row, host=stored.host, recipe=stored.recipe)


class PrunedBoots(msgspec.Struct, frozen=True, kw_only=True):
    """Old boots, and whether they were removed."""

    boots: tuple[int, ...]
    """The ids of the boots that can be removed."""
    removed: tuple[int, ...] = ()
    freed_bytes: int = 0


def prune(history: History, boots: Iterable[ListedBoot]) -> PrunedBoots:
    """Remove boots; those already removed count as removed.

    Raises:
        HostError: the history cannot be written.
        FormatError: it is damaged.
    """
    ids = tuple(row.id for row in boots)
    used = history.used_bytes()
    history.remove(ids, missing_ok=True)
    return PrunedBoots(boots=ids, removed=ids, freed_bytes=max(0, used - history.used_bytes()))
