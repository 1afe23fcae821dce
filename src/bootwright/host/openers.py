"""Processes that have a file or a device open, as far as this user may see."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

Match = Callable[[os.stat_result], tuple[int, int] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """A process that has something open."""

    pid: int
    command: str
    how: str
    """``fd 3``, ``cwd``, ``root`` or ``exe``."""
    writes: bool = False
    """Whether it was opened for writing."""
    target: tuple[int, int] = (0, 0)
    """The requested file or device that it has open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openers:
    """The processes found, and how many could not be inspected."""

    found: tuple[Opener, ...] = ()
    unseen: int = 0


def of_devices(numbers: Collection[tuple[int, int]], *, ourselves: bool = False) -> Openers:
    """Return the processes that have block devices open, by major and minor number.

    Args:
        ourselves: Whether this process counts as well.
    """

    def match(status: os.stat_result) -> tuple[int, int] | None:
        number = (os.major(status.st_rdev), os.minor(status.st_rdev))
        return number if stat.S_ISBLK(status.st_mode) and number in numbers else None

    return _scan(match, links=("fd",), ourselves=ourselves)


def of_file(status: os.stat_result) -> Openers:
    """Return the processes that have a file open, by device and inode."""
    wanted = (status.st_dev, status.st_ino)
    return _scan(lambda s: wanted if (s.st_dev, s.st_ino) == wanted else None, links=("fd", "exe"))


def of_filesystem(device: int) -> Openers:
    """Return the processes that use a filesystem (``st_dev``)."""
    return _scan(
        lambda s: (device, 0) if s.st_dev == device else None, links=("fd", "cwd", "root", "exe")
    )


def _scan(match: Match, *, links: tuple[str, ...], ourselves: bool = False) -> Openers:
    found, unseen = [], 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or (int(folder.name) == os.getpid() and not ourselves):
            continue
        try:
            paths = [(f"fd {fd}", f"fd/{fd}") for fd in os.listdir(folder / "fd")]
        except PermissionError:
            unseen += _is_program(folder)
            continue
        except OSError:
            continue  # it ended just now
        if not _is_program(folder):
            continue
        paths = [*((link, link) for link in links if link != "fd"), *paths]
        for how, path in paths:
            try:
                target = match(os.stat(folder / path))
            except OSError:
                continue  # a kernel thread has no exe; a descriptor may be closed meanwhile
            if target is not None:
                writes = how.startswith("fd ") and _writes(folder, how[3:])
                found.append(
                    Opener(
                        pid=int(folder.name),
                        command=_command(folder),
                        how=how,
                        writes=writes,
                        target=target,
                    )
                )
    return Openers(found=tuple(sorted(found, key=lambda o: o.pid)), unseen=unseen)


def _is_program(folder: Path) -> bool:
    """Test whether it is not a kernel thread: these have no command line."""
    try:
        return bool((folder / "cmdline").read_bytes())
    except OSError:
        return False


def _command(folder: Path) -> str:
    try:
        return (folder / "comm").read_text().strip()
    except OSError:
        return "?"


def _writes(folder: Path, fd: str) -> bool:
    """Source: proc(5), /proc/PID/fdinfo: flags in octal."""
    try:
        for line in (folder / "fdinfo" / fd).read_text().splitlines():
            if line.startswith("flags:"):
                return bool(int(line.split()[1], 8) & os.O_ACCMODE)
    except OSError:
        pass
    return False
