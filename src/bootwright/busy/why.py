"""Why a file, a block device or a mount point is busy: what stands in the way, and what to do."""

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
"""So many processes or mounts are named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyDevice:
    """One block device that matters to the path."""

    name: str
    text: str
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What stands in a path's way, for people."""

    path: str
    kind: str
    is_busy: bool
    devices: tuple[BusyDevice, ...] = ()
    mounting: Mounting | None = None
    reasons: tuple[str, ...] = ()
    cures: tuple[str, ...] = ()
    """Each a sentence, or behind ``$ `` a command."""
    notes: tuple[str, ...] = ()


def explain_busy(path: Path, home: Home) -> Explanation:
    """Explain what holds *path*, a file, a block device's node or a mount point.

    Nothing is changed. For a few microseconds each, the devices concerned are opened with O_EXCL,
    as nothing else tells whether somebody else has done so.

    Raises:
        NotFoundError: there is nothing at *path*.
        HostError: it cannot be looked at.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.parent == Path("/dev") and (SYS_BLOCK / path.name).exists():
            return _without_node(path)
        raise NotFoundError(
            f"there is nothing at {path}",
            hint="give a file, a block device such as /dev/loop3, or a mount point",
        ) from None
    except OSError as error:
        raise HostError(f"{path} cannot be looked at: {error.strerror}") from error
    vcpu_state = holding.read_block_devices()
    ours = Folders.of(home)
    if stat.S_ISBLK(status.st_mode):
        number = os.major(status.st_rdev), os.minor(status.st_rdev)
        return _of_device(path, number, vcpu_state, ours)
    if stat.S_ISDIR(status.st_mode):
        return _of_folder(path, vcpu_state)
    if stat.S_ISREG(status.st_mode):
        return _of_file(path, status, vcpu_state, ours)
    raise NotFoundError(
        f"{path} is neither a file, nor a block device, nor a folder",
        hint="give a file, a block device such as /dev/loop3, or a mount point",
    )


# A file


def _of_file(
    path: Path, status: os.stat_result, vcpu_state: BlockDevices, ours: Folders
) -> Explanation:
    sharing = [b for b in vcpu_state.loops if (b.device, b.inode) == (status.st_dev, status.st_ino)]
    seen = openers.of_devices([holding.numbers_of(f"loop{b.number}") for b in sharing])
    held = {
        b.number: _holders(f"loop{b.number}", b.holders, vcpu_state, ours, seen) for b in sharing
    }
    would = mounting.of_file(sharing, held, str(path))
    free, free_is_claimed = _next_free(vcpu_state)
    reasons, cures = _reasons(path, would, held, free)
    notes = []
    if len(sharing) > 1:
        names = ", ".join(f"loop{b.number}" for b in sharing)
        notes.append(
            f"{names} share this one file: the kernel does not mind, and filesystems that write "
            "through two of them destroy each other's work"
        )
    if free_is_claimed:
        reasons.append(
            f"the next free loop device is loop{free} by LOOP_CTL_GET_FREE, which looks only at "
            "whether a file is behind it; but somebody has claimed it (O_EXCL), so binding a file "
            f"to it fails with EBUSY, and the kernel names loop{free} again each time: a live-lock"
        )
        cures += [
            _culprit(free),
            "or step over it, onto one that is made anew:",
            f"$ sudo losetup /dev/loop{_unused()} {path}",
        ]
    previous = [b for b in vcpu_state.loops if b.backing_file == f"{path.absolute()}{DELETED}"]
    for bound in previous:
        notes.append(
            f"loop{bound.number} has a file behind it that was called {path} and is deleted: it is "
            "another file than the one that is there now, and takes its space until it is detached"
        )
    return Explanation(
        path=str(path),
        kind="file",
        is_busy=would.verdict in ("busy", "overlaps") or free_is_claimed,
        devices=tuple(_loop_device(b, held[b.number], ours) for b in sharing),
        mounting=would,
        reasons=tuple(reasons),
        cures=tuple(cures),
        notes=(*notes, *_unseen(seen.unseen)),
    )


def _reasons(
    path: Path, would: Mounting, held: dict[int, tuple[Holder, ...]], free: int
) -> tuple[list[str], list[str]]:
    name = would.loop
    match would.verdict:
        case "fresh":
            return [
                f"no loop device has this file behind it: mount asks for a fresh one, loop{free}"
            ], []
        case "reuses":
            return [
                f"mount {path} would not take a fresh loop device: it mounts {name}, which has the "
                "same file behind it and which nobody has claimed; that works"
            ], []
        case "shares":
            return [
                f"mount {path} would mount {name} once more, which is mounted already: the same "
                "filesystem in two places. That works, if both may write or neither may"
            ], []
        case "overlaps":
            return [
                f"mount refuses the whole file, as {name} has a part of it behind it and mount "
                f'does not risk two writers; it says "{would.message}"'
            ], [f"detach it once nobody uses it: $ sudo losetup -d /dev/{name}"]
    blocking = [h for h in held[int(name.removeprefix("loop"))] if h.claims]
    reason = (
        f"mount {path} does not take a fresh loop device (loop{free} would be free). It looks for "
        f"one that has the same file behind it, finds {name}, and mounts that. But {name} is "
        f"claimed: {'; '.join(h.text for h in blocking)}. So the kernel answers EBUSY, and mount "
        f'says "{would.message}"'
    )
    cures = [_advice(h) for h in blocking]
    cures += [
        "or leave it alone and mount a loop device of your own by its name, read-only as another "
        "may write:",
        f'$ sudo mount -o ro "$(sudo losetup --find --show --read-only {path})" /mnt',
    ]
    return [reason], cures


# A block device


def _of_device(
    path: Path, number: tuple[int, int], vcpu_state: BlockDevices, ours: Folders
) -> Explanation:
    name = Path(f"/sys/dev/block/{number[0]}:{number[1]}").resolve().name
    bound = next((b for b in vcpu_state.loops if f"loop{b.number}" == name), None)
    seen = openers.of_devices([number])
    by_kernel = bound.holders if bound else _sysfs_holders(number)
    held = _holders(name, by_kernel, vcpu_state, ours, seen, node=path, number=number)
    would = mounting.of_device(name, held)
    blocking = [h for h in held if h.claims]
    reasons, cures, notes = [], [_advice(h) for h in blocking], []
    if bound is not None:
        device = _loop_device(bound, held, ours)
        twins = [
            f"loop{b.number}"
            for b in vcpu_state.loops
            if b != bound and (b.device, b.inode) == (bound.device, bound.inode)
        ]
        if twins:
            notes.append(f"{', '.join(twins)} has the same file behind it")
        if bound.autoclear and held:
            reasons.append(
                "it is detached by itself when the last who holds it lets go (autoclear): either "
                "it was made so, or losetup -d was told to detach it while it was in use, which "
                "says nothing and leaves it bound. losetup -d again changes nothing"
            )
    elif name.startswith("loop"):
        device = BusyDevice(name=name, text="no file is behind it", holders=held)
        if blocking:
            reasons.append(
                "it is unbound, and claimed all the same. LOOP_CTL_GET_FREE calls it free as long "
                "as that is so, and binding a file to it fails with EBUSY: a live-lock for whoever "
                "only tries again"
            )
    else:
        device = BusyDevice(name=name, text=f"device {number[0]}:{number[1]}", holders=held)
    for partition in sorted(p.name for p in (SYS_BLOCK / name).glob(f"{name}p*")):
        if bound is None:
            notes.append(f"{partition} is a partition left of what was behind {name} before")
            cures.append(f"$ sudo partx --delete /dev/{name}")
    if would.verdict == "busy":
        what = "; ".join(h.text for h in blocking)
        reasons.insert(0, f'mount {path} fails with EBUSY, "{would.message}": {what}')
    elif would.verdict == "shares":
        reasons.insert(
            0,
            "it is mounted already; mounting it once more works, but nobody else "
            "(device mapper, mkfs, swapon) can claim it",
        )
    return Explanation(
        path=str(path),
        kind="block device",
        is_busy=bool(blocking),
        devices=(device,),
        mounting=would,
        reasons=tuple(reasons),
        cures=tuple(cures),
        notes=(*notes, *_unseen(seen.unseen)),
    )


def _without_node(path: Path) -> Explanation:
    major, minor = holding.numbers_of(path.name)
    return Explanation(
        path=str(path),
        kind="block device",
        is_busy=True,
        reasons=(
            f"the kernel has {path.name}, but there is no {path}: in a container /dev is not the "
            "kernel's own, and new devices do not appear in it",
        ),
        cures=(f"$ sudo mknod {path} b {major} {minor}", "or give the container the host's /dev"),
    )


# A folder


def _of_folder(path: Path, vcpu_state: BlockDevices) -> Explanation:
    place = path.resolve()
    here = [m for m in vcpu_state.mounted if m.point == place and not m.pid]
    if not here:
        reason = "it is a folder, and nothing is mounted on it: mounting on it works"
        return Explanation(path=str(path), kind="folder", is_busy=False, reasons=(reason,))
    if place == Path("/"):
        reason = "it is the root of this system: all that runs uses it, and nobody can unmount it"
        return Explanation(path=str(path), kind="mount point", is_busy=True, reasons=(reason,))
    device = path.stat().st_dev
    seen = openers.of_filesystem(device)
    below = [
        m
        for m in vcpu_state.mounted
        if m.point != place and m.point.is_relative_to(place) and not m.pid
    ]
    loops = [b for b in vcpu_state.loops if b.device == device]
    reasons = [f"{mount.kind} is mounted here, from {mount.source}" for mount in here]
    cures = []
    for mount in below[:_MANY]:
        reasons.append(f"something is mounted below it, at {mount.point} ({mount.kind})")
        cures.append(f"$ sudo umount {mount.point}")
    if len(below) > _MANY:
        reasons.append(f"and {len(below) - _MANY} more mounts")
    for bound in loops:
        reasons.append(
            f"loop{bound.number} has {bound.backing_file} behind it, which lies here; the kernel "
            "holds that file, so neither lsof nor fuser shows it"
        )
        cures.append(f"$ sudo losetup -d /dev/loop{bound.number}")
    users = sorted({(o.pid, o.command) for o in seen.found})
    for pid, command in users[:_MANY]:
        how = ", ".join(sorted({o.how for o in seen.found if o.pid == pid}))
        reasons.append(f"process {pid} ({command}) uses it: {how}")
    if len(users) > _MANY:
        reasons.append(f"and {len(users) - _MANY} more processes")
    if users:
        cures.append(f"end what uses it when its work is done; all of it: $ sudo fuser -vm {path}")
    is_busy = bool(below or loops or seen.found)
    if is_busy:
        reasons.insert(len(here), "umount says that it is busy, for this:")
    return Explanation(
        path=str(path),
        kind="mount point",
        is_busy=is_busy,
        reasons=tuple(reasons),
        cures=tuple(cures),
        notes=_unseen(seen.unseen),
    )


# Parts of all of them


def _holders(
    name: str,
    by_kernel: tuple[str, ...],
    vcpu_state: BlockDevices,
    ours: Folders,
    seen: openers.Openers,
    *,
    node: Path | None = None,
    number: tuple[int, int] | None = None,
) -> tuple[Holder, ...]:
    number = number or holding.numbers_of(name)
    claimed = holding.is_claimed(node or Path("/dev") / name)
    return tuple(
        _with_owner(holder, vcpu_state, ours)
        for holder in holding.holders(number, by_kernel, vcpu_state, seen, claimed)
    )


def _with_owner(holder: Holder, vcpu_state: BlockDevices, ours: Folders) -> Holder:
    """Name the machine behind a device-mapper device, and its own cure."""
    mapped = next((m for m in vcpu_state.mapped if f"dm-{m.minor}" == holder.name), None)
    owner = of_mapped(mapped, vcpu_state.loops, vcpu_state.mapped, ours) if mapped else None
    if owner is None or owner.fate not in ("alive", "orphaned"):
        return holder
    is_alive = owner.fate == "alive"
    return Holder(
        kind=holder.kind,
        name=holder.name,
        text=f"{holder.text}; it is machine {owner.machine}'s, which is "
        + ("alive" if is_alive else "dead"),
        claims=holder.claims,
        cure=f"bootwright stop {owner.machine}" if is_alive else "bootwright doctor --fix",
    )


def _loop_device(bound: Bound, held: tuple[Holder, ...], ours: Folders) -> BusyDevice:
    words = [f"has {bound.backing_file} behind it"]
    if bound.offset or bound.size_limit:
        size = f", {bound.size_limit} bytes of it" if bound.size_limit else ""
        words.append(f"from byte {bound.offset}{size}")
    words += ["read-only"] if bound.read_only else []
    words += ["goes with its last user (autoclear)"] if bound.autoclear else []
    if owner := of_loop(bound, ours):
        words.append(f"machine {owner.machine}, {owner.fate}" if owner.machine else owner.fate)
    return BusyDevice(name=f"loop{bound.number}", text=", ".join(words), holders=held)


def _advice(holder: Holder) -> str:
    if holder.kind == "process":
        return f"end process {holder.name} when its work is done: $ {holder.cure}"
    return f"$ {holder.cure}" if holder.cure else "find out who has it: $ sudo lsof | grep /dev/"


def _culprit(number: int) -> str:
    seen = openers.of_devices([holding.numbers_of(f"loop{number}")])
    who = ", ".join(f"{o.pid} ({o.command})" for o in seen.found)
    return (
        f"it is held by process {who}" if who else f"who holds it: $ sudo fuser /dev/loop{number}"
    )


def _next_free(vcpu_state: BlockDevices) -> tuple[int, bool]:
    there = [int(n[4:]) for n in os.listdir(SYS_BLOCK) if re.fullmatch(r"loop\d+", n)]
    bound = [n for n in there if (SYS_BLOCK / f"loop{n}/loop").exists()]
    free = mounting.next_free(bound, there)
    is_there = free in there
    return free, is_there and holding.is_claimed(Path(f"/dev/loop{free}")) is True


def _unused() -> int:
    """Return a number that no loop device has yet."""
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
    return (f"{count} processes did not let us look at what they have open; sudo shows more",)
