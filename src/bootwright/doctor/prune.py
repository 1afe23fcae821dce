"""What nobody uses: found first, told, and only then removed, a thing at a time.

Images, kernels and guest files are used by the machines whose recipes name them, so a machine that
cannot be read and stays holds on to all of them. A machine's folder has its name before its image
is read: what is hidden first, and looked for in the recipes afterwards, is not taken away from
under a machine that starts meanwhile.
"""

from __future__ import annotations

import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bootwright import digest as digests
from bootwright.digest import Digest, is_digest, short
from bootwright.errors import FormatError, HostError, InputError, NotFoundError
from bootwright.guest import seed
from bootwright.home import Home
from bootwright.host.trees import remove_tree, used_bytes
from bootwright.images import image as images
from bootwright.inits.table import INITS
from bootwright.kernels import kernel as kernels
from bootwright.machine import folder as folders
from bootwright.machine.folder import MachineFolder
from bootwright.store import Store

Kind = Literal["image", "kernel", "machine", "guest file", "cache", "log"]

_HALF = "half made or half removed: whoever did that was killed"
_DAY_S = 86400
_WRITING_S = 3600
"""For so long a file with a temporary name may have a writer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """One thing that nobody uses."""

    kind: Kind
    name: str
    """What a person calls it."""
    why: str
    """Why it can go, and what is lost with it."""
    used_bytes: int
    path: Path
    changed_ns: int
    """When its file or folder last changed, in nanoseconds since 1970; one that has changed since
    the survey is in use."""
    tags: tuple[str, ...] = ()
    """The names in its store that stand for it, and go with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What can be removed, in the order in which to do it, and what could not be judged."""

    items: tuple[Prunable, ...]
    notes: tuple[str, ...] = ()


def survey(home: Home, *, everything: bool) -> Survey:
    """Find what nobody uses, removing nothing.

    Args:
        everything: Also machines that are stopped, with their disks, and images and kernels that
            have names but no machine.
    """
    machines = folders.every(home)
    going = {folder.name: why for folder in machines if (why := _why_gone(folder, everything))}
    leaving = _needs(folder for folder in machines if folder.name in going)
    staying = _needs([*(f for f in machines if f.name not in going), *_foreign(home)])
    notes = []
    found = [_item("machine", name, why, home.machines / name) for name, why in going.items()]
    found += [_item("machine", f.name, _HALF, f.path) for f in folders.unfinished(home)]
    found += _things("image", images.shelf(home), staying, leaving, everything)
    found += _things("kernel", kernels.shelf(home), staying, leaving, everything)
    found += _guest_files(home, staying, leaving)
    if staying.unknown:
        notes.append(
            f"machine {', '.join(staying.unknown)} is damaged, and nothing tells what it needs: "
            "all images, kernels and guest files are kept "
            f"(bootwright rm --force {' '.join(staying.unknown)} removes it)"
        )
    if any(f.resolve().is_relative_to(home.cache.resolve()) for f in (home.data, home.state)):
        notes.append(f"{home.cache} holds more than caches, so nothing in it is removed")
    else:
        found += _caches(home)
    found += _logs(home)
    return Survey(items=tuple(item for item in found if item), notes=tuple(notes))


def free(home: Home, item: Prunable) -> int:
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
                is_freed = _free_thing(home, images.shelf(home), item)
                _forget_builds(home)
            case "kernel":
                is_freed = _free_thing(home, kernels.shelf(home), item)
            case "machine":
                is_freed = _free_machine(item)
            case "guest file":
                is_freed = _free_guest_file(home, item)
            case "cache":
                is_freed = _free_cache(item)
            case "log":
                item.path.unlink()
                is_freed = True
    except FileNotFoundError:
        return 0  # somebody was faster
    return item.used_bytes if is_freed else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needs:
    """What some machines need."""

    users: dict[str, list[str]] = field(default_factory=dict)
    """``{digest: names of machines}``"""
    unknown: list[str] = field(default_factory=list)
    """The machines that do not tell: they may need anything."""

    def may_include(self, digest: str) -> bool:
        return bool(self.unknown) or digest in self.users

    def told(self, digest: str) -> str:
        """Say that no other machine uses *digest*."""
        users = self.users.get(digest)
        if users:
            return f"only {', '.join(users)} used it"
        return "no machine is known to use it" if self.unknown else "no machine uses it"


def _needs(machines: Iterable[MachineFolder]) -> _Needs:
    needs = _Needs()
    for folder in machines:
        try:
            recipe = folder.spec().recipe
        except FormatError:
            if folder.lock.is_file():  # else it was removed just now, or is no machine
                needs.unknown.append(folder.name)
            continue
        for digest in (recipe.kernel, recipe.image, *(f.digest for f in recipe.guest_files)):
            if digest is not None:
                needs.users.setdefault(digest, []).append(folder.name)
    return needs


def _needs_now(home: Home) -> _Needs:
    return _needs([*folders.every(home), *_foreign(home)])


def _foreign(home: Home) -> list[MachineFolder]:
    """Return what only looks like machines: one that was moved behind a link may come back."""
    return [MachineFolder(path) for path in folders.foreign(home)]


def _item(
    kind: Kind, name: str, why: str, path: Path, tags: tuple[str, ...] = ()
) -> Prunable | None:
    try:
        status = path.lstat()
        # A link counts, and goes, as a link: what it leads to is not ours.
        is_folder = stat.S_ISDIR(status.st_mode)
        used = used_bytes(path) if is_folder else status.st_blocks * 512
    except FileNotFoundError:
        return None  # removed just now, all of it or a part
    return Prunable(
        kind=kind,
        name=name,
        why=why,
        used_bytes=used,
        path=path,
        changed_ns=status.st_mtime_ns,
        tags=tags,
    )


# Machines


def _why_gone(folder: MachineFolder, everything: bool) -> str:
    """Say why a machine can go; nothing where it stays."""
    if folder.is_alive():
        return ""
    try:
        folder.spec()
        if not folder.is_worth_keeping():
            return "its monitor was killed, and it was not to be kept"
        last = folder.last_end()
    except FormatError:
        return "damaged; its disk is lost with it" if everything else ""
    if not everything:
        return ""
    ended_s = last.ended_s if last else _changed_s(folder.path)
    return f"stopped {_days_ago(ended_s)}; its disk is lost with it"


def _days_ago(when_s: float) -> str:
    days = int((time.time() - when_s) // _DAY_S)
    if days < 1:
        return "less than a day ago"
    return f"{days} day{'s' if days > 1 else ''} ago"


def _free_machine(item: Prunable) -> bool:
    folder = MachineFolder(item.path)
    try:
        with folder.locked(at_once=True):
            folder.give_back()
            folders.remove(folder)
    except InputError:
        return False  # it was started, or removed, just now
    return True


# Images and kernels


def _things(
    kind: Literal["image", "kernel"],
    store: Store,
    staying: _Needs,
    leaving: _Needs,
    everything: bool,
) -> Iterator[Prunable | None]:
    for folder in store.abandoned():
        yield _item(kind, f"staging/{folder.name}", _HALF, folder)
    tags: dict[Digest, tuple[str, ...]] = {}
    for name, digest in store.names().items():
        tags[digest] = (*tags.get(digest, ()), name)
    for digest in sorted(store.digests(), key=lambda digest: tags.get(digest, ())):
        own = tags.get(digest, ())
        if staying.may_include(digest) or (own and not everything):
            continue
        why = ("" if own else "no name stands for it and ") + leaving.told(digest)
        yield _item(kind, ", ".join(own) or short(digest), why, store.path(digest), own)


def _free_thing(home: Home, store: Store, item: Prunable) -> bool:
    if item.path.parent != store.root:
        store.sweep()
        return not item.path.exists()
    digest = Digest(item.path.name)
    tags = _tags(store, digest)
    if _needs_now(home).may_include(digest) or not tags <= set(item.tags):
        return False
    try:
        # Before the thing: however we are interrupted, no name is left that stands for nothing.
        for name in tags:
            with suppress(NotFoundError):  # somebody was faster
                store.untag(name)
        return store.remove(
            digest,
            unless=lambda: _needs_now(home).may_include(digest) or bool(_tags(store, digest)),
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


# Guest files, caches, logs


def _guest_files(home: Home, staying: _Needs, leaving: _Needs) -> Iterator[Prunable | None]:
    own = set()
    for files in (seed.program_files, *(init.guest_files for init in INITS.values())):
        with suppress(HostError):  # what it is made of is not installed, so nothing was stored
            own |= {digests.of_bytes(content) for content, _ in files().values()}
    for path in _entries(home.files):
        if not is_digest(path.name):
            if path.name.startswith(".") and time.time() - _changed_s(path) > _WRITING_S:
                yield _item("guest file", path.name, _HALF, path)
        elif not staying.may_include(path.name) and path.name not in own:
            why = f"{leaving.told(path.name)}; a recipe file that names it would miss it"
            yield _item("guest file", short(path.name), why, path)


def _free_guest_file(home: Home, item: Prunable) -> bool:
    if _needs_now(home).may_include(item.path.name):
        return False
    item.path.unlink()
    return True


def _caches(home: Home) -> Iterator[Prunable | None]:
    for path in _entries(home.cache, folders_too=True):
        yield _item("cache", path.name, "made again when it is needed", path)


def _free_cache(item: Prunable) -> bool:
    if item.path.is_symlink() or not item.path.is_dir():
        item.path.unlink()
        return True
    # Whoever fills it meanwhile makes it anew, and does not disturb its removal.
    hidden = item.path.with_name(f".{item.path.name}-{secrets.token_hex(4)}")
    item.path.rename(hidden)
    remove_tree(hidden)
    return True


def _logs(home: Home) -> Iterator[Prunable | None]:
    for path in _entries(home.logs):
        if path.suffix == ".console":
            why = f"the console of a machine that failed {_days_ago(_changed_s(path))}"
            yield _item("log", path.name, why, path)


def _entries(folder: Path, *, folders_too: bool = False) -> list[Path]:
    """Return the files of *folder*, sorted by name; none where it is missing."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if folders_too or not path.is_dir()]


def _changed_s(path: Path) -> float:
    """Return when *path* last changed, in seconds since 1970; one that is gone changed just now."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()
