"""The device mapper's ioctls, without libdevmapper or udev.

Source: include/uapi/linux/dm-ioctl.h, drivers/md/dm-ioctl.c.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootwright.disks import nodes
from bootwright.errors import DeviceError

MISC = Path("/proc/misc")
LIST_DEVICES, DEV_CREATE, DEV_REMOVE = 2, 3, 4
DEV_SUSPEND, DEV_STATUS, TABLE_LOAD, TABLE_STATUS = 6, 7, 9, 12
GET_TARGET_VERSION = 17
READ_ONLY, SUSPEND, STATUS_TABLE, ACTIVE = 1 << 0, 1 << 1, 1 << 4, 1 << 5
DEFERRED_REMOVE = 1 << 17
NAME_BYTES, UUID_BYTES = 127, 128

_BUFFER_FULL = 1 << 8
_MAGIC = 0xC138FD00  # read and write, 312 bytes, type 0xfd
# version, data's size and start, targets, opened, flags, event, padding, device, name, UUID.
_HEADER = struct.Struct("=3I2IIiIIIQ128s129s7x")
_TARGET = struct.Struct("=QQiI16s")
_MISC_MAJOR = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call returned."""

    flags: int
    open_count: int
    target_count: int
    major: int
    minor: int
    name: str
    uuid: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One line of a table: what the sectors from *start* on are made of."""

    start: int
    length: int
    kind: str
    parameters: str


@contextmanager
def control() -> Iterator[int]:
    """Open the device mapper for the length of the block; OSError if there is none."""
    usual = Path("/dev/mapper/control")
    try:
        file = os.open(usual, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        if (minor := _minor()) is None:
            raise
        own = nodes.character("mapper/control", _MISC_MAJOR, minor)
        file = os.open(own, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _minor() -> int | None:
    """Return the number of /dev/mapper/control where the driver is loaded. Source: misc(4)."""
    lines = [line.split() for line in MISC.read_text().splitlines()]
    return next((int(line[0]) for line in lines if line[1:] == ["device-mapper"]), None)


def call(
    file: int,
    command: int,
    *,
    name: str = "",
    uuid: str = "",
    flags: int = 0,
    targets: int = 0,
    data: bytes = b"",
) -> Answer:
    """Make one call, with a larger buffer until the answer fits.

    Raises:
        OSError: the kernel refused it.
    """
    room = max(16 << 10, _HEADER.size + len(data))
    while True:
        buffer = bytearray(room)
        # Every kernel since 2.6 knows interface 4.0.0 and answers with its own version.
        head = (4, 0, 0, room, _HEADER.size, targets, 0, flags, 0, 0, 0)
        _HEADER.pack_into(buffer, 0, *head, name.encode(), uuid.encode())
        buffer[_HEADER.size : _HEADER.size + len(data)] = data
        fcntl.ioctl(file, _MAGIC | command, buffer)
        answer = _answer(buffer)
        if not answer.flags & _BUFFER_FULL:
            return answer
        room *= 4


def _answer(buffer: bytearray) -> Answer:
    *_, size, start, count, opened, flags, _, _, device, name, uuid = _HEADER.unpack_from(buffer)
    return Answer(
        flags=flags,
        open_count=opened,
        target_count=count,
        # Source: huge_encode_dev in linux/kdev_t.h, which is what os.major reads.
        major=os.major(device),
        minor=os.minor(device),
        name=_text(name),
        uuid=_text(uuid),
        data=bytes(buffer[start:size]),
    )


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")


def packed(table: Sequence[Target]) -> bytes:
    """Encode a table for TABLE_LOAD."""
    data = b""
    for target in table:
        text = target.parameters.encode() + b"\0"
        text += bytes(-len(text) % 8)
        line = (target.start, target.length, 0, _TARGET.size + len(text), target.kind.encode())
        data += _TARGET.pack(*line) + text
    return data


def targets(answer: Answer) -> list[Target]:
    """Decode the answer of TABLE_STATUS."""
    found, at = [], 0
    for _ in range(answer.target_count):
        start, length, _, following, kind = _TARGET.unpack_from(answer.data, at)
        text = _text(answer.data[at + _TARGET.size :])
        found.append(Target(start=start, length=length, kind=_text(kind), parameters=text))
        at = following
    return found


def names(answer: Answer) -> list[str]:
    """Decode the answer of LIST_DEVICES. Source: struct dm_name_list."""
    found, at = [], 0
    while answer.data:  # empty where there is no device at all
        device, following = struct.unpack_from("=QI", answer.data, at)
        if device:
            found.append(_text(answer.data[at + 12 :]))
        if not following:
            break
        at += following
    return found


def target_known(file: int, kind: str) -> bool:
    """Tell whether the kernel has targets of *kind*; it loads the module if it can.

    Source: DM_GET_TARGET_VERSION, since Linux 5.2. Older kernels cannot tell, which
    counts as yes.
    """
    try:
        call(file, GET_TARGET_VERSION, name=kind)
    except OSError as error:
        return error.errno != errno.EINVAL
    return True


def unsupported_because() -> tuple[str, str]:
    """Return why the device mapper cannot be used, and a hint; both "" if it can."""
    try:
        with control() as file:
            if not target_known(file, "snapshot"):
                return (
                    "this kernel's device mapper has no snapshot target",
                    "sudo modprobe dm-snapshot",
                )
    except DeviceError as error:
        return str(error), error.hint
    except OSError as error:
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                return "/dev/mapper/control is missing", "sudo modprobe dm-snapshot"
            case errno.ENODEV | errno.ENXIO:
                return (
                    "/dev/mapper/control exists, but this kernel has no driver for it",
                    "sudo modprobe dm-snapshot",
                )
            case errno.EACCES | errno.EPERM:
                return (
                    "no permission to open /dev/mapper/control",
                    "use sudo: the device mapper needs root",
                )
            case _:
                return f"/dev/mapper/control cannot be used: {error.strerror}", ""
    return "", ""
