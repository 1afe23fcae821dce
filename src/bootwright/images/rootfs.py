"""What a root filesystem holds that decides whether it boots, looked at when it is imported."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path

from bootwright.errors import FormatError
from bootwright.images.btrfs import Btrfs
from bootwright.images.disklayout import Root, start_bytes
from bootwright.images.files import Files
from bootwright.images.reading import Wanted, read_root
from bootwright.images.unpacking import ROOT_FOLDERS

INIT = "/sbin/init"
SSH_SERVER = "/usr/sbin/sshd"
_PROGRAMS = (INIT, "/bin/sh")
"""What tells the processor; a container's filesystem has no init."""
_X86_64 = 62
# e_machine in elf(5): what Linux distributions are built for.
_MACHINES = {
    3: "32-bit x86",
    40: "32-bit ARM",
    183: "arm64",
    243: "RISC-V",
    21: "ppc64",
    22: "s390x",
}
_RELEASE_FILES = ("/etc/os-release", "/usr/lib/os-release")
_WANTED = Wanted(
    contents=(*_PROGRAMS, SSH_SERVER, *_RELEASE_FILES),
    names=("/", "/usr/sbin", "/sbin", "/run", "/dev"),
)
_SNAPSHOTS = (".snapshots", "timeshift", "snapshots")


class NoRootError(FormatError):
    """A sound filesystem that holds something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rootfs:
    """A root filesystem as it was found."""

    root: Root
    missing: tuple[str, ...]
    """The programs that a boot with systemd and a log-in needs, and that are not in it."""
    suite: str
    """Of Debian, such as ``trixie``; empty: another system, or unknown."""


def look(disk: Path, root: Root) -> Rootfs:
    """Look into the root filesystem that lies at *root*; of a btrfs, find its subvolume.

    Raises:
        NoRootError: it holds no root filesystem.
        FormatError: it holds one for other processors, or is damaged.
        HostError: only root can read it.
    """
    if root.filesystem == "btrfs":
        root = replace(root, subvolume=_subvolume(disk, root))
    files = read_root(disk, root, _WANTED)
    top = files.names("/")
    if not ROOT_FOLDERS & set(top):
        names = [name for name in top if name != "lost+found"]
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        raise NoRootError(
            "it holds no root filesystem: "
            + (f"at its top are {shown}" if shown else "it is empty"),
            hint="a root filesystem has bin, etc, usr at its top",
        )
    _check_processor(files)
    needed = (INIT, SSH_SERVER)
    return Rootfs(
        root=root,
        missing=tuple(path for path in needed if not files.is_there(path)),
        suite=_suite(files),
    )


def _check_processor(files: Files) -> None:
    for path in _PROGRAMS:
        program = files.read(path) or b""
        if program[:4] != b"\x7fELF" or len(program) < 20:
            continue
        (machine,) = struct.unpack_from("<H" if program[5] == 1 else ">H", program, 18)
        if machine == _X86_64:
            return
        raise FormatError(
            f"it is a system for {_MACHINES.get(machine, f'another processor ({machine})')}, "
            "and bootwright boots x86-64",
            hint="give the same image for amd64 (x86_64)",
        )


def _suite(files: Files) -> str:
    """Return the suite of a Debian. Source: os-release(5)."""
    for path in _RELEASE_FILES:
        text = (files.read(path) or b"").decode("utf-8", "replace")
        found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        values = {key: value.strip("\"'") for key, value in found.items()}
        if values.get("ID") == "debian":
            return values.get("VERSION_CODENAME", "")
    return ""


def _subvolume(disk: Path, root: Root) -> str:
    """Return the subvolume that is the root; empty: the one that is mounted by default.

    Raises:
        FormatError: there are several, and none is said to be the one.
    """
    with disk.open("rb") as file:
        btrfs = Btrfs(file, start_bytes(file, root.partition))
        if ROOT_FOLDERS & set(btrfs.subvolume("").list(["/"])["/"]):
            return ""
        paths = list(btrfs.subvolumes())
        if ROOT_FOLDERS & set(btrfs.top.list(["/"])["/"]):
            return "/"
        roots = [
            path
            for path in paths
            if ROOT_FOLDERS & set(btrfs.subvolume(path).list(["/"])["/"])
            and not any(part in _SNAPSHOTS for part in path.split("/"))
        ]
    if len(roots) > 1:
        named = [path for path in roots if _named_by_fstab(disk, root, path) == path]
        usual = [path for path in roots if path in ("@", "root", "@rootfs", "@root")]
        roots = named if len(named) == 1 else usual if len(usual) == 1 else roots
    if len(roots) > 1:
        raise FormatError(
            f"its btrfs holds {len(roots)} root filesystems: {', '.join(roots[:6])}",
            hint="say which: mount it, and btrfs subvolume set-default the one to boot",
        )
    return roots[0] if roots else ""


def _named_by_fstab(disk: Path, root: Root, path: str) -> str:
    """Return the subvolume that a root's own fstab mounts as /."""
    wanted = Wanted(contents=("/etc/fstab",))
    files = read_root(disk, replace(root, subvolume=path), wanted)
    for line in (files.read("/etc/fstab") or b"").decode("utf-8", "replace").splitlines():
        fields = line.split()
        if len(fields) >= 4 and fields[1] == "/" and not line.startswith("#"):
            for option in fields[3].split(","):
                if option.startswith("subvol="):
                    return option.removeprefix("subvol=").strip("/")
    return ""
