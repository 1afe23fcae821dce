"""Explain why a file, a block device or a mount point is busy, and how to fix it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from bootwright.busy import holders as holding
from bootwright.busy import mounting
from bootwright.busy.holders import BlockDevices, Holder
from bootwright.busy.mounting import Mounting
from bootwright.busy.owners import DELETED, Folders, of_loop, of_mapped
from bootwright.disks.holders import SYS_BLOCK
from bootwright.disks.loop import Bound
from bootwright.errors import HostError, NotFoundError
from bootwright.home import Home
from bootwright.host import openers

_MANY = 8
"""At most so many processes or mounts are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyDevice:
    """A block device that the path depends on."""

    name: str
    text: str
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What makes a path busy, in words for the user."""

    path: str
    kind: str
    is_busy: bool
    devices: tuple[BusyDevice, ...] = ()
    mounting: Mounting | None = None
    reasons: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    """Each is a sentence, or a command after ``$ ``."""
    notes: tuple[str, ...] = ()


def explain_busy(path: Path, home: Home) -> Explanation:
    """Explain what holds *path*: a file, a block device or a mount point.

    Nothing is changed. Each device concerned is opened with O_EXCL for a few microseconds, the only
    way to detect such a claim.

    Raises:
        NotFoundError: *path* does not exist, or is of another type.
        HostError: *path* cannot be read.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.parent == Path("/dev") and (SYS_BLOCK / path.name).exists():
            return _without_node(path)
        raise NotFoundError(
            f"{path} does not exist",
            hint="give a file, a block device such as /dev/loop3, or a mount point",
        ) from None
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}") from error
    block_devices = holding.read_block_devices()
    folders = Folders.of(home)
    if stat.S_ISBLK(status.st_mode):
        number = os.major(status.st_rdev), os.minor(status.st_rdev)
        return _of_device(path, number, block_devices, folders)
    if stat.S_ISDIR(status.st_mode):
        return _of_folder(path, block_devices)
    if stat.S_ISREG(status.st_mode):
        return _of_file(path, status, block_devices, folders)
    raise NotFoundError(
        f"{path} is not a file, a block device or a folder",
        hint="give a file, a block device such as /dev/loop3, or a mount point",
    )


# A file


def _of_file(
    path: Path, status: os.stat_result, block_devices: BlockDevices, folders: Folders
) -> Explanation:
    sharing = [
        b for b in block_devices.loops if (b.device, b.inode) == (status.st_dev, status.st_ino)
    ]
    seen = openers.of_devices([holding.numbers_of(f"loop{b.number}") for b in sharing])
    held = {
        b.number: _holders(f"loop{b.number}", b.holders, block_devices, folders, seen)
        for b in sharing
    }
    would = mounting.of_file(sharing, held, str(path))
    free, free_is_claimed = _next_free(block_devices)
    reasons, fixes = _reasons(path, would, held, free)
    notes = []
    if len(sharing) > 1:
        names = ", ".join(f"loop{b.number}" for b in sharing)
        notes.append(
            f"{names} share this file: the kernel allows that, but filesystems that write through "
            "two of them corrupt each other"
        )
    if free_is_claimed:
        reasons.append(
            f"LOOP_CTL_GET_FREE returns loop{free} as free because it has no backing file; but it "
            "is claimed (O_EXCL), so binding a file to it fails with EBUSY, and the kernel returns "
            f"loop{free} again each time: a live-lock"
        )
        fixes += [
            _who_holds(free),
            "or skip it and create a new one:",
            f"$ sudo losetup /dev/loop{_unused()} {path}",
        ]
    previous = [b for b in block_devices.loops if b.backing_file == f"{path.absolute()}{DELETED}"]
    for bound in previous:
        notes.append(
            f"loop{bound.number} uses a deleted file that was {path} before: not the file that is "
            "there now; it uses disk space until the loop device is detached"
        )
    return Explanation(
        path=str(path),
        kind="file",
        is_busy=would.verdict in ("busy", "overlaps") or free_is_claimed,
        devices=tuple(_loop_device(b, held[b.number], folders) for b in sharing),
        mounting=would,
        reasons=tuple(reasons),
        fixes=tuple(fixes),
        notes=(*notes, *_unseen(seen.unseen)),
    )


