"""ext4 images from tar archives."""

from __future__ import annotations

from pathlib import Path

from bootwright.errors import BuildError, HostError
from bootwright.host import commands, space, tools
from bootwright.host.namespaces import NAMESPACE_HINT, as_namespace_root

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
    --xattrs --xattrs-include='*' --anchored --exclude='./dev/*' --exclude='dev/*'
used=$(du -sk "$tree" | cut -f 1)
size=$((used * 2 > minimum ? used * 2 : minimum))
"$mke2fs" -q -t ext4 -L root -m 1 -E lazy_itable_init=0,lazy_journal_init=0 \\
    -d "$tree" "$disk" "${size}k"
"""


def write(archive: Path, disk: Path) -> None:
    """Write the raw disk *disk*, one ext4 filesystem, from the tar file *archive*.

    Compressed archives are fine. Works without root by way of a user namespace.

    Raises:
        BuildError: tar or mke2fs failed; their output is attached.
        HostError: an ordinary user has no subordinate user ids.
    """
    tar, mke2fs = tools.require("tar", "mke2fs")
    variables = {
        "tree": disk.with_name("tree"),
        "archive": archive.absolute(),
        "disk": disk,
        "minimum": MINIMUM_BYTES // 1024,
        "tar": tar,
        "mke2fs": mke2fs,
    }
    assignments = [f"{name}={value}" for name, value in variables.items()]
    done = commands.run([*as_namespace_root(), "env", *assignments, "sh", "-c", _SCRIPT])
    if done.returncode:
        space.raise_if_full(done.stderr)
        if "line matching user" in done.stderr or "newuidmap" in done.stderr:
            raise HostError(
                "this host does not let an ordinary user write images with other users' files",
                hint=NAMESPACE_HINT,
                evidence=done.stderr[-600:],
            )
        raise BuildError(
            f"writing the filesystem of {archive.name} failed",
            hint="a root filesystem archive has bin, etc, usr ... at its top",
            evidence=done.stderr[-1500:],
        )
