"""Files: a part of a root filesystem, read into memory; its links are followed inside it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_LINKS = 40
"""As many as Linux follows on one path (MAXSYMLINKS)."""


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


Node = dict[str, "Node"] | Link | bytes | None
"""A folder, a link, a file's content; None: something that is there, but was not read."""


def joined(folder: str, path: str) -> str:
    """Return *path*, as seen from *folder*, as an absolute path without ``.`` and ``..``."""
    whole = posixpath.normpath(posixpath.join(folder, path))
    return "/" + whole.lstrip("/")


def parent(path: str) -> str:
    """Return the folder that *path* is in."""
    return posixpath.dirname(path)


class Files:
    """Folders, files and links by absolute path.

    Args:
        nodes: What is at each path; folders hold their own children.
        read: The files whose contents were read; None: all of them.
    """

    def __init__(self, nodes: Mapping[str, Node], read: frozenset[str] | None = None) -> None:
        self._nodes = nodes
        self._read = read

    @classmethod
    def of(cls, entries: Mapping[str, bytes | str | Link]) -> Files:
        """Make files of ``{path: content or link}``; their folders come by themselves."""
        nodes: dict[str, Node] = {"/": {}}
        for path, entry in entries.items():
            node: Node = entry.encode() if isinstance(entry, str) else entry
            nodes[path] = node
            while path != "/":
                folder = nodes.setdefault(parent(path), {})
                assert isinstance(folder, dict), f"{parent(path)} is no folder"
                folder[posixpath.basename(path)] = node
                path, node = parent(path), folder
        return cls(nodes)

    def names(self, folder: str) -> list[str]:
        """Return what is in *folder*, sorted; nothing where there is no such folder."""
        real = self.resolve(folder)
        node = self._nodes.get(real) if real else None
        return sorted(node) if isinstance(node, dict) else []

    def target(self, path: str) -> str | None:
        """Return where the link at *path* leads, as it is written; None where it is no link."""
        folder = self.resolve(parent(path))
        node = self._nodes.get(joined(folder, posixpath.basename(path))) if folder else None
        return node.target if isinstance(node, Link) else None

    def read(self, path: str) -> bytes | None:
        """Return the content of the file at *path*; None where there is none that was read."""
        real = self.resolve(path)
        node = self._nodes.get(real) if real else None
        if not isinstance(node, bytes) or (self._read is not None and real not in self._read):
            return None
        return node

    def is_there(self, path: str) -> bool:
        """Return whether *path* exists."""
        return self.resolve(path) is not None

    def resolve(self, path: str) -> str | None:
        """Return the path without links that *path* leads to; None where it leads nowhere."""
        rest = [part for part in path.split("/") if part]
        real = "/"
        followed = 0
        while rest:
            part = rest.pop(0)
            if part in (".", ".."):
                real = parent(real) if part == ".." else real
                continue
            here = joined(real, part)
            if here not in self._nodes:
                return None
            node = self._nodes[here]
            if isinstance(node, Link):
                followed += 1
                if followed > _MOST_LINKS:
                    return None
                rest = [p for p in node.target.split("/") if p] + rest
                real = "/" if node.target.startswith("/") else real
            else:
                real = here
        return real
