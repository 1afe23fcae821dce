"""Loop devices that are bound, as the kernel tells of them."""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

TAG_PREFIX = "bootwright:"
_GET_STATUS64 = 0x4C05
_CLR_FD = 0x4C01
_INFO = struct.Struct("QQQQQIIII64s64s32s2Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A loop device that has a file behind it."""

    number: int
    device: int
    inode: int
    file_name: str
    backing_file: str
    read_only: bool
    autoclear: bool
    direct_io: bool
    offset: int
    size_limit: int
    holders: tuple[str, ...]


def bound() -> list[Bound]:
    """Return the loop devices that have a file behind them."""
    found = []
    for sysfs in Path("/sys/block").glob("loop*"):
        try:
            backing = (sysfs / "loop/backing_file").read_text().rstrip("\n")
            opened = os.open(f"/dev/{sysfs.name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                raw = fcntl.ioctl(opened, _GET_STATUS64, bytes(_INFO.size))
            finally:
                os.close(opened)
            holders = tuple(sorted(os.listdir(sysfs / "holders")))
        except OSError:
            continue
        device, inode, _, offset, limit, number, _, _, flags, name, *_ = _INFO.unpack(raw)
        found.append(
            Bound(
                number=number,
                device=device,
                inode=inode,
                file_name=name.split(b"\0")[0].decode(errors="replace"),
                backing_file=backing,
                read_only=bool(flags & 1),
                autoclear=bool(flags & 4),
                direct_io=bool(flags & 16),
                offset=offset,
                size_limit=limit,
                holders=holders,
            )
        )
    return found
