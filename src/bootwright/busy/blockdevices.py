"""Why a block device is busy: a loop device, a partition, a device-mapper device or a disk."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from bootwright.busy import contents, devices, mounting
from bootwright.busy.explanation import BusyDevice, Explanation
from bootwright.busy.holders import BlockDevices, Holder
from bootwright.busy.mounting import Mounting
from bootwright.busy.owners import Folders, of_loop
from bootwright.disks.loop import Bound
from bootwright.host import openers

CHECKED = (
    "the file behind it",
    "the devices on top of it",
    "mounts in all mount namespaces",
    "swap",
    "the processes that have it open",
    "exclusive claims (O_EXCL)",
)


def of_device(
    path: Path, number: tuple[int, int], block_devices: BlockDevices, folders: Folders
) -> Explanation:
    """Explain what holds a block device, and why a loop device cannot be given another file."""
    name = Path(f"/sys/dev/block/{number[0]}:{number[1]}").resolve().name
    bound = next((b for b in block_devices.loops if b.node.name == name), None)
    seen = openers.of_devices(devices.numbers_with_partitions([name]))
    held, claimed = devices.holders_of(name, block_devices, folders, seen, node=path)
    would = mounting.of_device(name, held)
    blocking = [h for h in held if h.claims]
    reasons = _mount_fails(path, would, blocking)
    notes: list[str] = []
    unseen = list(devices.unseen_processes(seen.unseen))
    if claimed is None and not _is_unclaimable(path):
        unseen.append(f"no permission to open {path}: whether it is claimed is not known")
    if bound is not None:
        words, fixes, notes = _attached(path, bound, held, block_devices, folders)
        reasons[:0] = words
        device = devices.loop_device(bound, held, folders)
    else:
        device = BusyDevice(name=name, text=_described(name, number, block_devices), holders=held)
        fixes = [devices.advice(h) for h in blocking]
        if name.startswith("loop") and not devices.disk_of(name):
            words, more, notes = _not_attached(name, blocking)
            reasons, fixes = [*reasons, *words], [*fixes, *more]
    is_busy = bool(blocking or bound is not None)
    if unseen:
        fixes.append(devices.as_root(path))
    return Explanation(
        path=str(path),
        kind="block device",
        is_busy=is_busy,
        devices=(device,),
        mounting=would,
        reasons=tuple(reasons),
        fixes=tuple(dict.fromkeys(fixes)),
        notes=tuple(notes),
        checked=CHECKED,
        unseen=tuple(unseen),
    )


def _is_unclaimable(path: Path) -> bool:
    """Test whether the device has no medium, so that nobody can claim it."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return not isinstance(error, PermissionError)
    return False


def _mount_fails(path: Path, would: Mounting, blocking: list[Holder]) -> list[str]:
    if would.verdict == "busy":
        what = "; ".join(h.text for h in blocking)
        return [f'mount {path} fails with EBUSY, "{would.message}": {what}']
    if would.verdict == "shares":
        return [
            "it is already mounted; mounting it again works, but nothing else "
            "(device mapper, mkfs, swapon) can claim it"
        ]
    return []


def _attached(
    path: Path,
    bound: Bound,
    held: tuple[Holder, ...],
    block_devices: BlockDevices,
    folders: Folders,
) -> tuple[list[str], list[str], list[str]]:
    """Return the reasons, fixes and notes of a loop device that has a file."""
    name = bound.node.name
    reasons = [
        f"{name} is attached to {bound.backing_file}: losetup {path} FILE is refused with EBUSY, "
        '"failed to set up loop device: Device or resource busy"'
    ]
    words, fixes = devices.problems(bound, held)
    reasons += words
    notes = []
    others = [
        b.node.name
        for b in block_devices.loops
        if b != bound and bound.inode and (b.device, b.inode) == (bound.device, bound.inode)
    ]
    if others:
        reasons.append(
            f"the same file is attached to {', '.join(others)} too: filesystems that write through "
            "two loop devices corrupt each other"
        )
        fixes += [f"keep one of them: $ sudo losetup -d /dev/{other}" for other in others]
    partitions = contents.partition_starts(path)
    if partitions:
        words, more = contents.mounting_partitions(path, bound, partitions)
        reasons, fixes = [*reasons, *words], [*fixes, *more]
    fixes.append("to attach another file, use a free device: $ sudo losetup --find --show FILE")
    owner = of_loop(bound, folders)
    if owner and owner.state == "shared":
        notes.append("machines share this base image: do not detach it while one runs")
    fixes += devices.freeing(bound, held, folders)
    return reasons, fixes, notes


def _not_attached(name: str, blocking: list[Holder]) -> tuple[list[str], list[str], list[str]]:
    reasons, fixes, notes = [], [], []
    if blocking:
        reasons.append(
            "it has no backing file, but is claimed. LOOP_CTL_GET_FREE keeps returning it as "
            "free, and binding a file to it fails with EBUSY: a live-lock for programs that "
            "only retry"
        )
        unused = max(devices.loop_numbers(), default=-1) + 1
        fixes.append(f"or skip it, and use a new one: $ sudo losetup /dev/loop{unused} FILE")
    for partition in devices.partitions_of(name):
        notes.append(f"{partition} is a partition left over from an earlier file of {name}")
        fixes.append(f"$ sudo partx --delete /dev/{name}")
    return reasons, fixes, notes


def _described(name: str, number: tuple[int, int], block_devices: BlockDevices) -> str:
    mapped = next((m for m in block_devices.mapped if f"dm-{m.minor}" == name), None)
    if mapped is not None:
        below = f" on top of {', '.join(mapped.slaves)}" if mapped.slaves else ""
        return f"is the device-mapper device {quote(mapped.name)}{below}"
    if disk := devices.disk_of(name):
        loop = next((b for b in block_devices.loops if b.node.name == disk), None)
        return f"is a partition of {disk}" + (f", which uses {loop.backing_file}" if loop else "")
    if name.startswith("loop"):
        return "has no backing file"
    return f"device {number[0]}:{number[1]}"
