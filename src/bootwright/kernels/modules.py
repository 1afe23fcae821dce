"""Kernel modules: which files a driver needs, in the order in which they must be loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bootwright.errors import FormatError
from bootwright.kernels.kernel import Kernel
from bootwright.values import dataclass

# What a driver is called in a kernel's config, to say whether it is built in.
CONFIG_OF = {
    "virtio_pci": "CONFIG_VIRTIO_PCI",
    "virtio_mmio": "CONFIG_VIRTIO_MMIO",
    "virtio_blk": "CONFIG_VIRTIO_BLK",
    "virtio_net": "CONFIG_VIRTIO_NET",
    "virtio_pmem": "CONFIG_VIRTIO_PMEM",
    "nd_pmem": "CONFIG_BLK_DEV_PMEM",
    "ext4": "CONFIG_EXT4_FS",
    "xfs": "CONFIG_XFS_FS",
    "btrfs": "CONFIG_BTRFS_FS",
    "overlay": "CONFIG_OVERLAY_FS",
    "kvm": "CONFIG_KVM",
    "kvm_amd": "CONFIG_KVM_AMD",
    "kvm_intel": "CONFIG_KVM_INTEL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFile:
    """One module to load."""

    path: Path
    optional: bool = False
    """Whether the guest goes on where it cannot be loaded: of several modules with one purpose,
    such as the checksums for different CPUs, some refuse the CPU at hand."""


class ModuleTree:
    """The modules of one kernel.

    Args:
        folder: The folder that holds modules.dep and its companions, which depmod writes.

    Source: modules.dep(5), depmod.d(5) for softdep lines.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path_of: dict[str, str] = {}
        self._needs: dict[str, list[str]] = {}
        for line in _lines(folder / "modules.dep"):
            path, _, needed = line.partition(":")
            self._path_of[_name(path)] = path
            self._needs[_name(path)] = [_name(other) for other in needed.split()]
        self._builtin = {_name(line) for line in _lines(folder / "modules.builtin")}
        self._aliases: dict[str, list[str]] = {}
        for line in _lines(folder / "modules.alias"):
            words = line.split()
            if len(words) == 3 and words[0] == "alias":
                self._aliases.setdefault(_normal(words[1]), []).append(_normal(words[2]))
        self._soft: dict[str, list[str]] = {}
        for line in _lines(folder / "modules.softdep"):
            words = line.split()
            if len(words) > 2 and words[0] == "softdep":
                self._soft.setdefault(_normal(words[1]), []).extend(_before(words[2:]))

    def has(self, driver: str) -> bool:
        """Return whether the kernel has *driver*, as a module or built in."""
        return _normal(driver) in self._path_of or _normal(driver) in self._builtin

    def load_order(self, drivers: list[str], *, optional: Sequence[str] = ()) -> list[ModuleFile]:
        """Return the module files that *drivers* need, each after those it needs itself.

        Built-in drivers need none.

        Args:
            optional: More drivers, which the kernel may lack and which may fail to load.

        Raises:
            FormatError: the kernel has a driver neither as a module nor built in.
        """
        order: list[str] = []
        needed_hard: set[str] = set()
        visited: set[tuple[str, bool]] = set()

        def visit(name: str, *, optional: bool = False) -> None:
            if name in self._builtin or name not in self._path_of or (name, optional) in visited:
                return
            # Noted before descending: soft dependencies may run in a circle.
            visited.add((name, optional))
            if not optional:
                needed_hard.add(name)
            for soft in map(_normal, self._soft.get(name, [])):
                for real in self._aliases.get(soft, [soft]):
                    visit(real, optional=True)
            for needed in self._needs[name]:
                visit(needed, optional=optional)
            if name not in order:
                order.append(name)

        for driver in map(_normal, drivers):
            if not self.has(driver):
                raise FormatError(
                    f"the kernel has no driver {driver}, built in or in {self._folder}",
                    hint=f"use a kernel with {CONFIG_OF.get(driver, driver)}",
                )
            visit(driver)
        for driver in map(_normal, optional):
            visit(driver, optional=True)
        return [
            ModuleFile(path=self._folder / self._path_of[name], optional=name not in needed_hard)
            for name in order
        ]


def missing(kernel: Kernel, drivers: list[str]) -> list[str]:
    """Return the *drivers* that a kernel does not have, as far as known without booting it."""
    if kernel.modules is not None:
        tree = ModuleTree(kernel.modules) if drivers else None
        return [driver for driver in drivers if tree and not tree.has(driver)]
    options = kernel.config()
    return [driver for driver in drivers if options and options.get(CONFIG_OF[driver]) != "y"]


def read_module(path: Path) -> bytes:
    """Return a module's ELF content, decompressed on the host so that the guest need not.

    Raises:
        FormatError: the file is damaged.
    """
    content = path.read_bytes()
    try:
        if path.suffix == ".xz":
            import lzma  # here, as below: most boots find their modules unpacked

            return lzma.decompress(content)
        if path.suffix == ".gz":
            import gzip

            return gzip.decompress(content)
        if path.suffix == ".zst":
            import zstandard

            decompressor = zstandard.ZstdDecompressor().decompressobj()
            module = decompressor.decompress(content)
            if not decompressor.eof:
                raise FormatError("it is truncated")
            return module
    except Exception as error:  # every library has its own error class
        raise FormatError(f"module {path} is damaged: {error}") from error
    return content


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _before(words: list[str]) -> list[str]:
    """Return the modules that a softdep line loads before: the words after ``pre:``."""
    wanted, collecting = [], False
    for word in words:
        if word in ("pre:", "post:"):
            collecting = word == "pre:"
        elif collecting:
            wanted.append(word)
    return wanted


def _name(path: str) -> str:
    return _normal(Path(path).name.split(".ko")[0])


def _normal(name: str) -> str:
    # The kernel treats '-' and '_' in module names as the same.
    return name.replace("-", "_")
