"""cpio archives in the "newc" form, the one that kernels unpack.

Source: Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat

from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file, folder, link or device node; all belong to root."""

    path: str
    """Without a slash at its start."""
    mode: int
    """Type and permissions, as in stat(2)."""
    content: bytes = b""
    """A file's content, or a link's target."""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a device node."""


def folder(path: str, mode: int = 0o755) -> Entry:
    """Return a folder."""
    return Entry(path=path, mode=stat.S_IFDIR | mode)


def file(path: str, content: bytes, mode: int = 0o644) -> Entry:
    """Return a regular file."""
    return Entry(path=path, mode=stat.S_IFREG | mode, content=content)


def link(path: str, target: str) -> Entry:
    """Return a symbolic link."""
    return Entry(path=path, mode=stat.S_IFLNK | 0o777, content=target.encode())


def character_device(path: str, major: int, minor: int) -> Entry:
    """Return a character device; needs no root, as it is only written down."""
    return Entry(path=path, mode=stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: list[Entry]) -> bytes:
    """Return the archive of *entries*; folders that their paths need are added before them.

    The result is a multiple of four bytes long, so that another archive can follow it.
    """
    parts: list[bytes] = []  # joined once: megabytes are copied only then
    seen: set[str] = set()
    inode = 0

    def add(entry: Entry) -> None:
        nonlocal inode
        inode += 1
        name = entry.path.encode() + b"\0"
        fields = (
            inode,
            entry.mode,
            0,  # uid
            0,  # gid
            2 if stat.S_ISDIR(entry.mode) else 1,  # links
            0,  # mtime: equal content makes equal archives
            len(entry.content),
            0,
            0,
            *entry.device,
            len(name),
            0,  # check
        )
        head = b"070701" + b"%08X" * len(fields) % fields + name
        parts.extend((head, bytes(-len(head) % 4)))
        parts.extend((entry.content, bytes(-len(entry.content) % 4)))

    for entry in entries:
        names = entry.path.split("/")
        for depth in range(1, len(names)):
            parent = "/".join(names[:depth])
            if parent not in seen:
                seen.add(parent)
                add(folder(parent))
        if entry.path not in seen:
            seen.add(entry.path)
            add(entry)
    add(Entry(path="TRAILER!!!", mode=0))
    return b"".join(parts)
