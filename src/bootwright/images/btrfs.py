"""Reading a btrfs without mounting it, as any user: its subvolumes, folders, links and small files.

Source: include/uapi/linux/btrfs_tree.h, and btrfs's on-disk format in the kernel's documentation.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bootwright.errors import FormatError, HostError
from bootwright.images.files import Link, Node, joined

_SUPERBLOCK, _NODE_HEADER_BYTES = 65536, 101
_INODE_ITEM, _INODE_REF, _DIR_ITEM, _DIR_INDEX, _EXTENT_DATA = 1, 12, 84, 96, 108
_ROOT_ITEM, _ROOT_REF, _CHUNK_ITEM = 132, 156, 228
_ROOT_TREE_DIR, _TOP_LEVEL = 6, 5
_ROOT_FOLDER = 256
_MIRRORED_ONLY = 0x20
"""DUP, of the bits that say how a chunk is spread; SINGLE is none of them."""
_SPREAD = 0x7F8
_LARGEST_NODE_BYTES = 65536
_DEEPEST = 8
_MOST_READS = 100_000
_NO_COMPRESSION, _ZLIB = 0, 1
_INLINE, _PREALLOCATED = 0, 2

Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Item:
    key: Key
    data: bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    """A name in a folder, and where it leads."""

    name: str
    target: Key
    kind: int


class Btrfs:
    """A btrfs on one disk.

    Args:
        disk: What it lies on, open for as long as this is used.
        offset_bytes: Where it begins.

    Raises:
        FormatError: it is damaged, or lies on several disks.
    """

    def __init__(self, disk: BinaryIO, offset_bytes: int = 0) -> None:
        self._disk = disk
        self._offset = offset_bytes
        self._reads = 0
        self._chunks: list[tuple[int, int, int]] = []  # logical start, length, physical start
        block = self._physical(_SUPERBLOCK, 4096)
        if block[64:72] != b"_BHRfS_M" or len(block) < 4096:
            raise _damaged("it has no superblock")
        self._root_tree, chunk_tree = struct.unpack_from("<QQ", block, 0x50)
        (self._node_bytes,) = struct.unpack_from("<I", block, 0x94)
        if not 512 <= self._node_bytes <= _LARGEST_NODE_BYTES:
            raise _damaged(f"its nodes are {self._node_bytes} bytes long")
        (length,) = struct.unpack_from("<I", block, 0xA0)
        self._take_system_chunks(block[0x32B : 0x32B + min(length, 2048)])
        for item in self._items(chunk_tree, (0, 0, 0), (1 << 64, 0, 0)):
            if item.key[1] == _CHUNK_ITEM:
                self._take_chunk(item.key[2], item.data)

    def default_subvolume(self) -> str:
        """Return the path of the subvolume that is mounted where none is named; empty: the top."""
        folder = (_ROOT_TREE_DIR, _DIR_ITEM, 0), (_ROOT_TREE_DIR, _DIR_ITEM + 1, 0)
        for item in self._items(self._root_tree, *folder):
            for entry in _entries(item.data):
                if entry.name == "default" and entry.target[0] != _TOP_LEVEL:
                    paths = {tree: path for path, tree in self.subvolumes().items()}
                    return paths.get(entry.target[0], "")
        return ""

    def subvolumes(self) -> dict[str, int]:
        """Return all subvolumes but the top level: ``{path from the top: number of its tree}``."""
        parents: dict[int, tuple[int, int, str]] = {}
        for item in self._items(self._root_tree, (_TOP_LEVEL, 0, 0), (1 << 64, 0, 0)):
            parent, kind, child = item.key
            if kind == _ROOT_REF:
                folder, _, length = struct.unpack_from("<QQH", item.data)
                parents[child] = (
                    parent,
                    folder,
                    item.data[18 : 18 + length].decode("utf-8", "replace"),
                )
        paths: dict[str, int] = {}
        for tree in parents:
            parts: list[str] = []
            at = tree
            while at != _TOP_LEVEL and at in parents and len(parts) < 64:
                at, folder, name = parents[at]
                parts += [name, *self._folder_names(at, folder)]
            paths["/".join(reversed(parts))] = tree
        return paths

    def subvolume(self, path: str) -> Subvolume:
        """Return a subvolume by its path from the top; empty: the default one, /: the top itself.

        Raises:
            FormatError: there is none.
        """
        path = path or self.default_subvolume()
        if path in ("", "/"):
            return Subvolume(self, _TOP_LEVEL)
        try:
            return Subvolume(self, self.subvolumes()[path])
        except KeyError:
            raise FormatError(f"its btrfs has no subvolume {path!r}") from None

    @property
    def top(self) -> Subvolume:
        """The top level."""
        return Subvolume(self, _TOP_LEVEL)

    def items(self, tree: int, start: Key, end: Key) -> Iterator[_Item]:
        """Yield what a subvolume's tree holds from *start* up to, but without, *end*."""
        return self._items(self._tree(tree), start, end)

    def read(self, logical: int, length: int) -> bytes:
        """Return what lies at an address of the filesystem's own."""
        self._reads += 1
        if self._reads > _MOST_READS:
            raise _damaged("its trees lead in circles")
        for start, size, physical in self._chunks:
            if start <= logical and logical + length <= start + size:
                found = self._physical(physical + logical - start, length)
                if len(found) == length:
                    return found
        raise _damaged(f"nothing lies at {logical}")

    def _tree(self, number: int) -> int:
        for item in self._items(
            self._root_tree, (number, _ROOT_ITEM, 0), (number, _ROOT_ITEM + 1, 0)
        ):
            if len(item.data) >= 184:
                return int(struct.unpack_from("<Q", item.data, 176)[0])
        raise _damaged(f"it has no tree {number}")

    def _folder_names(self, tree: int, inode: int) -> list[str]:
        """Return the names of the folders above a folder in its tree, and its own, upwards."""
        names: list[str] = []
        while inode != _ROOT_FOLDER and len(names) < 64:
            found = list(self.items(tree, (inode, _INODE_REF, 0), (inode, _INODE_REF + 1, 0)))
            if not found or len(found[0].data) < 10:
                break
            (length,) = struct.unpack_from("<H", found[0].data, 8)
            names.append(found[0].data[10 : 10 + length].decode("utf-8", "replace"))
            inode = found[0].key[2]
        return names

    def _items(self, node: int, start: Key, end: Key, depth: int = 0) -> Iterator[_Item]:
        content = self.read(node, self._node_bytes)
        count, level = struct.unpack_from("<IB", content, 0x60)
        if depth > _DEEPEST:
            raise _damaged("its trees are deeper than they can be")
        try:
            if level == 0:
                yield from _leaf(content, count, start, end)
                return
            children = [
                struct.unpack_from("<QBQQ", content, _NODE_HEADER_BYTES + 33 * index)
                for index in range(count)
            ]
        except struct.error as error:
            raise _damaged(f"node {node} is cut short") from error
        for index, (one, two, three, child) in enumerate(children):
            following = children[index + 1][:3] if index + 1 < count else (1 << 64, 0, 0)
            if (one, two, three) < end and start < following:
                yield from self._items(child, start, end, depth + 1)

    def _take_system_chunks(self, table: bytes) -> None:
        position = 0
        while position + 17 + 48 <= len(table):
            _, kind, logical = struct.unpack_from("<QBQ", table, position)
            if kind != _CHUNK_ITEM:
                break
            position += 17
            (stripes,) = struct.unpack_from("<H", table, position + 44)
            length = 48 + 32 * stripes
            self._take_chunk(logical, table[position : position + length])
            position += length

    def _take_chunk(self, logical: int, data: bytes) -> None:
        if len(data) < 48 + 32:
            raise _damaged("a chunk is cut short")
        length, _, _, spread = struct.unpack_from("<QQQQ", data)
        if spread & _SPREAD & ~_MIRRORED_ONLY:
            raise FormatError("its btrfs is a RAID", hint="btrfs balance to the profile single")
        (physical,) = struct.unpack_from("<Q", data, 48 + 8)
        self._chunks.append((logical, length, physical))

    def _physical(self, position: int, length: int) -> bytes:
        if self._offset + position > self._disk.seek(0, os.SEEK_END):
            return b""
        self._disk.seek(self._offset + position)
        return self._disk.read(length)


