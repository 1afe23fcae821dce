"""Image: an immutable root filesystem, and the shelf that holds them."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from bootwright.digest import Digest, digest_of_disk
from bootwright.errors import FormatError
from bootwright.events import Observer, ignore
from bootwright.home import Home
from bootwright.store import NAME_PATTERN, Store
from bootwright.values import dataclass

Filesystem = Literal["ext4", "xfs", "btrfs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One stored root filesystem."""

    digest: Digest
    folder: Path
    source: str
    """Where it came from, for people."""
    added_s: int
    """When, in seconds since 1970."""
    size_bytes: int
    """The size of the disk that a guest sees; the file has holes and takes less."""
    filesystem: Filesystem
    partition: int
    """The root's partition, 1 upwards; 0: the whole disk is the filesystem."""
    subvolume: str = ""
    """Of a btrfs, its path; empty: the one that is mounted by default."""
    suite: str = ""
    """The Debian suite that it is, such as ``trixie``; empty: another system, or unknown."""
    include: tuple[str, ...] = ()
    """The packages that it was built to include, beside Debian's and those that one needs to log
    in."""

    @property
    def mount_options(self) -> str:
        """How the root is mounted, beside what its disk asks for."""
        return f"subvol={self.subvolume}" if self.subvolume else ""

    @property
    def disk(self) -> Path:
        """The raw disk."""
        return self.folder / "disk.raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Description:
    """What ``image.json`` holds."""

    source: str
    added_s: int
    size_bytes: int
    filesystem: Filesystem
    partition: int
    subvolume: str = ""
    suite: str = ""
    include: tuple[str, ...] = ()


def image_store(home: Home) -> Store:
    """Return the store of images."""
    return Store(home.images, "image", _making)


def _making(name: str) -> str:
    """Return the command that builds the image *name*."""
    word = name if NAME_PATTERN.fullmatch(name) else "NAME"
    return f"bootwright image build {word} --debian bookworm"


def load_image(home: Home, reference: str) -> Image:
    """Return the image that *reference* names, by name or digest.

    Raises:
        NotFoundError: there is none.
        FormatError: its description cannot be read, or its disk was cut short.
    """
    digest, folder, description = image_store(home).describe(reference, _Description)
    image = Image(
        digest=digest,
        folder=folder,
        source=description.source,
        added_s=description.added_s,
        size_bytes=description.size_bytes,
        filesystem=description.filesystem,
        partition=description.partition,
        subvolume=description.subvolume,
        suite=description.suite or _suite_built(description.source),
        include=description.include,
    )
    size_bytes = image.disk.stat().st_size if image.disk.exists() else 0
    if size_bytes != image.size_bytes:
        raise FormatError(
            f"image {reference!r} is damaged: {image.disk} has {size_bytes} bytes, "
            f"not {image.size_bytes}",
            hint=f"bootwright image rm {reference}, then make it again",
        )
    return image


def _suite_built(source: str) -> str:
    """Return the suite of an image that was built before images had one beside their source."""
    words = source.split()
    return words[1] if words[:1] == ["Debian"] and len(words) > 1 else ""


def store_image(
    home: Home,
    staged: Path,
    *,
    name: str,
    source: str,
    filesystem: Filesystem,
    partition: int = 0,
    subvolume: str = "",
    suite: str = "",
    include: tuple[str, ...] = (),
    replace: bool = False,
    observe: Observer = ignore,
) -> Image:
    """Store the image whose ``disk.raw`` lies in the folder *staged*, under *name*.

    Args:
        replace: Whether to take the name from another image that has it.

    Raises:
        InputError: another image has the name.
    """
    store = image_store(home)
    disk = staged / "disk.raw"
    digest = digest_of_disk(disk, observe)
    description = _Description(
        source=source,
        added_s=int(time.time()),
        size_bytes=disk.stat().st_size,
        filesystem=filesystem,
        partition=partition,
        subvolume=subvolume,
        suite=suite,
        include=include,
    )
    if not replace:
        store.require_free(name, digest)
    store.description(staged).write_bytes(msgspec.json.encode(description))
    disk.chmod(0o444)
    store.adopt(staged, digest)
    store.tag(name, digest, replace=replace)
    return load_image(home, name)


def note_include(home: Home, image: Image, include: tuple[str, ...]) -> None:
    """Note in the description of *image* what it includes, if an older version did not."""
    store = image_store(home)
    _, folder, description = store.describe(image.digest, _Description)
    file = store.description(folder)
    staged = file.with_name(f".{file.name}-{os.getpid()}")
    staged.write_bytes(msgspec.json.encode(replace(description, include=include)))
    staged.rename(file)
