"""Checks of disk space, of bootwright's folders, and that its keys are private."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bootwright.doctor.check import Check, State
from bootwright.home import Home
from bootwright.host.space import existing
from bootwright.reports.text import size

_LOW_BYTES, _FULL_BYTES = 1 << 30, 256 << 20
# A minimal Debian system has about 11 000 files.
_LOW_INODES, _FULL_INODES = 20_000, 1_000


def space(home: Home) -> Iterator[Check]:
    """Check the free space of each filesystem that holds folders of bootwright."""
    places = {
        "data": home.data,
        "state": home.state,
        "cache": home.cache,
    }
    try:
        places["temporary files"] = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        yield Check(
            area="host",
            name="disk space",
            state="problem",
            text=f"no usable folder for temporary files: {error.strerror}",
            hint="set TMPDIR to a folder that you can write to",
        )
    filesystems: dict[int, list[str]] = {}
    for what, folder in places.items():
        filesystems.setdefault(os.stat(existing(folder)).st_dev, []).append(what)
    for holds in filesystems.values():
        folder = existing(places[holds[0]])
        free = os.statvfs(folder)
        yield from room(
            mount_point(folder),
            holds,
            free_bytes=free.f_bavail * free.f_frsize,
            free_inodes=free.f_favail if free.f_files else None,
        )


def room(
    mounted: Path, holds: Iterable[str], *, free_bytes: int, free_inodes: int | None
) -> Iterator[Check]:
    """Check whether one filesystem has enough free space and inodes.

    Args:
        mounted: Where the filesystem is mounted.
        holds: What bootwright keeps there.
        free_inodes: How many files can still be created; None if the filesystem has no limit,
            such as btrfs.
    """
    state = _level(free_bytes, _LOW_BYTES, _FULL_BYTES)
    content = ", ".join(holds)
    yield Check(
        area="host",
        name="disk space",
        state=state,
        text=f"{size(free_bytes)} free on {mounted} ({content})",
        hint="" if state == "ok" else _more_room(content),
    )
    if free_inodes is not None and free_inodes < _LOW_INODES:
        yield Check(
            area="host",
            name="disk space",
            state=_level(free_inodes, _LOW_INODES, _FULL_INODES),
            text=f"{free_inodes} free inodes on {mounted} ({content}); "
            "a small Debian system needs about 11000",
            hint="remove small files there; to see inodes: df -i",
        )


def _level(free: int, low: int, full: int) -> State:
    return "ok" if free >= low else "warning" if free >= full else "problem"


def _more_room(content: str) -> str:
    if content == "temporary files":
        return "free some space, or set TMPDIR to a folder on another disk"
    return "free some space (bootwright prune), or set BOOTWRIGHT_HOME to a folder on another disk"


def mount_point(folder: Path) -> Path:
    """Return where the filesystem of *folder* is mounted."""
    folder = folder.resolve()
    while not os.path.ismount(folder):
        folder = folder.parent
    return folder


def writable(name: str, folder: Path) -> Iterator[Check]:
    """Check that a folder can be written to or created. Nothing is written.

    Source: access(2): EROFS on a read-only filesystem.
    """
    try:
        nearest = existing(folder)
        if not nearest.is_dir():
            reason = f"{nearest} is not a folder"
        elif not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
            flags = os.statvfs(nearest).f_flag
            reason = (
                f"{nearest} is on a read-only filesystem"
                if flags & os.ST_RDONLY
                else f"no permission to write to {nearest}"
            )
        else:
            reason = ""
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        yield Check(
            area="bootwright",
            name=name,
            state="problem",
            text=f"cannot use {folder}: {reason}",
            hint="set BOOTWRIGHT_HOME to a folder that you can write to",
        )
    else:
        suffix = "" if nearest == folder else ", not created yet"
        yield Check(area="bootwright", name=name, state="ok", text=f"{folder}{suffix}")


def folders(home: Home) -> Mapping[str, Path]:
    """Return bootwright's folders by what they hold."""
    return {"data": home.data, "state": home.state, "cache": home.cache}


def keys(home: Home) -> Iterator[Check]:
    """Check that only the user can read the private keys; ssh refuses others.

    Source: ssh(1), FILES, of identity files.
    """
    if not home.keys.is_dir():
        yield Check(
            area="bootwright",
            name="keys",
            state="ok",
            text="not created yet; the first run creates them",
        )
        return
    private = sorted(path for path in home.keys.iterdir() if path.suffix != ".pub")
    wrong = [problem for path in private if (problem := _key_problem(path))]
    yield from wrong
    mode = stat.S_IMODE(home.keys.stat().st_mode)
    if mode & 0o077:
        wrong.append(
            Check(
                area="bootwright",
                name="keys",
                state="warning",
                text=f"other users can list {home.keys} (mode {mode:04o})",
                hint=f"chmod 0700 {home.keys}",
                fixable=True,
            )
        )
        yield wrong[-1]
    if not wrong:
        yield Check(area="bootwright", name="keys", state="ok", text=f"{home.keys}, private")


def close_keys(home: Home) -> list[Path]:
    """Remove other users' permissions on the keys and their folder; return the changed paths."""
    changed = []
    for path in [home.keys, *home.keys.glob("*")] if home.keys.is_dir() else []:
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077 and path.suffix != ".pub" and status.st_uid == os.geteuid():
            path.chmod(mode & 0o700)
            changed.append(path)
    return changed


def _key_problem(path: Path) -> Check | None:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        text = f"{path} belongs to user {status.st_uid}, not to you"
        hint, fixable = f"sudo chown {os.geteuid()} {path}", False
    elif mode & 0o077:
        text = f"other users can read {path} (mode {mode:04o}), so ssh refuses it"
        hint, fixable = f"chmod 0600 {path}", True
    else:
        return None
    return Check(
        area="bootwright", name="keys", state="problem", text=text, hint=hint, fixable=fixable
    )
