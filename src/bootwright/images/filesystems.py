"""Check a filesystem with its own program before it is stored."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import FormatError
from bootwright.host import commands, space, tools
from bootwright.images import disklayout
from bootwright.images.disklayout import Root

_UNCLEAN = 0x4
"""EXT4_FEATURE_INCOMPAT_RECOVER: its journal has what the filesystem does not have yet."""
_E2FSCK_REPAIRED = 3
"""The highest exit status of e2fsck that leaves no error behind. Source: e2fsck(8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found that stops nothing; empty: nothing."""

    notice: str = ""


def check(disk: Path, root: Root) -> Checked:
    """Check the root filesystem on *disk*, and change nothing there.

    Where the host has no program for it, its size is all that was checked (`disklayout`).

    Raises:
        FormatError: it is damaged beyond what a boot repairs; what the program said is attached.
    """
    match root.filesystem:
        case "ext4":
            return _check_ext4(disk, root)
        case "xfs":
            return _check_xfs(disk, root)
        case "btrfs":
            return _check_btrfs(disk, root)


def _check_ext4(disk: Path, root: Root) -> Checked:
    program = tools.find("e2fsck")
    if program is None:
        return Checked(notice="not checked: e2fsck (e2fsprogs) is not installed")
    with disk.open("rb") as file:
        start = disklayout.start_bytes(file, root.partition)
        file.seek(start + 1024 + 96)
        is_unclean = bool(struct.unpack("<I", file.read(4))[0] & _UNCLEAN)
    if not is_unclean:
        device = f"{disk}?offset={start}" if start else str(disk)
        if commands.run([program, "-fn", device]).returncode == 0:
            return Checked()
    # What a boot would do, its journal first, is tried on a copy: that tells damage from a guest
    # that was not shut down.
    with _alone(disk, root, copied=True) as copy:
        done = commands.run([program, "-fp", copy])
    if done.returncode > _E2FSCK_REPAIRED:
        raise _damaged(root, "e2fsck -fn", done.stdout.replace(str(copy), root.filesystem))
    if is_unclean:
        return Checked(notice="was not unmounted; each boot from it replays its journal")
    return Checked(notice="has small errors, which a boot repairs (e2fsck -p)")


def _check_xfs(disk: Path, root: Root) -> Checked:
    program = tools.find("xfs_repair")
    if program is None:
        return Checked(notice="not checked: xfs_repair (xfsprogs) is not installed")
    with _alone(disk, root) as file:
        done = commands.run([program, "-n", "-f", file])
    said = done.stdout + done.stderr
    if "log which is being ignored" in " ".join(said.split()):
        # What it finds then is what the log would mend.
        return Checked(notice="was not unmounted; each boot from it replays its log")
    if done.returncode:
        raise _damaged(root, "xfs_repair -n", said)
    return Checked()


def _check_btrfs(disk: Path, root: Root) -> Checked:
    program = tools.find("btrfs")
    if program is None:
        return Checked(notice="not checked: btrfs (btrfs-progs) is not installed")
    with _alone(disk, root) as file:
        done = commands.run([program, "check", "--readonly", file])
    if done.returncode:
        raise _damaged(root, "btrfs check --readonly", done.stdout + done.stderr)
    return Checked()


@contextmanager
def _alone(disk: Path, root: Root, *, copied: bool = False) -> Iterator[Path]:
    """Give a file that holds the filesystem and nothing else; a partition is copied for that."""
    if root.partition == 0 and not copied:
        yield disk
        return
    copy = disk.with_name("filesystem")
    with disk.open("rb") as file:
        start, length = disklayout.place(file, root.partition)
    span = [f"skip={start}", f"count={length}", "iflag=skip_bytes,count_bytes"]
    try:
        done = commands.run(["dd", f"if={disk}", f"of={copy}", "bs=1M", "conv=sparse", *span])
        space.raise_if_full(done.stderr)
        with copy.open("r+b") as file:
            file.truncate(length)  # dd leaves out a hole at the end
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _damaged(root: Root, command: str, said: str) -> FormatError:
    where = f" in partition {root.partition}" if root.partition else ""
    return FormatError(
        f"its {root.filesystem}{where} is damaged",
        hint=f"fetch or copy it again; {command} shows all that is wrong",
        evidence="\n".join(line for line in said.splitlines() if line.strip())[-1000:],
    )
