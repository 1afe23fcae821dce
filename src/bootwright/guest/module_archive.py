"""The archive of modules that a kernel needs to mount its root."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bootwright.digest import digest_of_bytes
from bootwright.errors import FormatError
from bootwright.guest import cpio
from bootwright.kernels.kernel import Kernel
from bootwright.kernels.modules import CONFIG_OF, ModuleTree, read_module
from bootwright.values import dataclass

_FORMAT = "3"
"""The version of the cached files; changing it invalidates them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleArchive:
    """Modules for one kernel and one set of drivers."""

    archive: bytes
    """A cpio archive, not compressed: unpacking it is a copy."""
    modules: tuple[str, ...]
    """Paths in the archive, in the order in which they must be loaded; behind a dash those that
    may fail to load."""


def make_module_archive(
    kernel: Kernel, drivers: list[str], cache: Path, *, optional: Sequence[str] = ()
) -> ModuleArchive:
    """Return the initramfs that gives *kernel* the *drivers*, from the cache where it is there.

    Args:
        drivers: Module names, such as ``virtio_blk``.
        cache: A folder for finished archives; it may vanish at any time.
        optional: More module names: the guest goes on without those that the kernel lacks, or that
            refuse its CPU.

    Raises:
        FormatError: the kernel lacks a driver.
    """
    if kernel.modules is None:
        _require_builtin(kernel, drivers)
        return ModuleArchive(archive=b"", modules=())
    key = digest_of_bytes(" ".join([_FORMAT, kernel.digest, *drivers, "-", *optional]).encode())
    cached = cache / f"{key}.cpio"
    listed = cache / f"{key}.modules"
    if found := _recall(cached, listed):
        return found
    files = ModuleTree(kernel.modules).load_order(drivers, optional=optional)
    names = [f"modules/{file.path.name.split('.ko')[0]}.ko" for file in files]
    entries = [
        cpio.file(name, read_module(file.path)) for name, file in zip(names, files, strict=True)
    ]
    made = ModuleArchive(
        archive=cpio.archive(entries) if entries else b"",
        modules=tuple(
            ("-" if file.optional else "") + name for name, file in zip(names, files, strict=True)
        ),
    )
    cache.mkdir(parents=True, exist_ok=True)
    lines = [digest_of_bytes(made.archive), *made.modules]
    _replace(listed, "".join(f"{line}\n" for line in lines).encode())
    _replace(cached, made.archive)
    return made


def _recall(cached: Path, listed: Path) -> ModuleArchive | None:
    """Return what was made before; None where it is not there, or is not whole."""
    try:
        archive = cached.read_bytes()
        digest, *modules = listed.read_text().splitlines()
    except (OSError, ValueError):
        return None
    if digest != digest_of_bytes(archive):
        return None
    return ModuleArchive(archive=archive, modules=tuple(modules))


def _require_builtin(kernel: Kernel, drivers: list[str]) -> None:
    options = kernel.config()
    if not options:
        return  # unknown; the initramfs fails if its root does not appear
    for driver in drivers:
        option = CONFIG_OF[driver]
        value = options.get(option, "n")
        if value != "y":
            raise FormatError(
                f"kernel {kernel.release} has {option}={value}, and was added without its modules",
                hint="add it again with --modules, or build it with that option set to y",
            )


def _replace(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    temporary.write_bytes(content)
    temporary.rename(target)
