"""The interface of a disk kind, and the drives that a VMM attaches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from bootwright.events import Observer
from bootwright.images.image import Image
from bootwright.values import dataclass

Form = Literal["raw", "qcow2", "memory"]
"""How a VMM reads a drive. ``memory``: raw bytes, mapped privately as persistent memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """One drive, independent of the VMM."""

    path: Path
    form: Form
    size_bytes: int
    is_read_only: bool = False
    is_block_device: bool = False
    """Whether it is a device of the host, not a file."""
    is_direct: bool = False
    """Whether the VMM bypasses the host's page cache, since a layer below caches the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLocation:
    """The paths and sizes of one machine's disk."""

    folder: Path
    """The machine's folder; it lasts as long as the machine."""
    image: Path
    """The raw image; absolute. It is never written to."""
    image_bytes: int
    size_bytes: int
    """The disk's size, not smaller than the image."""
    cache: Path
    """For files that can be made again; they may vanish at any time."""
    device: str = ""
    """The name for a block device of the run; unique on this host."""
    kept: bool = False
    """Whether the disk outlives the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """Why a kind of disk does not work here."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDisk:
    """A disk for the length of one run."""

    drives: tuple[Drive, ...]
    held: Callable[[], None] = lambda: None
    """Call it once the VMM has opened the drives: from then on they end with the VMM."""
    low_on_space: Callable[[], str] = lambda: ""
    """Returns why the guest must stop writing; "" while it may. Only for kinds where a full host
    disk would otherwise reach the guest as an I/O error: for others the VMM notices it."""
    watch_s: float = 1.0
    """How often to call `low_on_space`, in seconds."""


def _takes_any(image: Image, disk_bytes: int) -> None:
    """Accept every image at every size, as most kinds do."""


def _always_supported(place: DiskLocation) -> Unsupported | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskKind:
    """One kind of disk."""

    name: str
    summary: str
    """One line for users."""
    advantage: str
    """Why it is chosen where it works: a clause."""
    form: Form
    """The form of its drives, which a VMM must be able to read."""
    make: Callable[[DiskLocation, Observer], None]
    """Make the files that last as long as the machine, in its folder; the observer may raise.

    Raises:
        HostError: there is no room, or the host refused.
    """
    drives: Callable[[DiskLocation], tuple[Drive, ...]]
    """Return the drives that a VMM attaches, without side effects; the first holds the image."""
    opened: Callable[[DiskLocation], AbstractContextManager[OpenedDisk]] | None = None
    """Acquire the disk's kernel devices for the block; None: it needs files only."""
    check: Callable[[Image, int], None] = _takes_any
    """Raise InputError if it cannot be made from an image at a size in bytes."""
    unsupported: Callable[[DiskLocation], Unsupported | None] = _always_supported
    """Return why the host does not support it, if so; *place* need not exist yet."""
    modules: tuple[str, ...] = ()
    """Kernel modules that the guest needs besides the drives' own drivers."""
    mount_options: str = ""
    """The guest's mount options for the image."""
    is_joined: bool = False
    """Whether the guest writes to a second drive, joined over the first with overlayfs."""
    volatile: str = ""
    """The guest's name for its drive, if nothing on it outlives the VM, so no flush is needed."""
    is_slow: bool = False
    """Whether the time to make it grows with the image."""

    @property
    def can_be_kept(self) -> bool:
        """Whether it can outlive its VM."""
        return not self.volatile
