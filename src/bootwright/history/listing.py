"""What the history gives out: lists of boots, one boot, and which old boots were removed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bootwright.history.boot import ListedBoot, StoredBoot
from bootwright.history.history import History
from bootwright.host.fingerprint import Fingerprint

VERSION = 1
"""Of these values; docs/json.md says when there is another."""


class BootList(msgspec.Struct, frozen=True, kw_only=True):
    """Boots, the newest last."""

    version: int = VERSION
    boots: tuple[ListedBoot, ...]


class BootRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One boot, less its evidence."""

    version: int = VERSION
    boot: ListedBoot
    host: Fingerprint
    recipe: dict[str, object]
    """As it was; an older one may lack fields that `Recipe` has today."""

    @classmethod
    def of(cls, stored: StoredBoot) -> BootRecord:
        """Return what is told of a stored boot."""
        return cls(boot=stored.row, host=stored.host, recipe=stored.recipe)


class PrunedBoots(msgspec.Struct, frozen=True, kw_only=True):
    """Old boots, and whether they were removed."""

    boots: tuple[int, ...]
    """The ids of those that can go."""
    removed: tuple[int, ...] = ()
    freed_bytes: int = 0


def prune(history: History, boots: Iterable[ListedBoot]) -> PrunedBoots:
    """Remove boots; one that was removed meanwhile is none the less gone.

    Raises:
        HostError: the history cannot be written.
        FormatError: it is damaged.
    """
    ids = tuple(row.id for row in boots)
    used = history.used_bytes()
    history.remove(ids, missing_ok=True)
    return PrunedBoots(boots=ids, removed=ids, freed_bytes=max(0, used - history.used_bytes()))
