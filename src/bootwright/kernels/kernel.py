"""A bootable kernel with its config, symbols and modules, and the store of kernels."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import msgspec

from bootwright.digest import Digest, digest_of_bytes, digest_of_file, digest_of_tree
from bootwright.home import Home
from bootwright.kernels import naming
from bootwright.recipes.recipe import KernelFile
from bootwright.store import Store
from bootwright.values import dataclass

Part = Literal["bzImage", "vmlinux", "config", "System.map", "modules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One stored kernel. Its parts are files in `folder`, each under the name of its `Part`."""

    digest: Digest
    folder: Path
    release: str
    """What ``uname -r`` says, such as ``6.1.0-50-cloud-amd64``."""
    source: str
    """Where it came from, for people."""
    added_s: int
    """When, in seconds since 1970."""
    pvh: bool
    """Whether vmlinux can be started without firmware and decompression (it has the PVH note)."""
    parts: tuple[Part, ...]

    @property
    def fastest_file(self) -> KernelFile:
        """The file that boots fastest.

        vmlinux where the VMM can start it: nothing is left to decompress in the guest.
        Source: xen/include/public/arch-x86/hvm/start_info.h (the PVH boot protocol).
        """
        return "vmlinux" if self.pvh or "bzImage" not in self.parts else "bzImage"

    @property
    def modules(self) -> Path | None:
        """The folder that holds modules.dep, or None."""
        if "modules" not in self.parts:
            return None
        return self.folder / "modules" / "lib" / "modules" / self.release

    def config(self) -> dict[str, str]:
        """Return the kernel's options that are set, ``{"CONFIG_PVH": "y", ...}``; {} if unknown."""
        if "config" not in self.parts:
            return {}
        return parse_kernel_config((self.folder / "config").read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Description:
    """The content of ``kernel.json``."""

    release: str
    source: str
    added_s: int
    pvh: bool
    parts: tuple[Part, ...]


def parse_kernel_config(text: str) -> dict[str, str]:
    """Read a kernel's ``.config``; options that are not set are left out."""
    options = {}
    for line in text.splitlines():
        if line.startswith("CONFIG_") and "=" in line:
            name, _, value = line.partition("=")
            options[name] = value.strip('"')
    return options


def kernel_store(home: Home) -> Store:
    """Return the store of kernels."""
    return Store(home.kernels, "kernel", naming.making)


def load_kernel(home: Home, reference: str) -> Kernel:
    """Return the kernel that *reference* names, by name or digest.

    Raises:
        NotFoundError: there is none.
        FormatError: its description cannot be read.
    """
    digest, folder, description = kernel_store(home).describe(reference, _Description)
    return Kernel(
        digest=digest,
        folder=folder,
        release=description.release,
        source=description.source,
        added_s=description.added_s,
        pvh=description.pvh,
        parts=description.parts,
    )


def store_kernel(
    home: Home,
    staged: Path,
    *,
    name: str,
    release: str,
    source: str,
    pvh: bool,
    replace: bool = False,
) -> Kernel:
    """Store the kernel whose parts lie in the folder *staged*, under *name*.

    Its digest is made from its parts alone: the same kernel from two sources is one kernel.

    Args:
        replace: Whether to take the name from another kernel that has it.

    Raises:
        InputError: another kernel has the name.
    """
    store = kernel_store(home)
    present: list[Part] = []
    manifest = ""
    for part in ("bzImage", "vmlinux", "config", "System.map", "modules"):
        path = staged / part
        if path.is_dir():
            manifest += f"{part} {digest_of_tree(path)}\n"
        elif path.is_file():
            manifest += f"{part} {digest_of_file(path)}\n"
        else:
            continue
        present.append(part)
    description = _Description(
        release=release, source=source, added_s=int(time.time()), pvh=pvh, parts=tuple(present)
    )
    store.description(staged).write_bytes(msgspec.json.encode(description))
    digest = digest_of_bytes(manifest.encode())
    if not replace:
        store.require_free(name, digest)
    store.adopt(staged, digest)
    store.tag(name, digest, replace=replace)
    return load_kernel(home, name)


def require_name(home: Home, name: str, *, origin: str) -> None:
    """Check, before minutes of work, that *name* is free, or its kernel perhaps the same.

    Args:
        origin: How the source of the same kernel begins.

    Raises:
        InputError: a kernel from elsewhere has the name.
    """
    store = kernel_store(home)
    if name in store.names() and not load_kernel(home, name).source.startswith(origin):
        store.require_free(name)


def copy_part(source: Path, staged: Path, part: Part) -> None:
    """Copy the file *source* into *staged* as *part*."""
    import shutil  # here: no boot waits for it

    shutil.copyfile(source, staged / part)
