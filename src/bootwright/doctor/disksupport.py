"""What the kernel and the store's filesystem mean for each kind of disk."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from bootwright.doctor.check import Check, State
from bootwright.home import Home
from bootwright.host import mounts
from bootwright.host.space import existing

_SHARES_BLOCKS = ("btrfs", "bcachefs", "ocfs2")
_NEVER_SHARES = ("ext2", "ext3", "ext4", "tmpfs", "overlay", "f2fs", "vfat", "exfat", "squashfs")


def loops(
    release: str, *, sys_block: Path = Path("/sys/block"), dev: Path = Path("/dev")
) -> Iterator[Check]:
    """Say what of this kernel, or of this /dev, keeps loop devices from working well.

    Args:
        release: The kernel's, such as ``6.1.0-13-amd64``.

    Source: Linux commits 3448914e8cc5 (LOOP_CONFIGURE, 5.8), 33ec3e53e7b1 and 89e524c04fa9 (a claim
    in LOOP_SET_FD, 5.2 to 5.3-rc3).
    """
    found = re.match(r"(\d+)\.(\d+)", release)
    version = (int(found[1]), int(found[2])) if found else (99, 0)
    if version < (5, 8):
        text = (
            f"Linux {release} has no LOOP_CONFIGURE, which came with 5.8: no disks on loop devices "
            "(dm-snapshot); qcow2, overlay and copy work without"
        )
        if (5, 2) <= version <= (5, 3):
            text += (
                "; and in 5.2 and early 5.3 binding a loop device claims it for a moment, so that "
                "a mount beside it may fail with EBUSY"
            )
        yield _note("loop devices", text, "boot a newer kernel")
    lacking = sorted(p.name for p in sys_block.glob("loop*") if not (dev / p.name).exists())
    if lacking:
        yield _note(
            "loop devices",
            f"the kernel has {', '.join(lacking[:8])}, and {dev} has not: this is a container's "
            "/dev, in which programs find no node for the number that they are given",
            f"bootwright doctor why {dev / lacking[0]}",
        )


def mounted_writes(
    *, cmdline: Path = Path("/proc/cmdline"), config: Path = Path("/proc/config.gz")
) -> Iterator[Check]:
    """Say so where a device that is open for writing cannot be mounted, nor the reverse.

    Source: Documentation/admin-guide/kernel-parameters.txt, bdev_allow_write_mounted; Linux commit
    ed5cc702d311 (6.8).
    """
    words = cmdline.read_text().split() if cmdline.exists() else []
    told = [
        word.partition("=")[2] for word in words if word.startswith("bdev_allow_write_mounted=")
    ]
    if told:
        forbids = told[-1].lower() in ("0", "n", "no", "off", "false")
    elif config.exists():
        with gzip.open(config, "rt") as lines:
            forbids = "# CONFIG_BLK_DEV_WRITE_MOUNTED is not set\n" in lines
    else:
        forbids = False
    if forbids:
        yield _note(
            "mounted devices",
            "this kernel (bdev_allow_write_mounted=0) refuses to mount what is open for writing, "
            "and to open for writing what is mounted: mount says busy where others would not",
            "bootwright doctor why /dev/loopN names who has it open for writing",
        )


def reflink(home: Home) -> Iterator[Check]:
    """Say whether files of the machines' filesystem can share blocks, judged by its type.

    Only where a file is cloned is it known: XFS may be made without. Source: ioctl_ficlone(2).
    """
    folder = existing(home.machines)
    kind = mounts.kind(folder)
    if kind in _SHARES_BLOCKS:
        text = f"{kind} at {folder} shares blocks: reflink disks work"
    elif kind == "xfs":
        text = f"xfs at {folder} shares blocks unless it was made without: xfs_info {folder}"
    elif kind in _NEVER_SHARES:
        text = (
            f"{kind} at {folder} shares no blocks: no reflink disks; qcow2 and overlay work without"
        )
    else:
        text = f"nobody can tell of {kind or 'the filesystem'} at {folder} without trying"
    state: State = "ok" if kind in (*_SHARES_BLOCKS, "xfs") else "note"
    yield Check(area="host", name="reflink", state=state, text=text)


def _note(name: str, text: str, hint: str) -> Check:
    return Check(area="host", name=name, state="note", text=text, hint=hint)
