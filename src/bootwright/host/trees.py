"""Folders with all below them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from bootwright.host import tools

NAMESPACE_HINT = (
    "install uidmap and give yourself lines in /etc/subuid and /etc/subgid, or run as root"
)
"""What to try where `as_namespace_root` is refused."""


def used_bytes(folder: Path) -> int:
    """Return the space that *folder* takes on its disk, in bytes; holes take none."""
    return sum(
        os.lstat(Path(parent) / name).st_blocks * 512
        for parent, _, files in os.walk(folder)
        for name in files
    )


def remove_tree(folder: Path) -> None:
    """Remove *folder* with all below it.

    What a build without root left behind belongs to other users of our user namespace; such files
    are removed inside one.
    """
    if not folder.exists():
        return
    try:
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                path = Path(parent) / name
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | stat.S_IRWXU)
        shutil.rmtree(folder)
    except PermissionError:
        subprocess.run([*as_namespace_root(), "rm", "-rf", "--", folder], check=True)


def as_namespace_root() -> list[str]:
    """Return the start of a command line that runs a program as root of a user namespace.

    Empty for root, who needs none. All of the user's subordinate ids are mapped, so that files of
    every user and group can be made.

    Source: unshare(1), subuid(5).
    """
    if os.geteuid() == 0:
        return []
    [unshare] = tools.require("unshare")
    return [str(unshare), "--map-root-user", "--map-auto", "--"]
