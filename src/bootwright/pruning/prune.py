"""Find unused objects, then remove them one by one.

Machines use the images, kernels and guest files that their recipes name; while a recipe cannot be
read, all of these are kept. A machine's folder gets its name before its image is read. So an object
is hidden first, and searched for in the recipes afterwards: a machine that starts meanwhile does
not lose it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from bootwright.digest import Digest, is_digest, short_digest
from bootwright.errors import BootwrightError, FormatError, InputError, NotFoundError
from bootwright.events import Event, Observer, Progress, ignore
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.images.image import image_store
from bootwright.kernels.kernel import kernel_store
from bootwright.machines.folder import (
    MachineFolder,
    all_machines,
    remove_machine,
    unfinished_folders,
)
from bootwright.pruning import files
from bootwright.pruning.needs import Needs, foreign, needs_now, needs_of
from bootwright.pruning.prunable import INCOMPLETE, Prunable, changed_s, days_ago
from bootwright.reports.text import size
from bootwright.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneList:
    """Objects that can be removed, in the order of removal, and notes on what is kept."""

    items: tuple[Prunable, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed(Event):
    """An object was removed."""

    item: Prunable
    freed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was found and what was removed."""

    items: tuple[Prunable, ...]
    removed: tuple[str, ...] = ()
    """Names of items."""
    freed_bytes: int = 0
    notes: tuple[str, ...] = ()
    """What is kept and why, then what could not be removed."""
    failed: tuple[str, ...] = ()
    """Names of items that could not be removed; the notes give the reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedImages:
    """The unused images that were removed."""

    removed: tuple[Digest, ...]
    freed_bytes: int
    notes: tuple[str, ...]


def find_prunable(home: Home, *, everything: bool) -> PruneList:
    """Find unused objects; removes nothing.

    Args:
        everything: Also stopped machines, with their disks, and named images and kernels that no
            machine uses.
    """
    machines = all_machines(home)
    removable = {
        folder.name: why for folder in machines if (why := _why_removable(folder, everything))
    }
    released = needs_of(folder for folder in machines if folder.name in removable)
    needed = needs_of([*(f for f in machines if f.name not in removable), *foreign(home)])
    notes = []
    found = [
        Prunable.at(home.machines / name, "machine", name, why) for name, why in removable.items()
    ]
    found += [Prunable.at(f.path, "machine", f.name, INCOMPLETE) for f in unfinished_folders(home)]
    found += _unused("image", image_store(home), needed, released, everything)
    found += _unused("kernel", kernel_store(home), needed, released, everything)
    found += files.guest_files(home, needed, released)
    if needed.unknown:
        notes.append(
            f"machine {', '.join(needed.unknown)} is damaged, and may need any image, kernel or "
            "guest file: all are kept "
            f"(to remove it: bootwright rm --force {' '.join(needed.unknown)})"
        )
    if any(f.resolve().is_relative_to(home.cache.resolve()) for f in (home.data, home.state)):
        notes.append(f"{home.cache} does not hold only caches: nothing in it is removed")
    else:
        found += files.caches(home)
    found += files.consoles(home)
    if kept := History(home.history).used_bytes():
        notes.append(
            f"the history is kept ({size(kept)}); to remove old boots: bootwright history prune"
        )
    return PruneList(items=tuple(item for item in found if item), notes=tuple(notes))


def remove(home: Home, found: PruneList, observe: Observer = ignore) -> Pruned:
    """Remove what `find_prunable` found, one by one; continues after errors.

    Args:
        observe: Also receives each `Removed`.
    """
    removed: list[str] = []
    freed_bytes = 0
    notes = list(found.notes)
    failed: list[str] = []
    for index, item in enumerate(found.items):
        called = f"{item.kind} {item.name}"
        observe(Progress(step=called, share=index / len(found.items)))
        was_there = os.path.lexists(item.path)
        try:
            freed = remove_prunable(home, item)
        except (BootwrightError, OSError) as error:
            failed.append(item.name)
            notes.append(f"{called}: not removed: {error}")
            continue
        freed_bytes += freed
        if os.path.lexists(item.path):
            notes.append(f"{called}: kept, now in use")
        elif was_there:
            removed.append(item.name)
            observe(Removed(item=item, freed_bytes=freed))
    return Pruned(
        items=found.items,
        removed=tuple(removed),
        freed_bytes=freed_bytes,
        notes=tuple(notes),
        failed=tuple(failed),
    )


def prune_images(home: Home) -> PrunedImages:
    """Remove images that have no name and no machine.

    Raises:
        HostError: something is mounted in one.
    """
    found = find_prunable(home, everything=False)
    freed = {}
    for item in found.items:
        if item.kind != "image" or not is_digest(item.path.name):
            continue
        size_bytes = remove_prunable(home, item)
        if not item.path.exists():  # else it just came into use
            freed[Digest(item.path.name)] = size_bytes
    return PrunedImages(removed=tuple(freed), freed_bytes=sum(freed.values()), notes=found.notes)


def remove_prunable(home: Home, item: Prunable) -> int:
    """Remove *item*, unless it has come into use.

    Returns:
        The freed bytes; 0 if it is in use or already gone.

    Raises:
        HostError: something is mounted in it, or a process of it does not end.
    """
    try:
        if item.path.lstat().st_mtime_ns != item.changed_ns:
            return 0
        match item.kind:
            case "image":
                is_freed = _free_object(home, image_store(home), item)
                _forget_builds(home)
            case "kernel":
                is_freed = _free_object(home, kernel_store(home), item)
            case "machine":
                is_freed = _free_machine(item)
            case "guest file":
                is_freed = files.free_guest_file(home, item)
            case "cache":
                is_freed = files.free_cache(home, item)
            case "log":
                item.path.unlink()
                is_freed = True
    except FileNotFoundError:
        return 0  # another process was faster
    return item.used_bytes if is_freed else 0


# Machines


def _why_removable(folder: MachineFolder, everything: bool) -> str:
    """Return why a machine can be removed; "" if it is kept."""
    if folder.is_alive():
        return ""
    try:
        folder.spec()
        if not folder.is_worth_keeping():
            return "its monitor was killed, and it was not kept"
        last = folder.last_end()
    except FormatError:
        return "damaged; its disk is lost too" if everything else ""
    if not everything:
        return ""
    ended_s = last.ended_s if last else changed_s(folder.path)
    return f"stopped {days_ago(ended_s)}; its disk is lost too"


def _free_machine(item: Prunable) -> bool:
    folder = MachineFolder(item.path)
    try:
        with folder.locked(at_once=True):
            folder.give_back()
            remove_machine(folder)
    except InputError:
        return False  # it was just started or removed
    return True


# Images and kernels


def _unused(
    kind: Literal["image", "kernel"],
    store: Store,
    needed: Needs,
    released: Needs,
    everything: bool,
) -> Iterator[Prunable | None]:
    for folder in store.abandoned():
        yield Prunable.at(folder, kind, f"staging/{folder.name}", INCOMPLETE)
    tags: dict[Digest, tuple[str, ...]] = {}
    for name, digest in store.names().items():
        tags[digest] = (*tags.get(digest, ()), name)
    for digest in sorted(store.digests(), key=lambda digest: tags.get(digest, ())):
        names = tags.get(digest, ())
        if needed.may_include(digest) or (names and not everything):
            continue
        why = ("" if names else "no name and ") + released.why_unused(digest)
        yield Prunable.at(
            store.path(digest), kind, ", ".join(names) or short_digest(digest), why, tags=names
        )


def _free_object(home: Home, store: Store, item: Prunable) -> bool:
    if item.path.parent != store.root:
        store.sweep()
        return not item.path.exists()
    digest = Digest(item.path.name)
    tags = _tags(store, digest)
    if needs_now(home).may_include(digest) or not tags <= set(item.tags):
        return False
    try:
        # Names first: an interruption then leaves no name without an object.
        for name in tags:
            with suppress(NotFoundError):  # another process was faster
                store.untag(name)
        return store.remove(
            digest,
            unless=lambda: needs_now(home).may_include(digest) or bool(_tags(store, digest)),
        )
    finally:
        if item.path.exists():
            for name in tags - set(store.names()):
                with suppress(InputError):  # another command gave it away meanwhile
                    store.tag(name, digest)


def _tags(store: Store, digest: Digest) -> set[str]:
    return {name for name, named in store.names().items() if named == digest}


def _forget_builds(home: Home) -> None:
    """Remove build records whose image is gone."""
    for link in (home.images / "built").glob("*"):
        if link.is_symlink() and not (home.images / link.readlink().name).is_dir():
            link.unlink(missing_ok=True)