def _reasons(
    path: Path, would: Mounting, held: dict[int, tuple[Holder, ...]], free: int
) -> tuple[list[str], list[str]]:
    name = would.loop
    match would.verdict:
        case "fresh":
            return [f"no loop device uses this file: mount sets up a new one, loop{free}"], []
        case "reuses":
            return [
                f"mount {path} would not set up a new loop device: it mounts {name}, which uses "
                "the same file and is not claimed; that works"
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
            ], [f"detach it when it is no longer in use: $ sudo losetup -d /dev/{name}"]
    blocking = [h for h in held[int(name.removeprefix("loop"))] if h.claims]
    reason = (
        f"mount {path} does not set up a new loop device (loop{free} would be free): it finds "
        f"{name}, which uses the same file, and mounts that. But {name} is claimed: "
        f"{'; '.join(h.text for h in blocking)}. So the kernel returns EBUSY, and mount prints "
        f'"{would.message}"'
    )
    fixes = [_advice(h) for h in blocking]
    fixes += [
        "or set up another loop device and mount that, read-only because the first may be "
        "written to:",
        f'$ sudo mount -o ro "$(sudo losetup --find --show --read-only {path})" /mnt',
    ]
    return [reason], fixes


# A block device


def _of_device(
    path: Path, number: tuple[int, int], block_devices: BlockDevices, folders: Folders
) -> Explanation:
    name = Path(f"/sys/dev/block/{number[0]}:{number[1]}").resolve().name
    bound = next((b for b in block_devices.loops if f"loop{b.number}" == name), None)
    seen = openers.of_devices([number])
    by_kernel = bound.holders if bound else _sysfs_holders(number)
    held = _holders(name, by_kernel, block_devices, folders, seen, node=path, number=number)
    would = mounting.of_device(name, held)
    blocking = [h for h in held if h.claims]
    reasons, fixes, notes = [], [_advice(h) for h in blocking], []
    if bound is not None:
        device = _loop_device(bound, held, folders)
        others = [
            f"loop{b.number}"
            for b in block_devices.loops
            if b != bound and (b.device, b.inode) == (bound.device, bound.inode)
        ]
        if others:
            notes.append(f"also uses the same file: {', '.join(others)}")
        if bound.autoclear and held:
            reasons.append(
                "it detaches itself when its last holder closes it (autoclear): either it was set "
                "up so, or losetup -d was run while it was in use, which prints nothing and leaves "
                "it bound. Running losetup -d again does not help"
            )
    elif name.startswith("loop"):
        device = BusyDevice(name=name, text="has no backing file", holders=held)
        if blocking:
            reasons.append(
                "it has no backing file, but is claimed. LOOP_CTL_GET_FREE keeps returning it as "
                "free, and binding a file to it fails with EBUSY: a live-lock for programs that "
                "only retry"
            )
    else:
        device = BusyDevice(name=name, text=f"device {number[0]}:{number[1]}", holders=held)
    for partition in sorted(p.name for p in (SYS_BLOCK / name).glob(f"{name}p*")):
        if bound is None:
            notes.append(f"{partition} is a partition left over from an earlier file of {name}")
            fixes.append(f"$ sudo partx --delete /dev/{name}")
    if would.verdict == "busy":
        what = "; ".join(h.text for h in blocking)
        reasons.insert(0, f'mount {path} fails with EBUSY, "{would.message}": {what}')
    elif would.verdict == "shares":
        reasons.insert(
            0,
            "it is already mounted; mounting it again works, but nothing else "
            "(device mapper, mkfs, swapon) can claim it",
        )
    return Explanation(
        path=str(path),
        kind="block device",
        is_busy=bool(blocking),
        devices=(device,),
        mounting=would,
        reasons=tuple(reasons),
        fixes=tuple(fixes),
        notes=(*notes, *_unseen(seen.unseen)),
    )


def _without_node(path: Path) -> Explanation:
    major, minor = holding.numbers_of(path.name)
    return Explanation(
        path=str(path),
        kind="block device",
        is_busy=True,
        reasons=(
            f"the kernel has {path.name}, but {path} does not exist: in a container, new devices "
            "do not appear in /dev",
        ),
        fixes=(f"$ sudo mknod {path} b {major} {minor}", "or give the container the host's /dev"),
    )


# A folder


