"""The programs that bootwright runs, and their packages."""

from __future__ import annotations

import os
from pathlib import Path

from bootwright.errors import HostError

PROGRAMS = {
    "qemu-system-x86_64": ("qemu-system-x86", "qemu-system-x86-core", "boots machines"),
    "qemu-img": ("qemu-utils", "qemu-img", "reads qcow2 files"),
    "qemu-io": ("qemu-utils", "qemu-img", "writes to disks as QEMU does, for disk bench"),
    "mmdebstrap": ("mmdebstrap", "mmdebstrap", "builds Debian systems and fetches Debian kernels"),
    "mke2fs": ("e2fsprogs", "e2fsprogs", "writes ext4 images"),
    "debugfs": ("e2fsprogs", "e2fsprogs", "reads ext4 images"),
    "ssh": ("openssh-client", "openssh-clients", "logs in"),
    "scp": ("openssh-client", "openssh-clients", "copies files"),
    "ssh-keygen": ("openssh-client", "openssh-clients", "makes keys"),
    "busybox": ("busybox-static", "busybox", "runs the initramfs"),
    "tini-static": ("tini", "tini-static", "is PID 1 with --init tini"),
    "depmod": ("kmod", "kmod", "finds the dependencies of kernel modules"),
    "dpkg-deb": ("dpkg", "dpkg", "unpacks Debian packages"),
    "apt-get": ("apt", "apt", "tells the host's package mirror"),
    "tar": ("tar", "tar", "unpacks root filesystems"),
    "xz": ("xz-utils", "xz", "unpacks the source of a kernel, and .xz files"),
    "gzip": ("gzip", "gzip", "unpacks .gz files"),
    "bzip2": ("bzip2", "bzip2", "unpacks .bz2 files"),
    "zstd": ("zstd", "zstd", "unpacks .zst files"),
    "lz4": ("lz4", "lz4", "unpacks .lz4 files"),
    "unshare": ("util-linux", "util-linux", "gives a build its own user namespace"),
    "setpriv": ("util-linux", "util-linux-core", "ends the VMM when its monitor ends"),
}
"""``{program: (Debian package, Fedora package, purpose)}``"""

# Debian keeps these out of an ordinary user's PATH.
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def find(program: str) -> Path | None:
    """Find *program* in PATH and the sbin folders; None if it is missing."""
    # Not by shutil.which: importing shutil takes longer than the rest of a boot's look-ups.
    for folder in (*os.get_exec_path(), *_SBIN.split(":")):
        path = os.path.join(folder, program)
        if folder and os.access(path, os.X_OK) and os.path.isfile(path):
            return Path(path)
    return None


def require(*programs: str) -> list[Path]:
    """Find all of *programs*.

    Raises:
        HostError: some are missing; the hint has the command that installs all of them.
    """
    found = [find(program) for program in programs]
    missing = [program for program, path in zip(programs, found, strict=True) if path is None]
    if missing:
        debian = sorted({PROGRAMS[program][0] for program in missing})
        fedora = sorted({PROGRAMS[program][1] for program in missing})
        uses = ", ".join(f"{program} ({PROGRAMS[program][2]})" for program in missing)
        raise HostError(
            f"not installed here: {uses}",
            hint=f"on Debian: sudo apt-get install {' '.join(debian)}; "
            f"on Fedora: sudo dnf install {' '.join(fedora)}",
        )
    return [path for path in found if path is not None]
