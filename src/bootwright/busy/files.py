"""Why a file is busy: the loop devices that use it, swap, processes, and what mount would do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from bootwright.busy import contents, devices, mounting
from bootwright.busy import holders as holding
from bootwright.busy.explanation import BusyDevice, Explanation
from bootwright.busy.holders import BlockDevices, Holder
from bootwright.busy.mounting import Mounting
from bootwright.busy.owners import DELETED, Folders
from bootwright.disks import loop_ioctl
from bootwright.disks.loop import Bound
from bootwright.host import openers

CHECKED = (
    "loop devices that use it, or a deleted file of the same path",
    "swap",
    "the processes that have it open",
    "its size and partition table",
    "/dev/loop-control and the next free loop device",
)
Findings = tuple[list[str], list[str]]
"""Reasons and fixes."""


def of_file(
    path: Path, status: os.stat_result, block_devices: BlockDevices, folders: Folders
) -> Explanation:
    """Explain what stands in the way of mounting a file, or of attaching it to a loop device."""
    sharing = [b for b in block_devices.loops if devices.uses_file(b, status)]
    seen = openers.of_devices(devices.numbers_with_partitions([b.node.name for b in sharing]))
    held = {
        b.number: devices.holders_of(b.node.name, block_devices, folders, seen)[0] for b in sharing
    }
    would = mounting.of_file(sharing, held, str(path))
    starts = contents.partition_starts(path)
    using = openers.of_file(status)
    found = [
        _loops(path, would, sharing, held, folders),
        _partitions(path, sharing, starts),
        _swap(status, block_devices),
        _writers(using),
        _size(path, status),
        _driver(path, block_devices) if not sharing else ([], []),
    ]
    previous = _previous(path, block_devices, held, folders)
    reasons = [reason for reasons, _ in (*found, previous) for reason in reasons]
    fixes = [fix for _, fixes in (*found, previous) for fix in fixes]
    unseen = _unseen(path, block_devices, using.unseen, starts)
    if unseen:
        fixes.append(devices.as_root(path))
    is_busy = bool(reasons)
    if not is_busy and not unseen:
        free, _ = devices.next_free(block_devices)
        reasons.append(f"no loop device uses this file: mount sets up a new one, loop{free}")
    return Explanation(
        path=str(path),
        kind="file",
        is_busy=is_busy,
        devices=tuple(devices.loop_device(b, held[b.number], folders) for b in sharing),
        mounting=would,
        reasons=tuple(reasons),
        fixes=tuple(dict.fromkeys(fixes)),
        notes=_notes(status, using),
        checked=CHECKED,
        unseen=unseen,
    )


def _unseen(
    path: Path, block_devices: BlockDevices, processes: int, starts: dict[int, int] | None
) -> tuple[str, ...]:
    found = list(devices.unseen_processes(processes))
    untraceable = [b.node.name for b in block_devices.loops if devices.is_untraceable(b)]
    if untraceable:
        found.append(f"which file {', '.join(untraceable)} uses is not visible")
    if starts is None:
        found.append(f"no permission to read {path}: what it holds is not known")
    return tuple(found)


def _loops(
    path: Path,
    would: Mounting,
    sharing: list[Bound],
    held: dict[int, tuple[Holder, ...]],
    folders: Folders,
) -> Findings:
    if not sharing:
        return [], []
    reasons, fixes = _mounting(path, would, held)
    if len(sharing) > 1:
        names = ", ".join(b.node.name for b in sharing)
        reasons.append(
            f"{names} share this file: the kernel allows that, but filesystems that write through "
            "two of them corrupt each other"
        )
    for bound in sharing:
        words, more = devices.problems(bound, held[bound.number])
        prefix = f"{bound.node.name}: " if len(sharing) > 1 else ""
        reasons += [prefix + word for word in words]
        fixes += [*more, *devices.freeing(bound, held[bound.number], folders)]
    return reasons, fixes


def _mounting(path: Path, would: Mounting, held: dict[int, tuple[Holder, ...]]) -> Findings:
    name, file = would.loop, quote(str(path))
    match would.verdict:
        case "reuses":
            return [
                f"{name} uses it: mount {path} would not set up a new loop device, but mount "
                f"{name}; what else opens the file for writing corrupts it"
            ], []
        case "shares":
            return [
                f"mount {path} would mount {name} again, which is already mounted: the same "
                "filesystem in two places. That works if both are writable or both read-only"
            ], []
        case "overlaps":
            return [
                f"mount refuses the file because {name} uses a part of it, and two writers could "
                f'corrupt it; it prints "{would.message}"'
            ], []
    blocking = [h for h in held[int(name.removeprefix("loop"))] if h.claims]
    return [
        f"mount {path} does not set up a new loop device: it finds {name}, which uses the same "
        f"file, and mounts that. But {name} is claimed: {'; '.join(h.text for h in blocking)}. "
        f'So the kernel returns EBUSY, and mount prints "{would.message}"'
    ], [
        *(devices.advice(h) for h in blocking),
        "or set up another loop device and mount that, read-only because the first may be "
        f'written to: $ sudo mount -o ro "$(sudo losetup --find --show --read-only {file})" /mnt',
    ]


def _partitions(path: Path, sharing: list[Bound], starts: dict[int, int] | None) -> Findings:
    if not starts or any(b.offset or b.size_limit for b in sharing):
        return [], []
    return contents.mounting_partitions(path, sharing[0] if sharing else None, starts)


def _swap(status: os.stat_result, block_devices: BlockDevices) -> Findings:
    name = block_devices.swap_files.get((status.st_dev, status.st_ino))
    if name is None:
        return [], []
    return [
        "the kernel uses it as swap space: writing to it or mounting it fails or corrupts it"
    ], [f"stop swapping on it: $ sudo swapoff {quote(name)}"]


def _writers(using: openers.Openers) -> Findings:
    writers = {o.pid: o.command for o in using.found if o.writes}
    return [
        f"process {pid} ({command}) has it open for writing: mounting it as well corrupts it"
        for pid, command in writers.items()
    ], [f"end process {pid}: $ sudo kill {pid}" for pid in writers]


def _size(path: Path, status: os.stat_result) -> Findings:
    if status.st_size >= devices.SECTOR_BYTES:
        return [], []
    has = f"has {status.st_size} bytes" if status.st_size else "is empty"
    return [f"it {has}: a loop device needs at least one sector of 512 bytes"], [
        f"give it a size, such as 64 MiB: $ truncate -s 64M {quote(str(path))}"
    ]


def _driver(path: Path, block_devices: BlockDevices) -> Findings:
    """Tell whether the loop driver can give the file a device."""
    if not Path(loop_ioctl.CONTROL).exists():
        return [f"{loop_ioctl.CONTROL} is missing: no loop device can be set up"], [
            "load the driver: $ sudo modprobe loop",
            f"or, in a container, create the node: $ sudo mknod {loop_ioctl.CONTROL} c 10 237",
        ]
    free, is_claimed = devices.next_free(block_devices)
    if is_claimed:
        unused = max(devices.loop_numbers(), default=-1) + 1
        return [
            f"LOOP_CTL_GET_FREE returns loop{free} as free because it has no backing file; but it "
            "is claimed (O_EXCL), so binding a file to it fails with EBUSY, and the kernel returns "
            f"loop{free} again each time: a live-lock"
        ], [
            _who_holds(free),
            f"or skip it and create a new one: $ sudo losetup /dev/loop{unused} {quote(str(path))}",
        ]
    if free in devices.loop_numbers() and not Path(f"/dev/loop{free}").exists():
        return [f"the kernel offers loop{free}, but /dev/loop{free} does not exist"], [
            f"create the node: $ sudo mknod /dev/loop{free} b {loop_ioctl.MAJOR} {free}"
        ]
    return [], []


def _who_holds(number: int) -> str:
    seen = openers.of_devices([holding.numbers_of(f"loop{number}")])
    who = ", ".join(f"{o.pid} ({o.command})" for o in seen.found)
    return (
        f"it is held by process {who}"
        if who
        else f"to see who holds it: $ sudo fuser /dev/loop{number}"
    )


def users_of_deleted(path: Path, block_devices: BlockDevices) -> list[Bound]:
    """Return the loop devices whose file had this path, and is deleted."""
    names = {f"{os.path.abspath(path)}{DELETED}", f"{os.path.realpath(path)}{DELETED}"}
    return [b for b in block_devices.loops if b.backing_file in names]


def _previous(
    path: Path, block_devices: BlockDevices, held: dict[int, tuple[Holder, ...]], folders: Folders
) -> Findings:
    reasons: list[str] = []
    fixes: list[str] = []
    for bound in users_of_deleted(path, block_devices):
        if bound.number in held:
            continue
        name = bound.node.name
        reasons.append(
            f"{name} uses a deleted file that was {path} before, not the file that is there now: "
            f"what is written to {name} is not in this file, and is lost when {name} is detached"
        )
        found = of_deleted(path, [bound], block_devices, folders)
        fixes += found.fixes
    return reasons, fixes


def of_deleted(
    path: Path, using: Sequence[Bound], block_devices: BlockDevices, folders: Folders
) -> Explanation:
    """Explain that a file which is deleted is still used by loop devices."""
    seen = openers.of_devices(devices.numbers_with_partitions([b.node.name for b in using]))
    found: list[BusyDevice] = []
    names = ", ".join(bound.node.name for bound in using)
    reasons = [f"{path} does not exist any more, but is attached to {names}"]
    fixes: list[str] = []
    for bound in using:
        held, _ = devices.holders_of(bound.node.name, block_devices, folders, seen)
        words, more = devices.problems(bound, held)
        found.append(devices.loop_device(bound, held, folders))
        reasons += words
        fixes += [*more, *devices.freeing(bound, held, folders)]
    unseen = devices.unseen_processes(seen.unseen)
    if unseen:
        fixes.append(devices.as_root(path))
    return Explanation(
        path=str(path),
        kind="file",
        is_busy=True,
        devices=tuple(found),
        reasons=tuple(reasons),
        fixes=tuple(fixes),
        unseen=unseen,
    )


def _notes(status: os.stat_result, using: openers.Openers) -> tuple[str, ...]:
    notes = []
    readers = {o.pid: o.command for o in using.found if not o.writes}
    notes += [f"process {pid} ({command}) reads it" for pid, command in readers.items()]
    rest = status.st_size % devices.SECTOR_BYTES
    if rest and status.st_size > devices.SECTOR_BYTES:
        notes.append(
            f"its size is no multiple of 512: a loop device leaves out its last {rest} bytes"
        )
    return tuple(notes)