def _of_folder(path: Path, block_devices: BlockDevices) -> Explanation:
    target = path.resolve()
    here = [m for m in block_devices.mounted if m.point == target and not m.pid]
    if not here:
        reason = "nothing is mounted on this folder: mounting on it works"
        return Explanation(path=str(path), kind="folder", is_busy=False, reasons=(reason,))
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
        fixes.append(f"$ sudo umount {mount.point}")
    if len(below) > _MANY:
        reasons.append(f"and {len(below) - _MANY} more mounts")
    for bound in loops:
        reasons.append(
            f"loop{bound.number} uses {bound.backing_file}, which is in this filesystem; the "
            "kernel holds that file, so neither lsof nor fuser shows it"
        )
        fixes.append(f"$ sudo losetup -d /dev/loop{bound.number}")
    users = sorted({(o.pid, o.command) for o in seen.found})
    for pid, command in users[:_MANY]:
        how = ", ".join(sorted({o.how for o in seen.found if o.pid == pid}))
        reasons.append(f"process {pid} ({command}) uses it: {how}")
    if len(users) > _MANY:
        reasons.append(f"and {len(users) - _MANY} more processes")
    if users:
        fixes.append(f"end the processes that use it; to list them all: $ sudo fuser -vm {path}")
    is_busy = bool(below or loops or seen.found)
    if is_busy:
        reasons.insert(len(here), "umount reports it as busy, because:")
    return Explanation(
        path=str(path),
        kind="mount point",
        is_busy=is_busy,
        reasons=tuple(reasons),
        fixes=tuple(fixes),
        notes=_unseen(seen.unseen),
    )


# Shared by all of them


def _holders(
    name: str,
    by_kernel: tuple[str, ...],
    block_devices: BlockDevices,
    folders: Folders,
    seen: openers.Openers,
    *,
    node: Path | None = None,
    number: tuple[int, int] | None = None,
) -> tuple[Holder, ...]:
    number = number or holding.numbers_of(name)
    claimed = holding.is_claimed(node or Path("/dev") / name)
    return tuple(
        _with_owner(holder, block_devices, folders)
        for holder in holding.holders(number, by_kernel, block_devices, seen, claimed)
    )


def _with_owner(holder: Holder, block_devices: BlockDevices, folders: Folders) -> Holder:
    """Add the machine of a device-mapper device, and how to release it."""
    mapped = next((m for m in block_devices.mapped if f"dm-{m.minor}" == holder.name), None)
    owner = (
        of_mapped(mapped, block_devices.loops, block_devices.mapped, folders) if mapped else None
    )
    if owner is None or owner.state not in ("alive", "orphaned"):
        return holder
    is_alive = owner.state == "alive"
    return Holder(
        kind=holder.kind,
        name=holder.name,
        text=f"{holder.text}; it belongs to machine {owner.machine}, which is "
        + ("running" if is_alive else "dead"),
        claims=holder.claims,
        fix=f"bootwright stop {owner.machine}" if is_alive else "bootwright doctor --fix",
    )


def _loop_device(bound: Bound, held: tuple[Holder, ...], folders: Folders) -> BusyDevice:
    words = [f"uses {bound.backing_file}"]
    if bound.offset or bound.size_limit:
        size = f", {bound.size_limit} bytes" if bound.size_limit else ""
        words.append(f"from byte {bound.offset}{size}")
    words += ["read-only"] if bound.read_only else []
    words += ["detaches itself when unused (autoclear)"] if bound.autoclear else []
    if owner := of_loop(bound, folders):
        words.append(f"machine {owner.machine}, {owner.state}" if owner.machine else owner.state)
    return BusyDevice(name=f"loop{bound.number}", text=", ".join(words), holders=held)


def _advice(holder: Holder) -> str:
    if holder.kind == "process":
        return f"end process {holder.name}: $ {holder.fix}"
    return f"$ {holder.fix}" if holder.fix else "find out who has it open: $ sudo lsof | grep /dev/"


def _who_holds(number: int) -> str:
    seen = openers.of_devices([holding.numbers_of(f"loop{number}")])
    who = ", ".join(f"{o.pid} ({o.command})" for o in seen.found)
    return (
        f"it is held by process {who}"
        if who
        else f"to see who holds it: $ sudo fuser /dev/loop{number}"
    )


def _next_free(block_devices: BlockDevices) -> tuple[int, bool]:
    existing = [int(n[4:]) for n in os.listdir(SYS_BLOCK) if re.fullmatch(r"loop\d+", n)]
    bound = [n for n in existing if (SYS_BLOCK / f"loop{n}/loop").exists()]
    free = mounting.next_free(bound, existing)
    exists = free in existing
    return free, exists and holding.is_claimed(Path(f"/dev/loop{free}")) is True


def _unused() -> int:
    """Return the lowest number above those of all loop devices."""
    return (
        max((int(n[4:]) for n in os.listdir(SYS_BLOCK) if re.fullmatch(r"loop\d+", n)), default=-1)
        + 1
    )


def _sysfs_holders(number: tuple[int, int]) -> tuple[str, ...]:
    folder = Path(f"/sys/dev/block/{number[0]}:{number[1]}/holders")
    return tuple(sorted(os.listdir(folder))) if folder.is_dir() else ()


def _unseen(count: int) -> tuple[str, ...]:
    if not count and os.geteuid() == 0:
        return ()
    return (f"no permission to inspect {count} processes; run with sudo to see more",)
