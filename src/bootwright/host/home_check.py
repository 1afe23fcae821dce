"""Checking that a home can be used, before anything is made in it."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from bootwright.errors import HostError, InputError
from bootwright.home import VARIABLE, Home

_PARTS = {"data", "state", "cache"}
_MADE = (
    *("data/images", "data/kernels", "data/files", "data/keys", "data/trims"),
    *("state/machines", "state/history.sqlite3", "state/logs"),
)
"""What bootwright makes in a home."""
_ELSEWHERE = f"use another folder: export {VARIABLE}=/another/folder"


def check_home(home: Home, environment: Mapping[str, str] = os.environ) -> None:
    """Check that *home*, as `locate_home` found it, can be bootwright's own; it need not exist.

    Raises:
        InputError: it is relative, is not a folder, or holds other things.
        HostError: it belongs to another user, or may not be entered.
    """
    root = environment.get(VARIABLE, "")
    if root and not os.path.isabs(root):
        raise InputError(
            f"{VARIABLE} is {root!r}, a relative path, which each folder reads differently",
            hint=f"give the whole path: export {VARIABLE}={_quoted(Path(root).absolute())}",
        )
    if root:
        _check_folder(Path(root))
        _check_content(Path(root))
    for folder in (home.data, home.state, home.cache):
        _check_folder(folder)
        _check_owner(folder)


def explain_refusal(error: OSError, home: Home) -> HostError | None:
    """Return the error for the system's refusal to use *home*; None if it is about other files."""
    path = Path(os.fsdecode(error.filename)) if error.filename else None
    roots = (home.data, home.state, home.cache)
    below = [r for r in roots if path and (path.is_relative_to(r) or r.is_relative_to(path))]
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = below[0] if below else home.data
        return HostError(
            f"no space left in {path or where}", hint=f"free some: bootwright prune; {_ELSEWHERE}"
        )
    if not below:
        return None
    if error.errno == errno.EROFS:
        return HostError(f"cannot write {path}: its filesystem is read-only", hint=_ELSEWHERE)
    if error.errno in (errno.EACCES, errno.EPERM):
        return HostError(
            f"cannot use {path}: it is not writable for {_user(os.geteuid())}",
            hint=f"make it writable for you, or {_ELSEWHERE}",
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return HostError(
            f"cannot use {path}: a file is where bootwright needs a folder",
            hint=f"move it away, or {_ELSEWHERE}",
        )
    return None


def _check_folder(folder: Path) -> None:
    """Check that *folder* is one, or can become one.

    Raises:
        InputError, HostError: see `check_home`.
    """
    for path in (folder, *folder.parents):
        try:
            if path.is_dir():
                return
            if path.is_symlink() and not path.exists():
                raise InputError(
                    f"{path} is a symbolic link to {os.readlink(path)}, which does not exist",
                    hint=f"create that folder: mkdir -p {_quoted(path.resolve())}",
                )
            if path.exists():
                raise InputError(
                    f"{path} is a file, but bootwright needs a folder there",
                    hint=f"move it away, or {_ELSEWHERE}",
                )
        except PermissionError as error:
            raise HostError(
                f"cannot look into {path.parent}: {error.strerror}", hint=_ELSEWHERE
            ) from error
        except OSError as error:  # a loop of links, a name that is too long
            raise InputError(f"cannot use {path}: {error.strerror}", hint=_ELSEWHERE) from error


def _check_content(root: Path) -> None:
    """Check that a folder that exists is a home of bootwright, or empty.

    Raises:
        InputError, HostError: see `check_home`.
    """
    try:
        names = set(os.listdir(root)) - {"lost+found"}
        if not names or any((root / path).exists() for path in _MADE):
            return
        # Only a cache is left, or an interrupt came early.
        if names <= _PARTS and not any(os.listdir(root / part) for part in names - {"cache"}):
            return
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise HostError(f"cannot look into {root}: {error.strerror}", hint=_ELSEWHERE) from error
    others = sorted(names)
    raise InputError(
        f"{VARIABLE} is {root}, which holds other files ({others[0]!r}"
        + (f" and {len(others) - 1} more)" if others[1:] else ")"),
        hint=f"use a folder of its own: export {VARIABLE}={_quoted(root / 'bootwright')}",
    )


def _check_owner(folder: Path) -> None:
    """Check that *folder* belongs to this user: two users' files in one home lock out one of them.

    Raises:
        HostError: it belongs to another.
    """
    try:
        owner = folder.stat().st_uid
    except OSError:
        return  # not there yet
    if owner != os.geteuid():
        raise HostError(
            f"{folder} belongs to {_user(owner)}, but bootwright runs as {_user(os.geteuid())}",
            hint=f"run it as {_user(owner)}; or use a home of your own: export {VARIABLE}=FOLDER",
        )


def _user(uid: int) -> str:
    import pwd  # here: no boot waits for it

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _quoted(path: Path) -> str:
    import shlex  # here: no boot waits for it

    return shlex.quote(str(path))
