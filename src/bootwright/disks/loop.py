"""Attach and detach loop devices reliably, and leave none behind.

LOOP_CTL_GET_FREE reserves nothing, so several processes may get the same number; a free number may
be claimed; and a device stays bound while it is open anywhere. So bootwright's processes take turns
under a lock, retry on every error that only means "not this one", verify that the device has the
right file, and wait after a detach until the kernel has unbound it.

Numbers that were added are not removed: the next process can use them, so there are never more than
were bound at once, and removing one could hit a process that just got it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bootwright.disks import holders, loop_ioctl, nodes
from bootwright.errors import DeviceError, InputError

TAG_PREFIX = "bootwright:"
"""The prefix of bootwright's tags: bootwright:MACHINE-OR-DIGEST:ROLE."""
SYS_BLOCK = Path("/sys/block")

_NOT_THIS_ONE = frozenset(
    (errno.EBUSY, errno.ENXIO, errno.ENODEV, errno.ENOENT, errno.EAGAIN, errno.EACCES)
)
_PATIENCE_S = 5.0
_MOST_PAUSE_S = 0.02
_HITS = 2
"""How often a number may be refused before a new one is added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A loop device with a file behind it. Source: sysfs, and LOOP_GET_STATUS64 where allowed."""

    number: int
    device: int
    """Of the backing file, as `inode` is: what names a file whatever its path; 0 if unknown."""
    inode: int
    file_name: str
    """The name that was set on attach: for bootwright's devices a tag; "" if unknown."""
    backing_file: str
    """The path of the file, as seen by the process that attached it."""
    read_only: bool
    autoclear: bool
    direct_io: bool
    offset: int
    size_limit: int
    holders: tuple[str, ...]
    """Devices on top, such as ``dm-3``."""

    @property
    def node(self) -> Path:
        return Path(f"/dev/loop{self.number}")


