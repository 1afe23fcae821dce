"""Checks of what the kinds of disks need from the kernel and the filesystem."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from bootwright.doctor.check import Check, State
from bootwright.home import Home
from bootwright.host import mounts
from bootwright.host.space import existing

_HAS_REFLINKS = ("btrfs", "bcachefs", "ocfs2")
_NO_REFLINKS = ("ext2", "ext3", "ext4", "tmpfs", "overlay", "f2fs", "vfat", "exfat", "squashfs")


def loops(
    release: str, *, sys_block: Path = Path("/sys/block"), dev: Path = Path("/dev")
) -> Iterator[Check]:
    """Check for kernels and /dev trees on which loop devices do not work well.

    Args:
        release: The kernel release, such as ``6.1.0-13-amd64``.

    Source: Linux commits 3448914e8cc5 (LOOP_CONFIGURE, 5.8), 33ec3e53e7b1 and 89e524c04fa9 (a claim
    in LOOP_SET_FD, 5.2 to 5.3-rc3).
    """
    found = re.match(r"(\d+)\.(\d+)", release)
    version = (int(found[1]), int(found[2])) if found else (99, 0)
    if version < (5, 8):
        text = (
            f"Linux {release} has no LOOP_CONFIGURE (added in 5.8): no dm-snapshot disks; "
            "qcow2, overlay and copy work without it"
        )
        if (5, 2) <= version <= (5, 3):
            text += (
                "; in 5.2 and early 5.3, binding a loop device claims it for a moment, and a "
                "concurrent mount may fail with EBUSY"
            )
        yield _note("loop devices", text, "boot a newer kernel")
    missing = sorted(p.name for p in sys_block.glob("loop*") if not (dev / p.name).exists())
    if missing:
        yield _note(
            "loop devices",
            f"{dev} has no node for {', '.join(missing[:8])}, as in a container: programs "
            "cannot open these devices",
            f"bootwright doctor why {dev / missing[0]}",
        )


def mounted_writes(
    *, cmdline: Path = Path("/proc/cmdline"), config: Path = Path("/proc/config.gz")
) -> Iterator[Check]:
    """Check for kernels that refuse to mount devices that are open for writing.

    Source: Documentation/admin-guide/kernel-parameters.txt, bdev_allow_write_mounted; Linux commit
    ed5cc702d311 (6.8).
    """
    words = cmdline.read_text().split() if cmdline.exists() else []
    values = [
        word.partition("=")[2] for word in words if word.startswith("bdev_allow_write_mounted=")
    ]
    if values:
        forbids = values[-1].lower() in ("0", "n", "no", "off", "false")
    elif config.exists():
        with gzip.open(config, "rt") as lines:
            forbids = "# CONFIG_BLK_DEV_WRITE_MOUNTED is not set\n" in lines
    else:
        forbids = False
    if forbids:
        yield _note(
            "mounted devices",
            "this kernel (bdev_allow_write_mounted=0) does not mount a device that is open for "
            "writing, nor open a mounted one for writing: mount reports it as busy",
            "to see who has a device open: bootwright doctor why /dev/loopN",
        )


def reflink(home: Home) -> Iterator[Check]:
    """Check by its type whether the filesystem of the machines supports reflinks.

    Only cloning a file would prove it: XFS can be created without reflinks.

    Source: ioctl_ficlone(2).
    """
    folder = existing(home.machines)
    kind = mounts.kind(folder)
    if kind in _HAS_REFLINKS:
        text = f"{kind} at {folder} supports reflinks"
    elif kind == "xfs":
        text = f"xfs at {folder} supports reflinks unless created without them: xfs_info {folder}"
    elif kind in _NO_REFLINKS:
        text = (
            f"{kind} at {folder} has no reflinks: no reflink disks; "
            "qcow2 and overlay work without them"
        )
    else:
        text = f"{kind or 'the filesystem'} at {folder} may or may not support reflinks"
    state: State = "ok" if kind in (*_HAS_REFLINKS, "xfs") else "note"
    yield Check(area="host", name="reflink", state=state, text=text)


def _note(name: str, text: str, hint: str) -> Check:
    return Check(area="host", name=name, state="note", text=text, hint=hint)
