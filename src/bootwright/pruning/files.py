"""What lies in files of its own and nobody uses: guest files, caches, consoles."""

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
from bootwright.pruning.prunable import HALF, Prunable, changed_s, days_ago

_WRITING_S = 3600
"""For so long a file with a temporary name may have a writer."""


def guest_files(home: Home, staying: Needs, leaving: Needs) -> Iterator[Prunable | None]:
    """Yield those that neither a machine nor this bootwright names."""
    own = set()
    for files in (initramfs.program_files, *(init.guest_files for init in INITS.values())):
        with suppress(HostError):  # what it is made of is not installed, so nothing was stored
            own |= {digest_of_bytes(content) for content, _ in files().values()}
    for path in _entries(home.files):
        if not is_digest(path.name):
            if path.name.startswith(".") and time.time() - changed_s(path) > _WRITING_S:
                yield Prunable.at(path, "guest file", path.name, HALF)
        elif not staying.may_include(path.name) and path.name not in own:
            why = f"{leaving.told(path.name)}; a recipe file that names it would miss it"
            yield Prunable.at(path, "guest file", short_digest(path.name), why)


def free_guest_file(home: Home, item: Prunable) -> bool:
    """Remove a guest file; return False where a machine came to use it."""
    if needs_now(home).may_include(item.path.name):
        return False
    item.path.unlink()
    return True


def caches(home: Home) -> Iterator[Prunable | None]:
    """Yield all that can be made again, and that no build of a kernel works on."""
    for path in _entries(home.cache, folders_too=True):
        if not _is_built_with(home, path):
            yield Prunable.at(path, "cache", path.name, "made again when it is needed")


def free_cache(home: Home, item: Prunable) -> bool:
    """Remove a cache, whoever fills it meanwhile; return False where a kernel is built in it."""
    if _is_built_with(home, item.path):
        return False
    if item.path.is_symlink() or not item.path.is_dir():
        item.path.unlink()
        return True
    # Whoever fills it meanwhile makes it anew, and does not disturb its removal.
    hidden = item.path.with_name(f".{item.path.name}-{secrets.token_hex(4)}")
    item.path.rename(hidden)
    remove_tree(hidden)
    return True


def _is_built_with(home: Home, path: Path) -> bool:
    return path in (build.builds(home), sources_folder(home)) and build.under_way(home)


def consoles(home: Home) -> Iterator[Prunable | None]:
    """Yield what machines that failed left."""
    for path in _entries(home.logs):
        if path.suffix == ".console":
            why = f"the console of a machine that failed {days_ago(changed_s(path))}"
            yield Prunable.at(path, "log", path.name, why)


def _entries(folder: Path, *, folders_too: bool = False) -> list[Path]:
    """Return the files of *folder*, sorted by name; none where it is missing."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if folders_too or not path.is_dir()]
