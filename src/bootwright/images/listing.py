"""What is known of stored images: for a list of all, damaged ones too, and of one by its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bootwright.digest import Digest
from bootwright.errors import FormatError
from bootwright.home import Home
from bootwright.host.trees import used_bytes
from bootwright.images.image import Filesystem, image_store, load_image


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """An image under one of its names."""

    name: str
    digest: Digest
    source: str
    """Where it came from, for people."""
    filesystem: Filesystem
    partition: int
    """The root's partition, 1 upwards; 0: the whole disk is the filesystem."""
    subvolume: str
    """Of a btrfs, its path; empty: the one that is mounted by default."""
    suite: str
    """The Debian suite that it is; empty: another system, or unknown."""
    include: tuple[str, ...]
    """The packages that it was built to include."""
    size_bytes: int
    """The size of the disk that a guest sees."""
    used_bytes: int
    """The space that it takes."""
    added_s: int
    """When, in seconds since 1970."""
    path: Path
    """The raw disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedImage:
    """An image that cannot be used; unknown fields are null."""

    name: str
    digest: Digest
    source: None = None
    filesystem: None = None
    partition: None = None
    subvolume: None = None
    suite: None = None
    include: None = None
    size_bytes: None = None
    used_bytes: int
    added_s: None = None
    path: Path
    damaged: str
    """What is wrong with it."""


def images(home: Home) -> tuple[ImageInfo | DamagedImage, ...]:
    """Return all images, by their names."""
    return tuple(_either(home, name, digest) for name, digest in image_store(home).names().items())


def info(home: Home, name: str) -> ImageInfo:
    """Return what is known of one image.

    Raises:
        NotFoundError: there is none.
        FormatError: it is damaged.
    """
    image = load_image(home, name)
    return ImageInfo(
        name=name,
        digest=image.digest,
        source=image.source,
        filesystem=image.filesystem,
        partition=image.partition,
        subvolume=image.subvolume,
        suite=image.suite,
        include=image.include,
        size_bytes=image.size_bytes,
        used_bytes=used_bytes(image.folder),
        added_s=image.added_s,
        path=image.disk,
    )


def _either(home: Home, name: str, digest: Digest) -> ImageInfo | DamagedImage:
    try:
        return info(home, name)
    except (FormatError, FileNotFoundError) as error:
        folder = image_store(home).path(digest)
        return DamagedImage(
            name=name,
            digest=digest,
            used_bytes=used_bytes(folder),
            path=folder / "disk.raw",
            damaged=str(error),
        )
