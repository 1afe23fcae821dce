"""Who holds a block device: device mapper, mounts, swap, processes, and whoever is out of sight.

Source: block/bdev.c, bd_may_claim(): of those who *claim* a device, only one sort gets it at a
time; all device-mapper tables count as one, all mounts of one filesystem as one. A claim by
O_EXCL is in no list of the kernel's, so that is tried.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
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
    """One who holds a block device."""

    kind: HolderKind
    name: str
    text: str
    claims: bool
    """Whether it keeps others from mounting; having it open alone does not."""
    cure: str = ""
    """A command that ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDevices:
    """What there is of block devices, looked at once."""

    loops: tuple[Bound, ...]
    """In the order in which mount(8) comes by them: that of /sys/block."""
    mapped: tuple[Mapped, ...] = ()
    mounted: tuple[Mount, ...] = ()
    swaps: Mapping[tuple[int, int], str] = field(default_factory=dict)


def read_block_devices() -> BlockDevices:
    """Look at the devices of this host, changing nothing."""
    order = {name: place for place, name in enumerate(os.listdir(SYS_BLOCK))}
    loops = sorted(loop.bound(), key=lambda b: order.get(f"loop{b.number}", len(order)))
    return BlockDevices(
        loops=tuple(loops),
        mapped=tuple(devicemapper.every()),
        mounted=(*mounts.table(), *mounts.elsewhere()),
        swaps=_swaps(),
    )


def numbers_of(name: str, sys_block: Path = SYS_BLOCK) -> tuple[int, int]:
    """Return the major and minor number of a device such as ``loop3``.

    Raises:
        OSError: there is none.
    """
    major, _, minor = (sys_block / name / "dev").read_text().strip().partition(":")
    return int(major), int(minor)


def is_claimed(node: Path) -> bool | None:
    """Try whether somebody has claimed a block device; None where we may not try.

    While it is tried, a few microseconds, the device is claimed by us. Source: open(2), O_EXCL.
    """
    try:
        os.close(os.open(node, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        return True if error.errno == errno.EBUSY else None
    return False


def holders(
    device: tuple[int, int],
    by_kernel: tuple[str, ...],
    vcpu_state: BlockDevices,
    openers: Openers,
    claimed: bool | None,
) -> tuple[Holder, ...]:
    """Return all who hold one device.

    Args:
        device: Major and minor number.
        by_kernel: What sysfs lists as its holders.
        claimed: What `is_claimed` said.
    """
    found = [_stacked(name, vcpu_state) for name in by_kernel]
    found += [_mount(mount) for mount in vcpu_state.mounted if mount.device == device]
    if swap := vcpu_state.swaps.get(device):
        found.append(
            Holder(
                kind="swap",
                name=swap,
                text="swap space",
                claims=True,
                cure=f"sudo swapoff {swap}",
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
                + (", with O_EXCL as it seems" if claimed and not explained else ""),
                claims=bool(claimed and not explained),
                cure=f"kill {opener.pid}" if claimed and not explained else "",
            )
        )
    if claimed and not explained and not processes:
        text = "somebody out of sight has claimed it"
        if openers.unseen:
            text += f" ({openers.unseen} processes did not let us look: try with sudo)"
        found.append(Holder(kind="unseen", name="?", text=text, claims=True))
    return tuple(found)


def _stacked(name: str, vcpu_state: BlockDevices) -> Holder:
    mapped = next((m for m in vcpu_state.mapped if f"dm-{m.minor}" == name), None)
    if mapped is None:
        cure = f"sudo mdadm --stop /dev/{name}" if name.startswith("md") else ""
        return Holder(kind="device", name=name, text=f"{name} lies on it", claims=True, cure=cure)
    return Holder(
        kind="device mapper",
        name=name,
        text=f"device mapper: {name}, called {mapped.name}, lies on it",
        claims=True,
        cure=f"sudo dmsetup remove {mapped.name}",
    )


def _mount(mount: Mount) -> Holder:
    where = f"mounted at {mount.point} ({mount.kind}{', read-only' if mount.read_only else ''})"
    if mount.pid:
        return Holder(
            kind="mount",
            name=str(mount.point),
            text=f"{where}, in the mount namespace of process {mount.pid}",
            claims=True,
            cure=f"sudo nsenter -t {mount.pid} -m umount {mount.point}",
        )
    return Holder(
        kind="mount",
        name=str(mount.point),
        text=where,
        claims=True,
        cure=f"sudo umount {mount.point}",
    )


def _swaps(swaps: Path = Path("/proc/swaps")) -> dict[tuple[int, int], str]:
    """Source: proc(5), /proc/swaps."""
    found = {}
    try:
        lines = swaps.read_text().splitlines()[1:]
    except OSError:
        return {}
    for line in lines:
        name = line.split()[0]
        try:
            number = os.stat(name).st_rdev
        except OSError:
            continue
        if number:
            found[os.major(number), os.minor(number)] = name
    return found
