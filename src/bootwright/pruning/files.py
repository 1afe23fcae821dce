"""Find and remove unused guest files, caches and console logs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bootwright.digest import digest_of_bytes, is_digest, short_digest
from bootwright.errors import HostError
from bootwright.guest import initramfs
from bootwright.home import Home
from bootwright.host.trees import remove_tree
from bootwright.inits.table import INITS
from bootwright.kbuild import build
from bootwright.kbuild.source import sources_folder
from bootwright.pruning.needs import Needs, needs_now
from bootwright.pruning.prunable import INCOMPLETE, Prunable, changed_s, days_ago

_WRITING_S = 3600
"""A younger file with a temporary name may still be written."""


def guest_files(home: Home, needed: Needs, released: Needs) -> Iterator[Prunable | None]:
    """Yield the guest files that neither a machine nor this version of bootwright uses."""
    built_in = set()
    for files in (initramfs.program_files, *(init.guest_files for init in INITS.values())):
        with suppress(HostError):  # its source is not installed, so nothing was stored
            built_in |= {digest_of_bytes(content) for content, _ in files().values()}
    for path in _entries(home.files):
        if not is_digest(path.name):
            if path.name.startswith(".") and time.time() - changed_s(path) > _WRITING_S:
                yield Prunable.at(path, "guest file", path.name, INCOMPLETE)
        elif not needed.may_include(path.name) and path.name not in built_in:
            why = f"{released.why_unused(path.name)}; recipe files that name it will not work"
            yield Prunable.at(path, "guest file", short_digest(path.name), why)


def free_guest_file(home: Home, item: Prunable) -> bool:
    """Remove a guest file; False if a machine now uses it."""
    if needs_now(home).may_include(item.path.name):
        return False
    item.path.unlink()
    return True


def caches(home: Home) -> Iterator[Prunable | None]:
    """Yield the caches that no kernel build is using."""
    for path in _entries(home.cache, folders_too=True):
        if not _is_in_use(home, path):
            yield Prunable.at(path, "cache", path.name, "recreated when needed")


def free_cache(home: Home, item: Prunable) -> bool:
    """Remove a cache, even while it is being filled; False if a kernel build uses it."""
    if _is_in_use(home, item.path):
        return False
    if item.path.is_symlink() or not item.path.is_dir():
        item.path.unlink()
        return True
    # A process that fills it meanwhile creates a new one, and does not disturb the removal.
    hidden = item.path.with_name(f".{item.path.name}-{secrets.token_hex(4)}")
    item.path.rename(hidden)
    remove_tree(hidden)
    return True


def _is_in_use(home: Home, path: Path) -> bool:
    return path in (build.builds(home), sources_folder(home)) and build.under_way(home)


def consoles(home: Home) -> Iterator[Prunable | None]:
    """Yield the console logs of failed machines."""
    for path in _entries(home.logs):
        if path.suffix == ".console":
            why = f"console of a machine that failed {days_ago(changed_s(path))}"
            yield Prunable.at(path, "log", path.name, why)


def _entries(folder: Path, *, folders_too: bool = False) -> list[Path]:
    """Return the files of *folder*, sorted by name; none if it does not exist."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if folders_too or not path.is_dir()]