class LoopDevice:
    """A loop device held open; leaving the block closes it."""

    def __init__(self, number: int, node: Path, file: int, status: loop_ioctl.Status) -> None:
        self.number = number
        self.node = node
        self.direct_io = bool(status.flags & loop_ioctl.DIRECT_IO)
        self.read_only = bool(status.flags & loop_ioctl.READ_ONLY)
        self._file = file
        self._status = status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor that holds the device."""
        return self._file

    def close(self) -> None:
        """Close the device. With autoclear the kernel unbinds it after its last holder."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def detach(self, timeout_s: float = 5.0) -> None:
        """Unbind the device, and wait until the kernel has done it.

        Raises:
            DeviceError: it is still held; the message says by what. The kernel unbinds it later.

        Source: loop.c: LOOP_CLR_FD only takes note while others have the device open, and since
        Linux 6.11 always does so, until the last of them closes it.
        """
        if self._file < 0:
            return
        binding = _binding(self.number)
        try:
            loop_ioctl.clear(self._file)
        except OSError as error:
            if error.errno != errno.ENXIO:  # already unbound
                raise
        self.close()
        deadline = time.monotonic() + timeout_s
        pause_s = 0.0002
        while self._is_bound(binding):
            if time.monotonic() >= deadline:
                name = f"loop{self.number}"
                who = holders.described(name, loop_ioctl.MAJOR, self.number)
                raise DeviceError(
                    f"/dev/{name} is still bound {timeout_s:g} s after its detach: "
                    f"{who or 'held by a process that is not visible from here'}",
                    hint="end or unmount what holds it; the kernel frees the device after that",
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _MOST_PAUSE_S)

    def _is_bound(self, binding: str) -> bool:
        """Tell whether the number is still bound to this file, not to another by now."""
        if not (SYS_BLOCK / f"loop{self.number}" / "loop").exists():
            return False
        if binding:
            return _binding(self.number) == binding
        try:  # before Linux 5.15
            file = os.open(self.node, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return loop_ioctl.status(file) == self._status
        except OSError:
            return False
        finally:
            os.close(file)


def _binding(number: int) -> str:
    """Return a value that changes with each binding of the number; "" before Linux 5.15.

    Source: Documentation/ABI/stable/sysfs-block, diskseq.
    """
    try:
        return (SYS_BLOCK / f"loop{number}" / "diskseq").read_text()
    except OSError:
        return ""


def attach(
    backing: int,
    *,
    tag: str,
    read_only: bool = False,
    autoclear: bool = True,
    direct_io: bool = True,
) -> LoopDevice:
    """Bind a loop device to an open file, and hold it.

    Args:
        backing: The file's descriptor; the file needs no name. If it is not open for writing, the
            device is read-only.
        tag: Who it belongs to, such as ``bootwright:m1:cow``; at most 63 bytes.
        autoclear: Let the kernel unbind it after its last holder, so that a crash leaves nothing.
        direct_io: Go past the file's page cache where its filesystem can; `LoopDevice.direct_io`
            says whether it does.

    Raises:
        DeviceError: none is available: no driver, no permission, or others take each one first.
        InputError: the tag is too long.
    """
    with _control() as control:
        return _attach(control, backing, tag, _flags(read_only, autoclear, direct_io), shared=None)


def attach_shared(image: Path, *, tag: str) -> LoopDevice:
    """Hold the shared read-only loop device of a base image; attach it first if necessary.

    Raises:
        DeviceError: see `attach`.
        OSError: the image cannot be opened.
    """
    backing = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _control() as control:
            flags = _flags(read_only=True, autoclear=True, direct_io=True)
            return _attach(control, backing, tag, flags, shared=os.fstat(backing))
    finally:
        os.close(backing)


def bound() -> list[Bound]:
    """Return all bound loop devices, by number; those that vanish meanwhile are left out.

    Without root, what only the device itself could tell is unknown.
    """
    found = (_bound(number) for number in _numbers())
    return [device for device in found if device is not None]


def _flags(read_only: bool, autoclear: bool, direct_io: bool) -> int:
    return (
        read_only * loop_ioctl.READ_ONLY
        | autoclear * loop_ioctl.AUTOCLEAR
        | direct_io * loop_ioctl.DIRECT_IO
    )


@contextmanager
def _control() -> Iterator[int]:
    try:
        control = os.open(loop_ioctl.CONTROL, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise DeviceError(
            f"{loop_ioctl.CONTROL} cannot be opened: {error.strerror}",
            hint="loop devices need root"
            if error.errno in (errno.EACCES, errno.EPERM) and os.geteuid()
            else "sudo modprobe loop; pass the device to a container",
        ) from error
    try:
        yield control
    finally:
        os.close(control)


@contextmanager
def _locked(control: int) -> Iterator[None]:
    """Hold the lock that other bootwright processes and systemd take too."""
    # The kernel's queue is fair. Asking again and again is not: it made the slowest of 16 processes
    # three times as slow. The queue has no deadline, but a signal ends it, or the holder's end.
    fcntl.flock(control, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(control, fcntl.LOCK_UN)


def _attach(
    control: int, backing: int, tag: str, flags: int, shared: os.stat_result | None
) -> LoopDevice:
    if len(tag.encode()) > loop_ioctl.TAG_BYTES:
        raise InputError(f"the tag {tag} has more than {loop_ioctl.TAG_BYTES} bytes")
    refusals: Counter[int] = Counter()
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        number = -1
        try:
            with _locked(control):
                if shared is not None and (found := _find(shared, tag)):
                    return found
                number = loop_ioctl.get_free(control)
                if refusals[number] >= _HITS:
                    number = loop_ioctl.add(control)
                if device := _bind(number, backing, tag, flags):
                    return device
        except OSError as error:
            if error.errno not in _NOT_THIS_ONE or time.monotonic() >= deadline:
                raise _refused(number, tag, error, sum(refusals.values()) + 1) from error
        refusals[number] += 1
        tries = sum(refusals.values())
        time.sleep(random.uniform(0, min(_MOST_PAUSE_S, 0.0005 * tries)))


def _refused(number: int, tag: str, error: OSError, tries: int) -> DeviceError:
    device = f"/dev/loop{number}" if number >= 0 else "a loop device"
    who = holders.described(f"loop{number}", loop_ioctl.MAJOR, number) if number >= 0 else ""
    hint = {
        errno.EPERM: "loop devices need root; a container also needs access to block devices 7:*",
        errno.EACCES: "loop devices need root; a container also needs access to block devices 7:*",
        errno.ENOSPC: "all numbers are in use: bootwright doctor lists the owners",
        errno.ENOTTY: "LOOP_CONFIGURE needs Linux 5.8 or later",
    }.get(error.errno or 0, "bootwright doctor lists the loop devices and their holders")
    text = f"{device} cannot be bound for {tag}: {error.strerror} ({tries} tries)"
    return DeviceError(f"{text}; held by {who}" if who else text, hint=hint)


def _bind(number: int, backing: int, tag: str, flags: int) -> LoopDevice | None:
    """Bind one number; None if it turns out to have another file."""
    node = nodes.block(f"loop{number}", loop_ioctl.MAJOR, number)
    writing = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            loop_ioctl.configure(writing, backing, flags=flags, tag=tag)
        except OSError as error:
            if error.errno != errno.EINVAL or not flags & loop_ioctl.DIRECT_IO:
                raise
            # This filesystem has no direct I/O. Most kernels fall back by themselves.
            flags &= ~loop_ioctl.DIRECT_IO
            loop_ioctl.configure(writing, backing, flags=flags, tag=tag)
        # Held for reading only: kernels can refuse to mount what is open for writing.
        file = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writing)
    return _verified(number, node, file, os.fstat(backing))


def _verified(number: int, node: Path, file: int, wanted: os.stat_result) -> LoopDevice | None:
    try:
        status = loop_ioctl.status(file)
        if (status.device, status.inode) == (wanted.st_dev, wanted.st_ino):
            device = LoopDevice(number, node, file, status)
            file = -1
            return device
        return None
    finally:
        if file >= 0:
            os.close(file)


def _find(image: os.stat_result, tag: str) -> LoopDevice | None:
    """Hold the existing loop device of a base image, if any."""
    for number in _numbers():
        try:
            # Those of machines are written to and need not be opened, however many there are.
            if (SYS_BLOCK / f"loop{number}" / "ro").read_text() != "1\n":
                continue
            node = nodes.block(f"loop{number}", loop_ioctl.MAJOR, number)
            file = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, DeviceError):
            continue  # it vanished
        try:
            device = _verified(number, node, file, image)
        except OSError:
            continue
        if device is None:
            continue
        status = device._status
        if status.file_name == tag and not status.offset and not status.size_limit:
            return device
        device.close()
    return None


def _numbers() -> list[int]:
    """Return the bound numbers from sysfs."""
    names = (entry.name for entry in SYS_BLOCK.iterdir() if entry.name.startswith("loop"))
    numbers = sorted(int(name[4:]) for name in names if name[4:].isdigit())
    return [number for number in numbers if (SYS_BLOCK / f"loop{number}" / "loop").exists()]


def _bound(number: int) -> Bound | None:
    folder = SYS_BLOCK / f"loop{number}"
    try:
        backing_file = (folder / "loop/backing_file").read_text(errors="replace").rstrip("\n")
        read_only = (folder / "ro").read_text() == "1\n"
        autoclear = (folder / "loop/autoclear").read_text() == "1\n"
        direct_io = (folder / "loop/dio").read_text() == "1\n"
        offset = int((folder / "loop/offset").read_text())
        size_limit = int((folder / "loop/sizelimit").read_text())
    except OSError:
        return None  # it vanished
    status = _status(number)
    return Bound(
        number=number,
        device=status.device if status else 0,
        inode=status.inode if status else 0,
        file_name=status.file_name if status else "",
        backing_file=backing_file,
        read_only=read_only,
        autoclear=autoclear,
        direct_io=direct_io,
        offset=offset,
        size_limit=size_limit,
        holders=holders.above(folder.name),
    )


def _status(number: int) -> loop_ioctl.Status | None:
    try:
        node = nodes.block(f"loop{number}", loop_ioctl.MAJOR, number)
        file = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, DeviceError):
        return None
    try:
        return loop_ioctl.status(file)
    except OSError:
        return None
    finally:
        os.close(file)
