"""Content digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NewType

from bootwright.events import Observer, Progress, ignore

Digest = NewType("Digest", str)
"""``sha256-`` and 64 hexadecimal digits. The dash makes it a valid file name."""

PREFIX = "sha256-"
BLOCK_BYTES = 1 << 16
_ZERO_BLOCK = bytes(BLOCK_BYTES)


def is_digest(text: str) -> bool:
    """Test whether *text* is a complete digest."""
    digits = text.removeprefix(PREFIX)
    return text.startswith(PREFIX) and len(digits) == 64 and set(digits) <= set("0123456789abcdef")


def short_digest(digest: str) -> str:
    """Return the first twelve digits, for display."""
    return digest.removeprefix(PREFIX)[:12]


def digest_of_bytes(content: bytes) -> Digest:
    """Return the digest of *content*."""
    return Digest(PREFIX + hashlib.sha256(content).hexdigest())


def digest_of_file(path: Path) -> Digest:
    """Return the digest of the file at *path*."""
    with path.open("rb") as file:
        return Digest(PREFIX + hashlib.file_digest(file, "sha256").hexdigest())


def digest_of_tree(folder: Path) -> Digest:
    """Return the digest of all files and links below *folder*: their names and contents."""
    outer = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            content = "link " + os.readlink(path)
        elif path.is_file():
            content = digest_of_file(path)
        else:
            continue
        outer.update(f"{path.relative_to(folder)}\0{content}\0".encode())
    return Digest(PREFIX + outer.hexdigest())


def digest_of_disk(path: Path, observe: Observer = ignore) -> Digest:
    """Compute the digest of a disk image, reading only its data, not its holes.

    Only nonzero blocks and their offsets count, so an image and a copy with other holes have the
    same digest.

    Args:
        path: The raw image; sparse or not.
        observe: Receives `Progress`.

    Source: lseek(2), SEEK_DATA and SEEK_HOLE.
    """
    outer = hashlib.sha256()
    step = "naming it by its content"
    observe(Progress(step=step, share=0.0))
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        outer.update(f"disk {size}\n".encode())
        end = 0
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == 6:  # ENXIO: only a hole is left
                    break
                raise
            extent_end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            offset = max(end, start - start % BLOCK_BYTES)
            while offset < extent_end:
                block = os.pread(file.fileno(), BLOCK_BYTES, offset)
                if block != _ZERO_BLOCK[: len(block)]:
                    outer.update(f"{offset}\n".encode())
                    outer.update(block)
                offset += BLOCK_BYTES
            end = offset
            observe(Progress(step=step, share=min(1.0, end / size)))
    observe(Progress(step=step, share=1.0))
    return Digest(PREFIX + outer.hexdigest())
