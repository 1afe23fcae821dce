"""Find what holds a block device: device mapper, mounts, swap, processes, or an unknown claim.

Source: block/bdev.c, bd_may_claim(): only one kind of holder can *claim* a device at a time; all
device-mapper tables count as one, and so do all mounts of one filesystem. The kernel does not list
claims by O_EXCL, so they are found by trying.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Literal

from bootwright.disks import devicemapper, loop
from bootwright.disks.devicemapper import Mapped
from bootwright.disks.holders import SYS_BLOCK
from bootwright.disks.loop import Bound
from bootwright.host import mounts
from bootwright.host.mounts import Mount
from bootwright.host.openers import Openers

HolderKind = Literal["device mapper", "device", "mount", "swap", "process", "unseen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Something that holds a block device."""

    kind: HolderKind
    name: str
    text: str
    claims: bool
    """Whether it prevents others from mounting the device; opening it alone does not."""
    fix: str = ""
    """A command that releases the device."""
    device: str = ""
    """Where it holds a partition of the device, or the disk of the partition: its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDevices:
    """A snapshot of the host's block devices, mounts and swap."""

    loops: tuple[Bound, ...]
    """In the order of /sys/block, in which mount(8) searches them."""
    mapped: tuple[Mapped, ...] = ()
    mounted: tuple[Mount, ...] = ()
    swaps: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """Swap devices, by major and minor number."""
    swap_files: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """Swap files, by device and inode."""


def read_block_devices() -> BlockDevices:
    """Read the block devices of this host; changes nothing."""
    order = {name: index for index, name in enumerate(os.listdir(SYS_BLOCK))}
    loops = sorted(loop.bound(), key=lambda b: order.get(f"loop{b.number}", len(order)))
    here = mounts.table()
    swaps, swap_files = _swaps()
    return BlockDevices(
        loops=tuple(loops),
        mapped=tuple(devicemapper.every()),
        mounted=(*here, *_independent(here, mounts.elsewhere())),
        swaps=swaps,
        swap_files=swap_files,
    )


def _independent(here: Iterable[Mount], elsewhere: Iterable[Mount]) -> Iterator[Mount]:
    """Yield the mounts of other namespaces that stay when those of this one are unmounted.

    Services with namespaces of their own receive the unmounts of the host's shared mounts.
    Source: mount_namespaces(7), shared subtrees.
    """
    shared = {(mount.device, mount.point, group) for mount in here for group in mount.groups}
    for mount in elsewhere:
        if not any((mount.device, mount.point, group) in shared for group in mount.groups):
            yield mount


def numbers_of(name: str, sys_block: Path = SYS_BLOCK) -> tuple[int, int]:
    """Return the major and minor number of a device such as ``loop3``.

    Raises:
        OSError: there is no such device.
    """
    major, _, minor = (sys_block / name / "dev").read_text().strip().partition(":")
    return int(major), int(minor)


def is_claimed(node: Path) -> bool | None:
    """Check whether a block device is claimed; None without the permission to check.

    The check itself claims the device for a few microseconds. Source: open(2), O_EXCL.
    """
    try:
        os.close(os.open(node, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        return True if error.errno == errno.EBUSY else None
    return False


def holders(
    device: tuple[int, int],
    by_kernel: tuple[str, ...],
    block_devices: BlockDevices,
    openers: Openers,
    claimed: bool | None,
) -> tuple[Holder, ...]:
    """Return the holders of one device.

    Args:
        device: Major and minor number.
        by_kernel: The holders that sysfs lists.
        claimed: The result of `is_claimed`.
    """
    found = [_stacked(name, block_devices) for name in by_kernel]
    found += [of_mount(mount) for mount in block_devices.mounted if mount.device == device]
    if swap := block_devices.swaps.get(device):
        found.append(
            Holder(
                kind="swap",
                name=swap,
                text="swap space",
                claims=True,
                fix=f"sudo swapoff {quote(swap)}",
            )
        )
    explained = any(holder.claims for holder in found)
    processes = [opener for opener in openers.found if opener.target == device]
    for opener in processes:
        found.append(
            Holder(
                kind="process",
                name=str(opener.pid),
                text=f"process {opener.pid} ({opener.command}) has it open"
                + (" for writing" if opener.writes else "")
                + (", apparently with O_EXCL" if claimed and not explained else ""),
                claims=bool(claimed and not explained),
                fix=f"kill {opener.pid}" if claimed and not explained else "",
            )
        )
    if claimed and not explained and not processes:
        text = "an unknown process or the kernel has claimed it"
        if openers.unseen:
            text += f" (no permission to inspect {openers.unseen} processes: try with sudo)"
        found.append(Holder(kind="unseen", name="?", text=text, claims=True))
    return tuple(found)


def _stacked(name: str, block_devices: BlockDevices) -> Holder:
    mapped = next((m for m in block_devices.mapped if f"dm-{m.minor}" == name), None)
    if mapped is None:
        fix = f"sudo mdadm --stop /dev/{name}" if name.startswith("md") else ""
        return Holder(
            kind="device", name=name, text=f"{name} is on top of it", claims=True, fix=fix
        )
    return Holder(
        kind="device mapper",
        name=name,
        text=f"device-mapper device {name} ({mapped.name}) is on top of it"
        + (", and nothing has that open" if mapped.open_count == 0 else ""),
        claims=True,
        fix=f"sudo dmsetup remove {mapped.name}",
    )


def of_mount(mount: Mount) -> Holder:
    """Return a mount as what holds its device."""
    where = f"mounted at {mount.point} ({mount.kind}{', read-only' if mount.read_only else ''})"
    if mount.pid:
        return Holder(
            kind="mount",
            name=str(mount.point),
            text=f"{where}, in the mount namespace of process {mount.pid}",
            claims=True,
            fix=f"sudo nsenter -t {mount.pid} -m umount {quote(str(mount.point))}",
        )
    return Holder(
        kind="mount",
        name=str(mount.point),
        text=where,
        claims=True,
        fix="" if mount.point == Path("/") else f"sudo umount {quote(str(mount.point))}",
    )


def _swaps(
    swaps: Path = Path("/proc/swaps"),
) -> tuple[dict[tuple[int, int], str], dict[tuple[int, int], str]]:
    """Return the swap devices and the swap files. Source: proc(5), /proc/swaps."""
    devices: dict[tuple[int, int], str] = {}
    files: dict[tuple[int, int], str] = {}
    try:
        lines = swaps.read_text().splitlines()[1:]
    except OSError:
        return devices, files
    for line in lines:
        name = line.split()[0].replace("\\040", " ")
        try:
            status = os.stat(name)
        except OSError:
            continue
        if stat.S_ISBLK(status.st_mode):
            devices[os.major(status.st_rdev), os.minor(status.st_rdev)] = name
        else:
            files[status.st_dev, status.st_ino] = name
    return devices, files
