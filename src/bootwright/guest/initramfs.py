"""The initramfs: a cpio archive that follows the kernel's modules and prepares the guest.

Part of it belongs to the recipe (the program, busybox, the init's own files: `Recipe.guest_files`
names them by digest) and part to the one machine (`Identity`).
"""

from __future__ import annotations

import os
import shlex
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bootwright.digest import Digest, digest_of_bytes, short_digest
from bootwright.errors import FormatError, HostError
from bootwright.home import Home
from bootwright.host import tools
from bootwright.recipes.recipe import GuestFile
from bootwright.values import dataclass

if TYPE_CHECKING:
    from bootwright.guest.identity import Identity

MARK_PORT = "/dev/ttyS1"
GUEST_RUN = "/bootwright/run"
"""Guest files below this path are laid into the guest's /run."""


# The tools that init.sh calls by name; not every busybox has a shell that finds them in itself.
_APPLETS = (
    *("chroot", "cp", "insmod", "ip", "ln", "mkdir", "mount"),
    *("poweroff", "sleep", "stat", "stty", "switch_root", "umount", "usleep"),
)
_EM_X86_64 = 62
_PT_INTERP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RootMount:
    """How the initramfs mounts the guest's root; without a device there is none."""

    device: str = ""
    filesystem: str = ""
    options: str = ""
    """Mount options, such as ``dax``."""
    volatile: str = ""
    """The disk under the root, such as ``pmem0``, if it does not outlive the machine: nothing on
    it need be flushed."""
    scratch: str = ""
    """An ext4 filesystem for what the guest writes, if the root is only to be read."""
    grow: bool = False
    """Whether the disk is larger than its filesystem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitSettings:
    """The settings of the initramfs's program."""

    modules: tuple[str, ...] = ()
    root: RootMount = RootMount()
    init: tuple[str, ...] = ()
    """What to execute in the root."""
    needs: tuple[str, ...] = ()
    """Programs that the image must have."""
    tools: bool = False
    """Whether the init uses the initramfs's busybox."""
    address: str = ""
    """With its prefix length, such as 10.0.2.15/24; empty: no network."""
    gateway: str = ""
    resolver: str = ""
    nested: bool = False
    """Whether the guest must have a /dev/kvm."""


def program_files() -> dict[str, tuple[bytes, int]]:
    """Return the initramfs's program: ``{path: (content, mode)}``.

    Raises:
        HostError: there is no statically linked busybox.
    """
    script = Path(__file__).with_name("init.sh").read_bytes()
    return {"/init": (script, 0o755), "/bin/busybox": (_busybox(), 0o755)}


def store_guest_files(home: Home, contents: dict[str, tuple[bytes, int]]) -> tuple[GuestFile, ...]:
    """Store guest files by digest and return how a recipe names them."""
    named = []
    for path, (content, mode) in sorted(contents.items()):
        digest = digest_of_bytes(content)
        target = home.files / digest
        if not target.exists() or target.stat().st_size != len(content):
            home.files.mkdir(parents=True, exist_ok=True)
            staged = home.files / f".{digest}-{os.getpid()}"
            staged.write_bytes(content)
            staged.rename(target)
        named.append(GuestFile(path=path, digest=digest, mode=mode))
    return tuple(named)


def load_guest_file(home: Home, digest: Digest) -> bytes:
    """Return the content of a guest file.

    Raises:
        FormatError: this host has no such file, or it is damaged.
    """
    path = home.files / digest
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FormatError(
            f"the recipe names a guest file {short_digest(digest)} that this host does not have",
            hint="remove guest_files from the recipe, so that bootwright uses this host's",
        ) from None
    if digest_of_bytes(content) != digest:
        raise FormatError(
            f"{path} is damaged: its content does not match its name",
            hint=f"rm {path}; bootwright writes its own files again",
        )
    return content