class Subvolume:
    """One subvolume, asked about many paths at once (see `reading`), none of which has a link."""

    def __init__(self, filesystem: Btrfs, tree: int) -> None:
        self._filesystem = filesystem
        # path: the tree and the inode that it is
        self._places: dict[str, tuple[int, int]] = {"/": (tree, _ROOT_FOLDER)}

    def list(self, folders: Iterable[str]) -> dict[str, dict[str, Node]]:
        """Return what is in each of *folders*; links without targets, files without contents."""
        found: dict[str, dict[str, Node]] = {}
        for folder in folders:
            tree, inode = self._places[folder]
            found[folder] = {}
            span = (inode, _DIR_INDEX, 0), (inode, _DIR_INDEX + 1, 0)
            for item in self._filesystem.items(tree, *span):
                for entry in _entries(item.data):
                    if not entry.name or "/" in entry.name:
                        continue
                    is_subvolume = entry.target[1] == _ROOT_ITEM
                    self._places[joined(folder, entry.name)] = (
                        (entry.target[0], _ROOT_FOLDER) if is_subvolume else (tree, entry.target[0])
                    )
                    found[folder][entry.name] = _node(entry.kind)
        return found

    def targets(self, links: Iterable[str]) -> dict[str, str]:
        """Return where each of *links* leads."""
        return {path: self._content(path).decode("utf-8", "replace") for path in links}

    def contents(self, files: Iterable[str]) -> dict[str, bytes]:
        """Return what is in each of *files*."""
        return {path: self._content(path) for path in files}

    def _content(self, path: str) -> bytes:
        tree, inode = self._places[path]
        size = 0
        content = bytearray()
        for item in self._filesystem.items(tree, (inode, 0, 0), (inode, _EXTENT_DATA + 1, 0)):
            if item.key[1] == _INODE_ITEM:
                (size,) = struct.unpack_from("<Q", item.data, 16)
            elif item.key[1] == _EXTENT_DATA and size <= LARGEST_BYTES:
                content.extend(bytes(max(0, item.key[2] - len(content))))
                content.extend(_extent(item.data, self._filesystem.read))
        if size > LARGEST_BYTES:
            return b""  # no text that decides a boot
        return bytes(content[:size]).ljust(size, b"\0")


