"""Reading files out of an image without booting it, and without root where that is possible.

ext4 is read by e2fsprogs' debugfs and btrfs by `btrfs`, as any user. xfs is mounted read-only, in a
mount namespace of its own, which takes root; for root, so is btrfs. In each case the image's links
are followed by us, inside the image: what a stranger's image says never makes us read or write a
file of this host.

Source: debugfs(8); ext2fs_open2() in lib/ext2fs/openfs.c for ``FILE?offset=N``.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bootwright.errors import FormatError, HostError
from bootwright.host import commands, tools
from bootwright.host.namespaces import end_sealed, sealed
from bootwright.images import disklayout
from bootwright.images.btrfs import Btrfs
from bootwright.images.disklayout import Root
from bootwright.images.files import Files, Link, Node, joined, parent
from bootwright.images.image import Image

_LARGEST_BYTES = 8 << 20
"""What is larger than this is no text that decides a boot; it is seen, but not read."""
_ROUNDS = 64
"""Deeper than any path of interest, with its links."""

_UNMOUNT_S = 10
"""Nobody else can use the mount, so it ends at once; or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to read of an image."""

    contents: tuple[str, ...]
    """Files and folders, absolute; of a folder all that is below it."""
    names: tuple[str, ...] = ()
    """Folders of which only the names are wanted, not what is below them."""


def read(image: Image, wanted: Wanted) -> Files:
    """Read what is *wanted* of *image*, with all that its links lead to.

    Raises:
        HostError: debugfs is missing, or the filesystem can be read by root alone.
        FormatError: the filesystem is damaged.
    """
    root = Root(filesystem=image.filesystem, partition=image.partition, subvolume=image.subvolume)
    return read_root(image.disk, root, wanted)


def read_root(disk: Path, root: Root, wanted: Wanted) -> Files:
    """Read what is *wanted* of the root filesystem on a raw disk; see `read`."""
    with disk.open("rb") as file:
        offset = disklayout.start_bytes(file, root.partition)
        if root.filesystem == "ext4":
            return _gather(_Ext4(disk, offset), wanted)
        if root.filesystem == "btrfs" and os.geteuid() != 0:
            return _gather(Btrfs(file, offset).subvolume(root.subvolume), wanted)
    with _mounted(disk, root, offset) as point:
        return _gather(_Mount(point), wanted)


class _Disk(Protocol):
    """A filesystem, asked about many paths at once. No path leads through a link."""

    def list(self, folders: Iterable[str]) -> dict[str, dict[str, Node]]:
        """Return what is in each of *folders*; links without targets, files without contents."""
        ...

    def targets(self, links: Iterable[str]) -> dict[str, str]:
        """Return where each of *links* leads."""
        ...

    def contents(self, files: Iterable[str]) -> dict[str, bytes]:
        """Return what is in each of *files*."""
        ...


def _gather(disk: _Disk, wanted: Wanted) -> Files:
    """Ask *disk* for what is wanted, level by level, each level in one go."""
    nodes: dict[str, Node] = {"/": {}}
    listed: set[str] = set()
    scope = _Scope(wanted)
    for _ in range(_ROUNDS):
        folders = [p for p, n in nodes.items() if isinstance(n, dict) and scope.is_listed(p)]
        new = [path for path in folders if path not in listed]
        for folder, children in disk.list(new).items():
            nodes[folder] = children
            nodes.update({joined(folder, name): child for name, child in children.items()})
        listed.update(new)
        links = [p for p, n in nodes.items() if n == Link("") and scope.matters(p)]
        nodes.update({path: Link(target) for path, target in disk.targets(links).items()})
        # A link that was known before may be on the way to what is wanted only now.
        if not scope.follow(nodes) and not new and not links:
            break
    files = [p for p, n in nodes.items() if isinstance(n, bytes) and scope.is_read(p)]
    return Files({**nodes, **disk.contents(files)}, read=frozenset(files))


class _Scope:
    """Which paths matter; grows by where links on the way to them lead."""

    def __init__(self, wanted: Wanted) -> None:
        self._contents = set(wanted.contents)
        self._names = set(wanted.names)
        self._on_the_way = {up for path in (*wanted.contents, *wanted.names) for up in _above(path)}

    def is_read(self, path: str) -> bool:
        return path in self._contents or any(up in self._contents for up in _above(path))

    def is_listed(self, path: str) -> bool:
        return path in self._on_the_way or path in self._names or self.is_read(path)

    def matters(self, path: str) -> bool:
        return self.is_listed(path) or parent(path) in self._names

    def follow(self, nodes: Mapping[str, Node]) -> bool:
        """Let what links on the way to wanted paths stand for be wanted too.

        Returns:
            Whether anything is wanted now that was not before.
        """
        before = len(self._contents) + len(self._names)
        for path, node in nodes.items():
            if not isinstance(node, Link) or not node.target:
                continue
            target = joined(parent(path), node.target)
            for paths in (self._contents, self._names):
                below = [p for p in paths if p == path or p.startswith(f"{path}/")]
                self._want(paths, [target + p[len(path) :] for p in below])
            if self.is_read(path):
                self._want(self._contents, [target])
        return len(self._contents) + len(self._names) > before

    def _want(self, paths: set[str], new: Iterable[str]) -> None:
        for path in new:
            if len(path) < 4096:
                paths.add(path)
                self._on_the_way.update(_above(path))


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = parent(path)
        yield path


class _Ext4:
    """An ext4 filesystem in a file, by debugfs; one process for each question.

    Files are named by their inode numbers, so that no name from the image is ever part of a
    command.
    """

    def __init__(self, disk: Path, offset_bytes: int) -> None:
        [self._debugfs] = tools.require("debugfs")
        self._device = f"{disk}?offset={offset_bytes}" if offset_bytes else str(disk)
        self._inodes: dict[str, tuple[int, int]] = {"/": (2, 0)}  # path: (inode, size)

    def list(self, folders: Iterable[str]) -> dict[str, dict[str, Node]]:
        paths = tuple(folders)
        found: dict[str, dict[str, Node]] = {}
        for path, text in self._texts("ls -p", paths).items():
            found[path] = {}
            # A name with a slash or a newline, which a damaged folder may have, matches no row.
            for inode, mode, name, size in _ROW.findall(text):
                if name in (".", ".."):
                    continue
                self._inodes[joined(path, name)] = (int(inode), int(size or 0))
                if node := _node(int(mode, 8), int(size or 0)):
                    found[path][name] = node[0]
        return found

    def targets(self, links: Iterable[str]) -> dict[str, str]:
        paths = tuple(links)
        found = {}
        for path, text in self._texts("stat", paths).items():
            fast = _FAST_LINK.search(text)
            # Longer ones lie in a block of their own, as a file's content does.
            found[path] = fast[1] if fast else self.contents([path])[path].decode(errors="replace")
        return found

    def contents(self, files: Iterable[str]) -> dict[str, bytes]:
        paths = tuple(files)
        output = self._ask("cat", paths)
        found = {}
        position = 0
        for path in paths:
            inode, size = self._inodes[path]
            start = position + len(_echo("cat", inode))
            if output[position:start] != _echo("cat", inode) or len(output) < start + size:
                raise self._damaged(f"{path} cannot be read")
            position = start + size
            found[path] = output[start:position]
        return found

    def _texts(self, verb: str, paths: tuple[str, ...]) -> dict[str, str]:
        """Return what debugfs says of each path, in words."""
        output = self._ask(verb, paths)
        found = {}
        position = 0
        for index, path in enumerate(paths):
            echo = _echo(verb, self._inodes[path][0])
            start = output.find(echo, position) + len(echo)
            if start < len(echo):
                raise self._damaged(f"{path} cannot be read")
            last = index + 1 == len(paths)
            position = (
                len(output)
                if last
                else output.find(_echo(verb, self._inodes[paths[index + 1]][0]), start)
            )
            found[path] = output[start:position].decode(errors="replace")
        return found

    def _ask(self, verb: str, paths: tuple[str, ...]) -> bytes:
        if not paths:
            return b""
        script = "".join(f"{verb} <{self._inodes[path][0]}>\n" for path in paths)
        # -c leaves out the bitmaps, which nobody needs who only reads.
        argv = [str(self._debugfs), "-c", "-f", "-", self._device]
        commands.announce(argv)
        done = subprocess.run(argv, input=script.encode(), capture_output=True)
        problems = [
            line
            for line in done.stderr.decode(errors="replace").splitlines()
            if not line.startswith("debugfs ")  # its version
        ]
        if problems:
            raise self._damaged(problems[0])
        return done.stdout

    def _damaged(self, why: str) -> FormatError:
        return FormatError(
            f"{self._device} cannot be read: {why}",
            hint="e2fsck -fn says what is wrong with the filesystem",
        )


_ROW = re.compile(r"^/(\d+)/(\d+)/\d+/\d+/([^/\n]+)/(\d*)/$", re.MULTILINE)
_FAST_LINK = re.compile(r'^Fast link dest: "(.*)"$', re.MULTILINE)


def _echo(verb: str, inode: int) -> bytes:
    """Return how debugfs repeats a command of a script before it carries it out."""
    return f"debugfs: {verb} <{inode}>\n".encode()


class _Mount:
    """A mounted filesystem. Its links are read, never followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self, folders: Iterable[str]) -> dict[str, dict[str, Node]]:
        found: dict[str, dict[str, Node]] = {}
        for folder in folders:
            found[folder] = {}
            with os.scandir(self._host_path(folder)) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if node := _node(status.st_mode, status.st_size):
                        found[folder][entry.name] = node[0]
        return found

    def targets(self, links: Iterable[str]) -> dict[str, str]:
        return {path: os.readlink(self._host_path(path)) for path in links}

    def contents(self, files: Iterable[str]) -> dict[str, bytes]:
        return {path: self._host_path(path).read_bytes() for path in files}

    def _host_path(self, path: str) -> Path:
        return self._root / path.strip("/")


