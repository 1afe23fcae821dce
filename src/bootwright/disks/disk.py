"""What every kind of disk must offer, and what a VMM attaches of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from bootwright.events import Observer
from bootwright.images.image import Image
from bootwright.values import dataclass

Form = Literal["raw", "qcow2", "memory"]
"""How a VMM is to read a drive. ``memory``: raw bytes, mapped privately as persistent memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """One drive, as facts: each VMM says them in its own words."""

    path: Path
    form: Form
    size_bytes: int
    is_read_only: bool = False
    is_block_device: bool = False
    """Whether it is a device of the host, and no file."""
    is_direct: bool = False
    """Whether the VMM is to go past the host's page cache, as the same bytes are cached below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLocation:
    """One machine's disk: where its files lie, and what it is made from."""

    folder: Path
    """The machine's own; it lasts as long as the machine."""
    image: Path
    """The raw image; absolute. Nobody ever writes to it."""
    image_bytes: int
    size_bytes: int
    """The disk's size, not smaller than the image."""
    cache: Path
    """For what can be made again; it may vanish at any time."""
    device: str = ""
    """What a block device of the run may be called; no other machine of this host has that."""
    kept: bool = False
    """Whether the disk is to outlive the run."""


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
    """To be called once the VMM has opened the drives: from then on they end with it."""
    low_on_space: Callable[[], str] = lambda: ""
    """Says why the guest must not write on; "" while it may. Only of kinds where a full host
    disk would otherwise reach the guest as an I/O error: of others the VMM hears itself."""
    watch_s: float = 1.0
    """How often to ask that."""


def _takes_any(image: Image, disk_bytes: int) -> None:
    """Most kinds take every image, at every size."""


def _lacks_nothing(place: DiskLocation) -> Unsupported | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskKind:
    """One kind of disk."""

    name: str
    summary: str
    """One line for people."""
    advantage: str
    """Why it is taken where it works: half a sentence."""
    form: Form
    """Of its drives: what a VMM must be able to read."""
    make: Callable[[DiskLocation, Observer], None]
    """Make what lasts as long as the machine, in its folder; what the observer raises stops it.

    Raises:
        HostError: there is no room, or the host refused.
    """
    drives: Callable[[DiskLocation], tuple[Drive, ...]]
    """Say what a VMM attaches, touching nothing; the first drive holds the image."""
    opened: Callable[[DiskLocation], AbstractContextManager[OpenedDisk]] | None = None
    """Take what the disk needs of the kernel while it is used; None: its files are all."""
    check: Callable[[Image, int], None] = _takes_any
    """Raise InputError where it cannot be made of an image, at a size in bytes."""
    lack: Callable[[DiskLocation], Unsupported | None] = _lacks_nothing
    """Say what the host lacks for it; *place* need not exist yet."""
    modules: tuple[str, ...] = ()
    """What it needs of the guest's kernel, beside the drives' own drivers."""
    mount_options: str = ""
    """What the guest mounts the image with."""
    is_joined: bool = False
    """Whether its second drive is what the guest writes to, joined over the first in the guest."""
    volatile: str = ""
    """The guest's name for its drive, if nothing on it outlives the VM: nothing need be flushed."""
    is_slow: bool = False
    """Whether making it takes the longer the larger the image is."""

    @property
    def can_be_kept(self) -> bool:
        """Whether it can outlive its VM."""
        return not self.volatile
