"""Explain why a file, a block device or a mount point is busy, and how to fix it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from shlex import quote

from bootwright.busy import files
from bootwright.busy import holders as holding
from bootwright.busy.blockdevices import of_device
from bootwright.busy.explanation import Explanation
from bootwright.busy.holders import BlockDevices
from bootwright.busy.mountpoints import of_folder
from bootwright.busy.owners import Folders
from bootwright.disks.devicemapper import Mapped
from bootwright.errors import HostError, NotFoundError
from bootwright.home import Home

_ACCEPTED = "give a file, a block device such as /dev/loop3, or a mount point"
_CLASS_BLOCK = Path("/sys/class/block")


def explain_busy(path: Path, home: Home) -> Explanation:
    """Explain what holds *path*: a file, a block device or a mount point.

    Nothing is changed. Each device concerned is opened with O_EXCL for a few microseconds, the only
    way to detect such a claim.

    Raises:
        NotFoundError: *path* does not exist, or is of another type.
        HostError: *path* cannot be read, or a device vanished meanwhile.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _of_missing(path, home)
    except PermissionError as error:
        raise HostError(
            f"cannot read {path}: {error.strerror}",
            hint=f"sudo bootwright doctor why {quote(str(path))}",
        ) from error
    except (OSError, ValueError) as error:
        raise HostError(f"cannot read {path}: {error}", hint=_ACCEPTED) from error
    if not any(is_it(status.st_mode) for is_it in (stat.S_ISBLK, stat.S_ISDIR, stat.S_ISREG)):
        raise NotFoundError(f"{path} is {_type_of(status.st_mode)}", hint=_ACCEPTED)
    try:
        return _of_existing(path, status, home)
    except FileNotFoundError as error:
        raise HostError(
            f"{error.filename} vanished while {path} was examined", hint="run it again"
        ) from error


def _of_existing(path: Path, status: os.stat_result, home: Home) -> Explanation:
    block_devices = holding.read_block_devices()
    if stat.S_ISDIR(status.st_mode):
        return of_folder(path, block_devices)
    folders = Folders.of(home)
    if stat.S_ISBLK(status.st_mode):
        number = os.major(status.st_rdev), os.minor(status.st_rdev)
        if not Path(f"/sys/dev/block/{number[0]}:{number[1]}").exists():
            return _without_device(path, number)
        return of_device(path, number, block_devices, folders)
    return files.of_file(path, status, block_devices, folders)


def _type_of(mode: int) -> str:
    if stat.S_ISCHR(mode):
        return "a character device, which nothing can mount or attach"
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket"


def _of_missing(path: Path, home: Home) -> Explanation:
    """Explain a path that does not exist: a deleted file, or a device without its node.

    Raises:
        NotFoundError: it is none of them.
    """
    block_devices = holding.read_block_devices()
    if using := files.users_of_deleted(path, block_devices):
        return files.of_deleted(path, using, block_devices, Folders.of(home))
    name = path.name
    if path.parent == Path("/dev") and (_CLASS_BLOCK / name).exists():
        return _without_node(path)
    if str(path) == name and (_CLASS_BLOCK / name).exists():
        return explain_busy(Path("/dev") / name, home)  # "loop3" is clear enough
    if mapped := _mapped(path, block_devices):
        return explain_busy(mapped.node, home)
    if re.fullmatch(r"/dev/loop\d+", str(path)):
        return _without_loop(path)
    if path.is_symlink():
        raise NotFoundError(
            f"{path} is a symbolic link to {os.readlink(path)}, which does not exist",
            hint=_ACCEPTED,
        )
    raise NotFoundError(f"{path} does not exist", hint=_ACCEPTED)


def _mapped(path: Path, block_devices: BlockDevices) -> Mapped | None:
    """Return the device-mapper device of that name; without udev /dev/mapper has none."""
    if path.parent not in (Path("/dev/mapper"), Path()):
        return None
    return next((m for m in block_devices.mapped if m.name == path.name), None)


def _without_node(path: Path) -> Explanation:
    major, minor = holding.numbers_of(path.name, _CLASS_BLOCK)
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


def _without_loop(path: Path) -> Explanation:
    return Explanation(
        path=str(path),
        kind="block device",
        is_busy=True,
        reasons=(
            f"{path} does not exist: the kernel creates loop devices when they are asked for "
            "(max_loop= only sets how many there are at first)",
        ),
        fixes=(
            "use a free one, which is created if necessary: $ sudo losetup --find --show FILE",
            f"or create this one: $ sudo losetup {path} FILE",
        ),
    )


def _without_device(path: Path, number: tuple[int, int]) -> Explanation:
    return Explanation(
        path=str(path),
        kind="block device",
        is_busy=True,
        reasons=(
            f"{path} is a node for device {number[0]}:{number[1]}, which the kernel does not have: "
            "opening it fails with ENXIO",
        ),
        fixes=(
            "a loop device is created when a free one is asked for: "
            "$ sudo losetup --find --show FILE",
        ),
    )