def _node(mode: int, size: int) -> tuple[Node] | None:
    if stat.S_ISDIR(mode):
        return ({},)
    if stat.S_ISLNK(mode):
        return (Link(""),)
    if stat.S_ISREG(mode):
        return (b"" if size <= _LARGEST_BYTES else None,)
    return (None,)  # a device or a socket: it is there


@contextmanager
def _mounted(disk: Path, root: Root, offset_bytes: int) -> Iterator[Path]:
    """Mount it for the length of the block; give the path under which it can be seen.

    The mount lives in the namespace of a process that ends with us, however we end; with it go the
    mount and its loop device.

    Source: mount_namespaces(7); /proc/PID/root in proc(5); LO_FLAGS_AUTOCLEAR in loop(4).
    """
    if os.geteuid() != 0:
        raise HostError(
            f"only root can read an image with {root.filesystem}, as it must be mounted",
            hint="use sudo, or make the image again from a tar archive, which gives ext4",
        )
    options = f"ro,loop,offset={offset_bytes}"
    options += ",norecovery,nouuid" if root.filesystem == "xfs" else ""
    options += f",subvol={root.subvolume}" if root.subvolume else ""
    # The folder that is covered is the image's own: only this namespace sees it so.
    point = disk.parent.absolute()
    mount = ["mount", "-t", root.filesystem, "-o", options, str(disk), str(point)]
    # In good order it unmounts, so that the loop device is free when the block is left.
    unmount = shlex.join(["umount", str(point)])
    script = f"{shlex.join(mount)} && echo mounted && {{ read -r _; {unmount}; }}"
    argv = [*sealed(), "sh", "-c", script]
    commands.announce(argv)
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if holder.stdout.readline() != "mounted\n":
                raise FormatError(
                    f"{disk} cannot be mounted as {root.filesystem}",
                    hint="does this host's kernel know the filesystem? modprobe " + root.filesystem,
                    evidence=holder.stderr.read()[-600:],
                )
            yield Path(f"/proc/{holder.pid}/root") / str(point).strip("/")
        finally:
            holder.stdin.close()
            try:
                with suppress(subprocess.TimeoutExpired):
                    holder.wait(_UNMOUNT_S)
            finally:
                end_sealed(holder)  # does nothing to one that has ended
