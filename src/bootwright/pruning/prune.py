"""What nobody uses: found first, told, and only then removed, a thing at a time.

Images, kernels and guest files are used by the machines whose recipes name them, so a machine that
cannot be read and stays holds on to all of them. A machine's folder has its name before its image
is read: what is hidden first, and looked for in the recipes afterwards, is not taken away from
under a machine that starts meanwhile.
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
from bootwright.pruning.prunable import HALF, Prunable, changed_s, days_ago
from bootwright.reports.text import size
from bootwright.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneList:
    """What can be removed, in the order in which to do it, and what could not be judged."""

    items: tuple[Prunable, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed(Event):
    """A thing was removed."""

    item: Prunable
    freed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was found, and what has become of it."""

    items: tuple[Prunable, ...]
    removed: tuple[str, ...] = ()
    """Names of items."""
    freed_bytes: int = 0
    notes: tuple[str, ...] = ()
    """What could not be judged, then what could not be removed."""
    failed: tuple[str, ...] = ()
    """Names of items that could not be removed; notes say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedImages:
    """What was removed of images that nobody uses."""

    removed: tuple[Digest, ...]
    freed_bytes: int
    notes: tuple[str, ...]


def find_prunable(home: Home, *, everything: bool) -> PruneList:
    """Find what nobody uses, removing nothing.

    Args:
        everything: Also machines that are stopped, with their disks, and images and kernels that
            have names but no machine.
    """
    machines = all_machines(home)
    going = {folder.name: why for folder in machines if (why := _why_gone(folder, everything))}
    leaving = needs_of(folder for folder in machines if folder.name in going)
    staying = needs_of([*(f for f in machines if f.name not in going), *foreign(home)])
    notes = []
    found = [Prunable.at(home.machines / name, "machine", name, why) for name, why in going.items()]
    found += [Prunable.at(f.path, "machine", f.name, HALF) for f in unfinished_folders(home)]
    found += _things("image", image_store(home), staying, leaving, everything)
    found += _things("kernel", kernel_store(home), staying, leaving, everything)
    found += files.guest_files(home, staying, leaving)
    if staying.unknown:
        notes.append(
            f"machine {', '.join(staying.unknown)} is damaged, and nothing tells what it needs: "
            "all images, kernels and guest files are kept "
            f"(bootwright rm --force {' '.join(staying.unknown)} removes it)"
        )
    if any(f.resolve().is_relative_to(home.cache.resolve()) for f in (home.data, home.state)):
        notes.append(f"{home.cache} holds more than caches, so nothing in it is removed")
    else:
        found += files.caches(home)
    found += files.consoles(home)
    if kept := History(home.history).used_bytes():
        notes.append(
            f"the history stays ({size(kept)}); bootwright history prune removes old boots from it"
        )
    return PruneList(items=tuple(item for item in found if item), notes=tuple(notes))


def remove(home: Home, found: PruneList, observe: Observer = ignore) -> Pruned:
    """Remove what a survey has found, one by one; what cannot be removed does not keep the others.

    Args:
        observe: Given each `Removed`, too.
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
            notes.append(f"{called}: kept, as it is in use now")
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
    """Remove images that no name stands for and no machine uses.

    Raises:
        HostError: something is mounted in one.
    """
    found = find_prunable(home, everything=False)
    freed = {}
    for item in found.items:
        if item.kind != "image" or not is_digest(item.path.name):
            continue
        size_bytes = remove_prunable(home, item)
        if not item.path.exists():  # else it came into use just now
            freed[Digest(item.path.name)] = size_bytes
    return PrunedImages(removed=tuple(freed), freed_bytes=sum(freed.values()), notes=found.notes)


def remove_prunable(home: Home, item: Prunable) -> int:
    """Remove *item*, unless it came into use since the survey.

    Returns:
        The bytes that were freed; 0 where it is used, or was gone already.

    Raises:
        HostError: something is mounted in it, or a process that it left does not end.
    """
    try:
        if item.path.lstat().st_mtime_ns != item.changed_ns:
            return 0
        match item.kind:
            case "image":
                is_freed = _free_thing(home, image_store(home), item)
                _forget_builds(home)
            case "kernel":
                is_freed = _free_thing(home, kernel_store(home), item)
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
        return 0  # somebody was faster
    return item.used_bytes if is_freed else 0


# Machines


def _why_gone(folder: MachineFolder, everything: bool) -> str:
    """Say why a machine can go; nothing where it stays."""
    if folder.is_alive():
        return ""
    try:
        folder.spec()
        if not folder.is_worth_keeping():
            return "its monitor was killed, and it was not a kept machine"
        last = folder.last_end()
    except FormatError:
        return "damaged; its disk is lost with it" if everything else ""
    if not everything:
        return ""
    ended_s = last.ended_s if last else changed_s(folder.path)
    return f"stopped {days_ago(ended_s)}; its disk is lost with it"


def _free_machine(item: Prunable) -> bool:
    folder = MachineFolder(item.path)
    try:
        with folder.locked(at_once=True):
            folder.give_back()
            remove_machine(folder)
    except InputError:
        return False  # it was started, or removed, just now
    return True


# Images and kernels


def _things(
    kind: Literal["image", "kernel"],
    store: Store,
    staying: Needs,
    leaving: Needs,
    everything: bool,
) -> Iterator[Prunable | None]:
    for folder in store.abandoned():
        yield Prunable.at(folder, kind, f"staging/{folder.name}", HALF)
    tags: dict[Digest, tuple[str, ...]] = {}
    for name, digest in store.names().items():
        tags[digest] = (*tags.get(digest, ()), name)
    for digest in sorted(store.digests(), key=lambda digest: tags.get(digest, ())):
        own = tags.get(digest, ())
        if staying.may_include(digest) or (own and not everything):
            continue
        why = ("" if own else "no name stands for it and ") + leaving.told(digest)
        yield Prunable.at(
            store.path(digest), kind, ", ".join(own) or short_digest(digest), why, tags=own
        )


def _free_thing(home: Home, store: Store, item: Prunable) -> bool:
    if item.path.parent != store.root:
        store.sweep()
        return not item.path.exists()
    digest = Digest(item.path.name)
    tags = _tags(store, digest)
    if needs_now(home).may_include(digest) or not tags <= set(item.tags):
        return False
    try:
        # Before the thing: however we are interrupted, no name is left that stands for nothing.
        for name in tags:
            with suppress(NotFoundError):  # somebody was faster
                store.untag(name)
        return store.remove(
            digest,
            unless=lambda: needs_now(home).may_include(digest) or bool(_tags(store, digest)),
        )
    finally:
        if item.path.exists():
            for name in tags - set(store.names()):
                store.tag(name, digest)


def _tags(store: Store, digest: Digest) -> set[str]:
    return {name for name, stands_for in store.names().items() if stands_for == digest}


def _forget_builds(home: Home) -> None:
    """Remove the notes of which image came from which description where the image is gone."""
    for link in (home.images / "built").glob("*"):
        if link.is_symlink() and not (home.images / link.readlink().name).is_dir():
            link.unlink(missing_ok=True)