LARGEST_BYTES = 1 << 20
"""What is larger is not read."""


def _extent(data: bytes, read: Callable[[int, int], bytes]) -> bytes:
    if len(data) < 21:
        raise _damaged("an extent is cut short")
    (unpacked,) = struct.unpack_from("<Q", data, 8)
    compression, kind = data[16], data[20]
    if kind == _INLINE:
        return _unpacked(data[21:], compression, unpacked)
    address, stored, offset, length = struct.unpack_from("<QQQQ", data, 21)
    if kind == _PREALLOCATED or address == 0:
        return bytes(min(length, LARGEST_BYTES))
    if compression == _NO_COMPRESSION:
        return read(address + offset, min(length, LARGEST_BYTES))
    return _unpacked(read(address, stored), compression, unpacked)[offset : offset + length]


def _unpacked(data: bytes, compression: int, size: int) -> bytes:
    if compression == _NO_COMPRESSION:
        return data
    if compression == _ZLIB:
        return zlib.decompressobj().decompress(data, min(size, LARGEST_BYTES) or 1)
    raise HostError(
        "a file of its btrfs is compressed (lzo or zstd), which only a mount can read",
        hint="as root it is mounted",
    )


def _leaf(content: bytes, count: int, start: Key, end: Key) -> Iterator[_Item]:
    for index in range(count):
        one, two, three, offset, size = struct.unpack_from(
            "<QBQII", content, _NODE_HEADER_BYTES + 25 * index
        )
        if start <= (one, two, three) < end:
            begin = _NODE_HEADER_BYTES + offset
            yield _Item((one, two, three), content[begin : begin + size])


def _entries(data: bytes) -> Iterator[_Entry]:
    """Yield what a folder's item holds; names with one hash share an item."""
    position = 0
    while position + 30 <= len(data):
        one, two, three, _, extra, length, kind = struct.unpack_from("<QBQQHHB", data, position)
        name = data[position + 30 : position + 30 + length].decode("utf-8", "replace")
        yield _Entry(name, (one, two, three), kind)
        position += 30 + length + extra


def _node(kind: int) -> Node:
    """Return what stands for an entry of a folder; see BTRFS_FT_* in btrfs_tree.h."""
    if kind == 2:
        return {}
    if kind == 7:
        return Link("")
    return b"" if kind == 1 else None


def _damaged(why: str) -> FormatError:
    return FormatError(f"its btrfs cannot be read: {why}", hint="btrfs check --readonly says more")
