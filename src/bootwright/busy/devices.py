"""Loop and other block devices: their holders, owners, and what frees them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from bootwright.busy import holders as holding
from bootwright.busy import mounting
from bootwright.busy.explanation import BusyDevice
from bootwright.busy.holders import BlockDevices, Holder
from bootwright.busy.owners import DELETED, Folders, of_loop, of_mapped
from bootwright.disks.holders import SYS_BLOCK
from bootwright.disks.loop import Bound
from bootwright.host.openers import Openers

SECTOR_BYTES = 512


def holders_of(
    name: str,
    block_devices: BlockDevices,
    folders: Folders,
    seen: Openers,
    *,
    node: Path | None = None,
) -> tuple[tuple[Holder, ...], bool | None]:
    """Return the holders of a device and of its partitions, and whether it is claimed.

    Args:
        seen: The processes that have one of `numbers_with_partitions` open.
        node: Its device node; by default the one in /dev.
    """
    found: list[Holder] = []
    others = {part: f"its partition {part}" for part in partitions_of(name)}
    others |= {disk: f"its disk {disk}" for disk in (disk_of(name),) if disk}
    for other, words in others.items():
        number = _number(other)
        above = holding.holders(number, _above(number), block_devices, seen, None)
        found += [
            replace(h, text=f"{words} is in use: {h.text}", device=other)
            for h in above
            if h.claims or other != disk_of(name)
        ]
    claimed = holding.is_claimed(node or Path("/dev") / name)
    # A claim on a partition refuses claims on the whole disk too: bd_may_claim(), block/bdev.c.
    own_claim = False if any(h.claims for h in found) else claimed
    number = _number(name)
    found[:0] = holding.holders(number, _above(number), block_devices, seen, own_claim)
    return tuple(_with_owner(h, block_devices, folders) for h in found), claimed


def numbers_with_partitions(names: Sequence[str]) -> list[tuple[int, int]]:
    """Return the numbers of devices and of all their partitions."""
    every = [part for name in names for part in (name, *partitions_of(name))]
    return [_number(name) for name in every]


def partitions_of(name: str) -> tuple[str, ...]:
    """Return the names of the partitions that the kernel has of a disk; sorted."""
    folder = Path("/sys/class/block") / name
    return tuple(sorted(entry.parent.name for entry in folder.glob("*/partition")))


def disk_of(name: str) -> str:
    """Return the name of the disk that a partition lies on; "" for what is no partition."""
    folder = Path("/sys/class/block") / name
    return folder.resolve().parent.name if (folder / "partition").exists() else ""


def _number(name: str) -> tuple[int, int]:
    return holding.numbers_of(name, Path("/sys/class/block"))


def _above(number: tuple[int, int]) -> tuple[str, ...]:
    folder = Path(f"/sys/dev/block/{number[0]}:{number[1]}/holders")
    return tuple(sorted(os.listdir(folder))) if folder.is_dir() else ()


def _with_owner(holder: Holder, block_devices: BlockDevices, folders: Folders) -> Holder:
    """Add the machine of a device-mapper device, and how to release it."""
    mapped = next((m for m in block_devices.mapped if f"dm-{m.minor}" == holder.name), None)
    owner = (
        of_mapped(mapped, block_devices.loops, block_devices.mapped, folders) if mapped else None
    )
    if owner is None or owner.state not in ("alive", "orphaned"):
        return holder
    is_alive = owner.state == "alive"
    return replace(
        holder,
        text=f"{holder.text}; it belongs to machine {owner.machine}, which is "
        + ("running" if is_alive else "dead"),
        fix=f"bootwright stop {owner.machine}" if is_alive else "bootwright doctor --fix",
    )


def uses_file(bound: Bound, status: os.stat_result) -> bool:
    """Test whether a loop device has this file behind it.

    Without root the kernel tells only the file's path, which must then lead to the same file.
    """
    if bound.inode:
        return (bound.device, bound.inode) == (status.st_dev, status.st_ino)
    try:
        found = os.stat(bound.backing_file)
    except OSError:
        return False
    return os.path.samestat(found, status)


def is_untraceable(bound: Bound) -> bool:
    """Test whether this user cannot find out which file a loop device uses."""
    return (
        not bound.inode
        and not bound.backing_file.endswith(DELETED)
        and not os.path.exists(bound.backing_file)
    )


def loop_device(bound: Bound, held: tuple[Holder, ...], folders: Folders) -> BusyDevice:
    """Describe a loop device that has a file behind it."""
    words = [f"uses {bound.backing_file}"]
    if bound.offset or bound.size_limit:
        size = f", {bound.size_limit} bytes" if bound.size_limit else ""
        words.append(f"from byte {bound.offset}{size}")
    words += ["read-only"] if bound.read_only else []
    words += ["detaches itself when unused (autoclear)"] if bound.autoclear else []
    if owner := of_loop(bound, folders):
        words.append(f"machine {owner.machine}, {owner.state}" if owner.machine else owner.state)
    return BusyDevice(name=f"loop{bound.number}", text=", ".join(words), holders=held)


def freeing(bound: Bound, held: Sequence[Holder], folders: Folders) -> list[str]:
    """Return what detaches a loop device, in order."""
    owner = of_loop(bound, folders)
    if owner and owner.state == "alive":
        return [f"stop the machine that uses it: $ bootwright stop {owner.machine}"]
    if owner and owner.state == "orphaned":
        return ["free what a dead machine left: $ bootwright doctor --fix"]
    fixes = [advice(h) for h in held if h.claims]
    fixes += [f"end process {h.name}: $ sudo kill {h.name}" for h in held if _only_opens(h)]
    if partitions_of(bound.node.name) and not scans_partitions(bound):
        # The kernel removes them on detach only with --partscan: else the next file gets them.
        fixes.append(f"remove its partitions: $ sudo partx --delete {bound.node}")
    if not (bound.autoclear and held):
        fixes.append(f"detach it when nothing needs it: $ sudo losetup -d {bound.node}")
    return list(dict.fromkeys(fixes))


def _only_opens(holder: Holder) -> bool:
    return holder.kind == "process" and not holder.claims


def problems(bound: Bound, held: Sequence[Holder]) -> tuple[list[str], list[str]]:
    """Return what is wrong with an attached loop device itself, and what helps."""
    reasons, fixes = [], []
    if bound.backing_file.endswith(DELETED):
        was = bound.backing_file.removesuffix(DELETED)
        again = (
            "; the file that is there now is another one, and does not share its data"
            if os.path.exists(was)
            else ""
        )
        reasons.append(
            f"its file {was} is deleted, but uses disk space until {bound.node.name} is "
            f"detached, and is lost then{again}"
        )
        fixes.append(
            "copy its data first, to keep them: "
            f"$ sudo dd if={bound.node} of=copy.img bs=1M conv=sparse"
        )
    if bound.autoclear and held:
        reasons.append(
            "it detaches itself when its last holder closes it (autoclear): either it was set "
            "up so, or losetup -d was run while it was in use, which prints nothing and leaves "
            "it bound. Running losetup -d again does not help"
        )
    if bound.read_only:
        reasons.append(
            "it is read-only: it was attached with --read-only, or its file could not be opened "
            "for writing. It can be mounted with -o ro only, and mkfs fails"
        )
    size = backing_bytes(bound)
    if size is not None:
        has = int((SYS_BLOCK / bound.node.name / "size").read_text()) * SECTOR_BYTES
        there = max(0, size - bound.offset)
        if has > there:
            reasons.append(
                f"its file shrank after it was attached: the device has {has} bytes, but only "
                f"{there} are behind it. Reading or writing the rest fails with I/O errors"
            )
            fixes += [
                "extend the file with zeros (what was cut off is lost): "
                f"$ sudo truncate -s {bound.offset + has} {quote(bound.backing_file)}",
                f"or let the device shrink too: $ sudo losetup --set-capacity {bound.node}",
            ]
        elif not bound.size_limit and there - has >= SECTOR_BYTES:
            reasons.append(
                f"its file grew after it was attached: the device has {has} bytes, the file {there}"
            )
            fixes.append(f"let the device grow too: $ sudo losetup --set-capacity {bound.node}")
    reasons += _mounted_often(held)
    return reasons, fixes


def _mounted_often(held: Sequence[Holder]) -> list[str]:
    points = [h for h in held if h.kind == "mount"]
    if len(points) < 2:
        return []
    return [
        f"it is mounted {len(points)} times: unmounting one of them does not free it, "
        "all must be unmounted"
    ]


def scans_partitions(bound: Bound) -> bool:
    """Test whether the kernel looks for partitions on a loop device (--partscan)."""
    try:
        return (SYS_BLOCK / bound.node.name / "loop/partscan").read_text() == "1\n"
    except OSError:
        return False


def backing_bytes(bound: Bound) -> int | None:
    """Return the size of the file behind a loop device; None if it cannot be found by its path."""
    try:
        status = os.stat(bound.backing_file)
    except OSError:
        return None
    if bound.inode and (status.st_dev, status.st_ino) != (bound.device, bound.inode):
        return None  # the path is that of another mount namespace
    return status.st_size


def advice(holder: Holder) -> str:
    """Return how to release what a holder holds."""
    if holder.kind == "process" and holder.fix:
        return f"end process {holder.name}: $ sudo {holder.fix}"
    if holder.kind == "mount" and not holder.fix:
        return "the root of this system cannot be unmounted: use another device"
    if not holder.fix:
        return "find out who has it open: $ sudo lsof | grep /dev/"
    does = {
        "mount": f"unmount {holder.name}",
        "swap": "stop swapping on it",
        "device mapper": f"free {holder.name}, which is on top of it",
        "device": f"stop {holder.name}, which is on top of it",
    }
    return f"{does[holder.kind]}: $ {holder.fix}"


def next_free(block_devices: BlockDevices) -> tuple[int, bool]:
    """Return the number that the kernel offers as free, and whether it is claimed all the same."""
    existing = loop_numbers()
    bound = [n for n in existing if (SYS_BLOCK / f"loop{n}/loop").exists()]
    free = mounting.next_free(bound, existing)
    exists = free in existing
    return free, exists and holding.is_claimed(Path(f"/dev/loop{free}")) is True


def loop_numbers() -> list[int]:
    """Return the numbers of all loop devices, attached or not."""
    return [int(n[4:]) for n in os.listdir(SYS_BLOCK) if re.fullmatch(r"loop\d+", n)]


def unseen_processes(count: int) -> tuple[str, ...]:
    """Say what other users' processes hide from this one."""
    if not count:
        return ()
    return (
        f"no permission to inspect {count} processes of other users: neither what they have open "
        "nor what is mounted in their mount namespaces is known",
    )


def as_root(path: Path) -> str:
    """Return how to see everything."""
    if os.geteuid() == 0:
        return "run it on the host: root of this container may not look at everything"
    return f"root sees the rest: $ sudo bootwright doctor why {quote(str(path))}"
