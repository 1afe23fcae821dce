"""The loop driver's ioctls.

Source: include/uapi/linux/loop.h, drivers/block/loop.c, loop(4).
"""

from __future__ import annotations

import fcntl
import struct
from dataclasses import dataclass

CONTROL = "/dev/loop-control"
MAJOR = 7
READ_ONLY, AUTOCLEAR, DIRECT_IO = 1, 4, 16
"""Flags. bootwright never sets 8 (scan partitions): their nodes outlive the device."""
TAG_BYTES = 63

_CLR_FD, _GET_STATUS64, _CONFIGURE = 0x4C01, 0x4C05, 0x4C0A
_CTL_ADD, _CTL_REMOVE, _CTL_GET_FREE = 0x4C80, 0x4C81, 0x4C82
# device, inode, rdevice, offset, sizelimit; number, encryption's type and key size, flags;
# file name, encryption's name and key; two numbers nobody uses.
_INFO = struct.Struct("=5Q4I64s64s32s2Q")
_CONFIG_HEAD = struct.Struct("=2I")  # file descriptor, block size
_CONFIG_TAIL = bytes(8 * 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of a bound loop device."""

    device: int
    """Of the backing file, as `os.stat` has it in st_dev; the same goes for `inode`."""
    inode: int
    offset: int
    size_limit: int
    flags: int
    file_name: str
    """Set on attach: a tag by bootwright, usually the start of a path by others."""


def get_free(control: int) -> int:
    """Return a number that is unbound just now; nothing keeps others from being given it too."""
    return fcntl.ioctl(control, _CTL_GET_FREE)


def add(control: int) -> int:
    """Add a loop device with the lowest unused number, and return the number."""
    return fcntl.ioctl(control, _CTL_ADD, -1)


def remove(control: int, number: int) -> None:
    """Remove an unbound loop device; EBUSY where it is bound or open."""
    fcntl.ioctl(control, _CTL_REMOVE, number)


def configure(loop: int, backing: int, *, flags: int, tag: str) -> None:
    """Bind *loop* to the file open as *backing*, with its flags, in one step.

    Source: LOOP_CONFIGURE, since Linux 5.8. With AUTOCLEAR among the flags there is no moment at
    which a crash would leave the device bound.
    """
    info = _INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, flags, tag.encode(), b"", b"", 0, 0)
    fcntl.ioctl(loop, _CONFIGURE, _CONFIG_HEAD.pack(backing, 0) + info + _CONFIG_TAIL)


def status(loop: int) -> Status:
    """Ask an open loop device what it is bound to; ENXIO where it is not bound."""
    answer = fcntl.ioctl(loop, _GET_STATUS64, bytes(_INFO.size))
    device, inode, _, offset, size_limit, _, _, _, flags, name, *_ = _INFO.unpack(answer)
    return Status(
        device=device,
        inode=inode,
        offset=offset,
        size_limit=size_limit,
        flags=flags,
        file_name=name.partition(b"\0")[0].decode(errors="replace"),
    )


def clear(loop: int) -> None:
    """Ask the kernel to unbind *loop*; it defers that while others have it open."""
    fcntl.ioctl(loop, _CLR_FD)
