"""Information on stored kernels: all of them, including damaged ones, or one by name."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bootwright.digest import Digest
from bootwright.errors import FormatError, NotFoundError
from bootwright.home import Home
from bootwright.host.trees import used_bytes
from bootwright.kernels.kernel import Part, kernel_store, load_kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelInfo:
    """A kernel under one of its names."""

    name: str
    release: str
    """What ``uname -r`` says."""
    digest: Digest
    source: str
    """Where it came from, for people."""
    parts: tuple[Part, ...]
    pvh: bool
    """Whether its vmlinux can be started without firmware and decompression."""
    boots: Part
    """The file that boots."""
    boots_bytes: int
    """Its size."""
    used_bytes: int
    added_s: int
    """When, in seconds since 1970."""
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedKernel:
    """A kernel that cannot be used; unknown fields are null."""

    name: str
    release: None = None
    digest: Digest
    source: None = None
    parts: None = None
    pvh: None = None
    boots: None = None
    boots_bytes: None = None
    used_bytes: int
    added_s: None = None
    path: Path
    damaged: str
    """What is wrong with it."""


def kernels(home: Home) -> tuple[KernelInfo | DamagedKernel, ...]:
    """Return all kernels, sorted by name."""
    return tuple(_either(home, name, digest) for name, digest in kernel_store(home).names().items())


def info(home: Home, name: str) -> KernelInfo:
    """Return the information on one kernel.

    Raises:
        NotFoundError: there is none.
        FormatError: it is damaged.
    """
    kernel = load_kernel(home, name)
    boots = kernel.fastest_file
    return KernelInfo(
        name=name,
        release=kernel.release,
        digest=kernel.digest,
        source=kernel.source,
        parts=kernel.parts,
        pvh=kernel.pvh,
        boots=boots,
        boots_bytes=(kernel.folder / boots).stat().st_size,
        used_bytes=used_bytes(kernel.folder),
        added_s=kernel.added_s,
        path=kernel.folder,
    )


def releases(home: Home, digests: Iterable[str]) -> dict[str, str]:
    """Return the releases of kernels, by their digests; those that are no longer stored are absent.

    Raises:
        HostError: the store cannot be read.
    """
    found: dict[str, str] = {}
    for digest in dict.fromkeys(digests):
        with suppress(NotFoundError, FormatError, FileNotFoundError):
            found[digest] = load_kernel(home, digest).release
    return found


def _either(home: Home, name: str, digest: Digest) -> KernelInfo | DamagedKernel:
    try:
        return info(home, name)
    except (FormatError, FileNotFoundError) as error:
        folder = kernel_store(home).path(digest)
        return DamagedKernel(
            name=name,
            digest=digest,
            used_bytes=used_bytes(folder),
            path=folder,
            damaged=str(error),
        )