def pack_initramfs(
    home: Home,
    guest_files: tuple[GuestFile, ...],
    identity: Identity,
    settings: InitSettings,
    *,
    authorized_key: str = "",
    command: tuple[str, ...] = (),
    own_files: Mapping[str, tuple[bytes, int]] = MappingProxyType({}),
    input: bytes = b"",
) -> bytes:
    """Return the initramfs as a cpio archive.

    Args:
        authorized_key: The public key that may log in.
        command: What the tiny guest or the init bare runs; one word is a shell line, several are
            an argv.
        own_files: Files of this machine alone, beside the recipe's: ``{path: (content, mode)}``.
        input: What that command reads.
    """
    from bootwright.guest import cpio  # here: the command packs nothing

    entries = [
        # The initramfs writes its first mark before any mount; 4:65 is the second serial port.
        # Source: Documentation/admin-guide/devices.txt.
        cpio.character_device("dev/console", 5, 1),
        cpio.character_device("dev/ttyS1", 4, 65),
        cpio.character_device("dev/null", 1, 3),
        cpio.character_device("dev/kmsg", 1, 11),
        *(cpio.link(f"bin/{applet}", "busybox") for applet in _APPLETS),
        cpio.folder("proc"),
        cpio.folder("sys"),
        cpio.folder("root"),
        cpio.folder(GUEST_RUN.strip("/")),
        cpio.file("bootwright/machine", _machine(identity, settings), 0o600),
    ]
    for guest_file in guest_files:
        content = load_guest_file(home, guest_file.digest)
        entries.append(cpio.file(guest_file.path.strip("/"), content, guest_file.mode))
    for path, (own_content, mode) in own_files.items():
        entries.append(cpio.file(path.strip("/"), own_content, mode))
    own = {
        "token": (identity.token, 0o644),
        "authorized_keys": (authorized_key + "\n", 0o644),
    }
    if identity.host_key:
        own["ssh_host_ed25519_key"] = (identity.host_key, 0o600)
        own["ssh_host_ed25519_key.pub"] = (identity.host_key_public + "\n", 0o644)
    if settings.root.device:
        for name, (text, mode) in own.items():
            entries.append(
                cpio.file(f"{GUEST_RUN.strip('/')}/bootwright/{name}", text.encode(), mode)
            )
    if command:
        line = command[0] if len(command) == 1 else shlex.join(command)
        entries.append(cpio.file("bootwright/command", line.encode() + b"\n"))
        entries.append(cpio.file("bootwright/input", input))
    return cpio.archive(entries)


def _machine(identity: Identity, settings: InitSettings) -> bytes:
    variables = {
        "token": identity.token,
        "hostname": identity.hostname,
        "machine_id": identity.machine_id,
        "modules": " ".join(settings.modules),
        "root": settings.root.device,
        "filesystem": settings.root.filesystem,
        "options": settings.root.options,
        "volatile": settings.root.volatile,
        "scratch": settings.root.scratch,
        "init": " ".join(settings.init),
        "needs": " ".join(settings.needs),
        "tools": "1" if settings.tools else "",
        "grow": "1" if settings.root.grow else "",
        "address": settings.address,
        "gateway": settings.gateway,
        "resolver": settings.resolver,
        "nested": "1" if settings.nested else "",
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()).encode()


def _busybox() -> bytes:
    path = tools.find("busybox")
    if path is None or not _is_static(path):
        raise HostError(
            "no statically linked busybox on this host"
            if path is None
            else f"{path} is not a statically linked x86-64 program",
            hint="on Debian: sudo apt-get install busybox-static; on Fedora: dnf install busybox",
        )
    return path.read_bytes()


def _is_static(path: Path) -> bool:
    """Return whether *path* is an x86-64 program without an ELF interpreter (elf(5)).

    Read by hand: importing an ELF library would cost every boot 50 ms.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:5] != b"\x7fELF\x02" or struct.unpack_from("<H", head, 18)[0] != _EM_X86_64:
        return False
    try:
        (table,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        kinds = [struct.unpack_from("<I", head, table + size * index)[0] for index in range(count)]
    except struct.error:
        return False  # cut short
    return _PT_INTERP not in kinds
