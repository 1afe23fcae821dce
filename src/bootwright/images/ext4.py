"""ext4 images from tar archives."""

from __future__ import annotations

from pathlib import Path

from bootwright.errors import BuildError
from bootwright.host import commands, tools
from bootwright.host.trees import as_namespace_root

MINIMUM_BYTES = 4 << 30
"""A disk with less room than this feels cramped; it is sparse, so room costs nothing."""

# Device nodes cannot be made in a user namespace; the kernel's devtmpfs has them all.
# The inode tables and the journal are written now: else the guest's kernel does it in the
# background of every boot (ext4lazyinit). Source: mke2fs(8), -E lazy_itable_init.
_SCRIPT = """
set -e
trap 'rm -rf "$tree"' EXIT
mkdir "$tree"
"$tar" --extract --file "$archive" --directory "$tree" --numeric-owner --preserve-permissions \\
    --xattrs --xattrs-include='*' --exclude='./dev/*' --exclude='dev/*'
"$mke2fs" -q -t ext4 -L root -m 1 -E lazy_itable_init=0,lazy_journal_init=0 \\
    -d "$tree" "$disk" "$size"
"""


def write(archive: Path, disk: Path) -> None:
    """Write the raw disk *disk*, one ext4 filesystem, from the tar file *archive*.

    Compressed archives are fine. Works without root by way of a user namespace.

    Raises:
        BuildError: tar or mke2fs failed; their output is attached.
    """
    tar, mke2fs = tools.require("tar", "mke2fs")
    size_kib = max(MINIMUM_BYTES, 3 * archive.stat().st_size) // 1024
    variables = {
        "tree": disk.with_name("tree"),
        "archive": archive.absolute(),
        "disk": disk,
        "size": f"{size_kib}k",
        "tar": tar,
        "mke2fs": mke2fs,
    }
    assignments = [f"{name}={value}" for name, value in variables.items()]
    done = commands.run([*as_namespace_root(), "env", *assignments, "sh", "-c", _SCRIPT])
    if done.returncode:
        raise BuildError(
            f"writing the filesystem of {archive.name} failed",
            hint="a root filesystem archive has bin, etc, usr ... at its top",
            evidence=done.stderr[-1500:],
        )
