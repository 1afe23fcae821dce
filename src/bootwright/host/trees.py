"""Sizes and removal of directory trees."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bootwright.errors import HostError


def used_bytes(folder: Path) -> int:
    """Return the space that *folder* takes on its disk, in bytes; holes take none."""
    return sum(
        os.lstat(Path(parent) / name).st_blocks * 512
        for parent, _, files in os.walk(folder)
        for name in files
    )


def remove_tree(folder: Path) -> None:
    """Remove *folder* recursively; safe for concurrent callers.

    Files of an unprivileged build belong to subordinate ids; they are removed in a user namespace.

    Raises:
        HostError: something is mounted below it, and nothing was removed; or it is another user's.
    """
    while folder.exists():
        import shutil  # here, as below: a boot waits for what is imported before it

        try:
            _open_up(folder)
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue  # another process removes it too, and was faster with a part
        except PermissionError:
            from bootwright.host import commands
            from bootwright.host.namespaces import as_namespace_root

            done = commands.run([*as_namespace_root(), "rm", "-rf", "--", folder])
            if done.returncode:
                raise HostError(
                    f"cannot remove {folder}: {done.stderr.strip()}",
                    hint=f"does it belong to another user? sudo rm -r {folder}",
                ) from None


def _open_up(folder: Path) -> None:
    """Give the owner access to every folder below *folder*."""
    device = folder.stat().st_dev
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent) / name
            if path.is_symlink():
                continue
            status = path.stat()
            if status.st_dev != device:
                # For example a build's /proc or /sys.
                raise HostError(f"something is mounted at {path}", hint=f"umount {path}")
            path.chmod(status.st_mode | stat.S_IRWXU)
