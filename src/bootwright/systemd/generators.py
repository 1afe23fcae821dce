"""Predict the units that systemd's generators make from the image's files.

Source: systemd.generator(7), systemd-fstab-generator(8), systemd-getty-generator(8),
systemd-sysv-generator(8), systemd-ssh-generator(8), fstab(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bootwright.images.files import Files
from bootwright.systemd.unitfiles import NOTHING, UnitFile, escape_path

FOLDERS = (
    "/etc/systemd/system-generators",
    "/usr/local/lib/systemd/system-generators",
    "/usr/lib/systemd/system-generators",
    "/lib/systemd/system-generators",
)
"""Where generators are, the first that has one of a name wins; /run is empty before a boot."""

_RUNLEVELS = tuple(f"/etc/rc{level}.d" for level in "2345")
SOURCES = ("/etc/fstab", "/etc/init.d", *_RUNLEVELS)
"""The files that the known generators read."""

_DONE_BY_SYSTEMD = ("/proc", "/sys", "/dev")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A unit that a generator makes."""

    origin: str
    """What it is made from, for users."""
    file: UnitFile = NOTHING
    wanted_by: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()


def find(files: Files) -> dict[str, str]:
    """Return the generators that would run: ``{name: path}``; masked ones are not among them."""
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for name in files.names(folder):
            found.setdefault(name, f"{folder}/{name}")
    return {
        name: path
        for name, path in found.items()
        if files.target(path) != "/dev/null" and files.read(path) != b""
    }


def units(
    files: Files,
    generators: dict[str, str],
    *,
    console: str,
    with_files: frozenset[str],
    warn: Callable[[str, str], None],
) -> dict[str, Generated]:
    """Return the units that *generators* make of *files*.

    Args:
        console: The serial console that the kernel command line names; empty: none.
        with_files: The units that the image has files for; no script stands in for them.
        warn: Called with the place and text of each warning.
    """
    made: dict[str, Generated] = {}
    if "systemd-fstab-generator" in generators:
        made |= _fstab(files, warn)
    if "systemd-getty-generator" in generators and console:
        made[f"serial-getty@{console}.service"] = Generated(
            origin=f"systemd-getty-generator: console={console}", wanted_by=("getty.target",)
        )
    if "systemd-ssh-generator" in generators:
        made["sshd-unix-local.socket"] = Generated(
            origin="systemd-ssh-generator",
            file=UnitFile((("Socket", "Accept", "yes"),)),
            wanted_by=("sockets.target",),
        )
    if "systemd-sysv-generator" in generators:
        made |= {n: unit for n, unit in _sysv(files).items() if n not in with_files}
    return made


def _fstab(files: Files, warn: Callable[[str, str], None]) -> dict[str, Generated]:
    content = files.read("/etc/fstab") or b""
    made: dict[str, Generated] = {
        "systemd-remount-fs.service": Generated(
            origin="systemd-fstab-generator", wanted_by=("local-fs.target",)
        )
    }
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 3:
            warn("/etc/fstab", f"line {number} has no filesystem type: {line.strip()}")
            continue
        what, where, kind = (_unquote(field) for field in fields[:3])
        options = (fields[3] if len(fields) > 3 else "defaults").split(",")
        origin = f"/etc/fstab, line {number}"
        if kind == "swap":
            name, target = f"{escape_path(_device(what))}.swap", "swap.target"
        elif not where.startswith("/") or where.startswith(_DONE_BY_SYSTEMD):
            continue
        else:
            name = f"{escape_path(where)}.mount"
            is_remote = "_netdev" in options or kind.startswith(("nfs", "cifs", "ceph"))
            target = "remote-fs.target" if is_remote else "local-fs.target"
        pulled = () if "noauto" in options else (target,)
        made[name] = Generated(
            origin=origin,
            file=UnitFile(tuple(_device_needs(_device(what), where))),
            wanted_by=pulled if "nofail" in options else (),
            required_by=() if "nofail" in options else pulled,
        )
    return made


def _device_needs(device: str, where: str) -> list[tuple[str, str, str]]:
    # The root is mounted long before: systemd waits for its device only to check it.
    if not device.startswith("/dev/") or where == "/":
        return []
    unit = f"{escape_path(device)}.device"
    return [("Unit", "BindsTo", unit), ("Unit", "After", unit)]


def _device(what: str) -> str:
    tag, equals, value = what.partition("=")
    folder = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partuuid", "PARTLABEL": "partlabel"}
    if equals and tag in folder:
        return f"/dev/disk/by-{folder[tag]}/{value.strip(chr(34))}"
    return what


def _unquote(field: str) -> str:
    """Undo fstab's octal escapes, such as ``\\040`` for a blank."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def _sysv(files: Files) -> dict[str, Generated]:
    """Find the scripts in /etc/init.d that start in a runlevel."""
    started = {
        name[3:]
        for folder in _RUNLEVELS
        for name in files.names(folder)
        if re.fullmatch(r"S\d\d.+", name)
    }
    return {
        f"{script}.service": Generated(
            origin=f"/etc/init.d/{script}", wanted_by=("multi-user.target", "graphical.target")
        )
        for script in files.names("/etc/init.d")
        if script in started and re.fullmatch(r"[A-Za-z0-9_.-]+", script)
    }
