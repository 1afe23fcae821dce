"""Why a mount point is busy: mounts below it, processes, loop devices, other mounts of the same."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from bootwright.busy import devices
from bootwright.busy.explanation import Explanation
from bootwright.busy.holders import BlockDevices, of_mount
from bootwright.host import openers
from bootwright.host.mounts import Mount

CHECKED = (
    "mounts below it",
    "other mounts of the same filesystem, in all mount namespaces",
    "loop devices whose files are in it",
    "the processes that use it",
)
_MANY = 8
"""At most so many processes or mounts are listed."""


def of_folder(path: Path, block_devices: BlockDevices) -> Explanation:
    """Explain what keeps a mount point from being unmounted, and its device from being freed."""
    target = path.resolve()
    here = [m for m in block_devices.mounted if m.point == target and not m.pid]
    if not here:
        reason = "nothing is mounted on this folder: mounting on it works"
        return Explanation(
            path=str(path),
            kind="folder",
            is_busy=False,
            reasons=(reason,),
            checked=("mounts in this mount namespace",),
        )
    if target == Path("/"):
        reason = "it is the root of this system, and cannot be unmounted"
        return Explanation(path=str(path), kind="mount point", is_busy=True, reasons=(reason,))
    device = path.stat().st_dev
    seen = openers.of_filesystem(device)
    below = [
        m
        for m in block_devices.mounted
        if m.point != target and m.point.is_relative_to(target) and not m.pid
    ]
    loops = [b for b in block_devices.loops if b.device == device]
    reasons = [f"{mount.kind} is mounted here, from {mount.source}" for mount in here]
    fixes = []
    for mount in below[:_MANY]:
        reasons.append(f"{mount.kind} is mounted below it, at {mount.point}")
        fixes.append(devices.advice(of_mount(mount)))
    if len(below) > _MANY:
        reasons.append(f"and {len(below) - _MANY} more mounts")
    for bound in loops:
        reasons.append(
            f"loop{bound.number} uses {bound.backing_file}, which is in this filesystem; the "
            "kernel holds that file, so neither lsof nor fuser shows it"
        )
        fixes.append(f"detach it: $ sudo losetup -d {bound.node}")
    users = sorted({(o.pid, o.command) for o in seen.found})
    for pid, command in users[:_MANY]:
        how = ", ".join(sorted({o.how for o in seen.found if o.pid == pid}))
        reasons.append(f"process {pid} ({command}) uses it: {how}")
    if len(users) > _MANY:
        reasons.append(f"and {len(users) - _MANY} more processes")
    if users:
        fixes.append(
            f"end the processes that use it; to list them all: $ sudo fuser -vm {quote(str(path))}"
        )
    is_busy = bool(below or loops or seen.found)
    if is_busy:
        reasons.insert(len(here), "umount reports it as busy, because:")
    words, more = _elsewhere(target, here, block_devices)
    reasons, fixes = [*reasons, *words], [*fixes, *more]
    unseen = devices.unseen_processes(seen.unseen)
    if unseen:
        fixes.append(devices.as_root(path))
    return Explanation(
        path=str(path),
        kind="mount point",
        is_busy=is_busy or bool(words),
        reasons=tuple(reasons),
        fixes=tuple(dict.fromkeys(fixes)),
        checked=CHECKED,
        unseen=unseen,
    )


def _elsewhere(
    target: Path, here: list[Mount], block_devices: BlockDevices
) -> tuple[list[str], list[str]]:
    """Find the other mounts of the same filesystem; only a block device is held by them."""
    reasons, fixes = [], []
    if len(here) > 1:
        reasons.append(f"{len(here)} filesystems are mounted here, one over the other")
        fixes.append(f"umount removes the topmost only: $ sudo umount {quote(str(target))}")
    numbers = {mount.device for mount in here if mount.source.startswith("/dev/")}
    for mount in block_devices.mounted:
        if mount.device in numbers and (mount.pid or mount.point != target):
            holder = of_mount(mount)
            reasons.append(f"the same filesystem is {holder.text} too: its device stays in use")
            fixes.append(devices.advice(holder))
    return reasons, fixes
