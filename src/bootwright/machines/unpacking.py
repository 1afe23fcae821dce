"""Unpacking what a guest sends, without writing anything outside the target."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from typing import IO

from bootwright.errors import GuestError, HostError, InputError, NotFoundError


class Unpacking:
    """Where one source of a guest comes to lie on this host.

    Args:
        source: Its path in the guest; with ``/.`` at its end, what is in the folder.
        target: A folder that exists, or the new name of the only source.
        several: Whether there are other sources.

    Raises:
        InputError: the target is no folder, though it must be, or its folder is missing.
    """

    def __init__(self, source: str, target: str, *, several: bool) -> None:
        self._target = target
        self.skipped = 0
        """How many devices, pipes and sockets were left out."""
        self.link = ""
        """Where the source leads, if it is a symbolic link."""
        self.is_any = False
        """Whether there was anything else."""
        base = os.path.basename(source.rstrip("/"))
        self._is_content = base in ("", ".", "..")
        if os.path.isdir(target):
            self._folder, self._name = os.path.realpath(target), base
            if self._is_content:
                self._name = ""
            return
        if several or target.endswith("/"):
            if os.path.lexists(target.rstrip("/")):
                raise InputError(f"{target} is not a folder", hint="give a folder that exists")
            raise NotFoundError(f"there is no folder {target}", hint=f"mkdir -p {target}")
        real = os.path.realpath(target)
        self._folder, self._name = os.path.split(real)
        if not os.path.isdir(self._folder):
            folder = os.path.dirname(target)
            raise NotFoundError(f"there is no folder {folder}", hint=f"mkdir -p {folder}")

    def run(self, stream: IO[bytes]) -> None:
        """Unpack a tar archive.

        Raises:
            TarError: the archive is not whole.
            InputError: a folder would replace a file.
            HostError: something cannot be written.
            GuestError: something would be written outside the target.
        """
        try:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                # All members are checked here, in all versions of Python.
                tar.extraction_filter = staticmethod(lambda member, path: member)
                tar.extractall(self._folder, members=self._members(tar))
        except OSError as error:
            where = error.filename or self._target
            raise HostError(f"cannot write {where}: {error.strerror or error}") from error

    def _members(self, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        for member in tar:
            if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
                self.skipped += 1
                continue
            if not self.is_any and member.issym():
                self.link = member.linkname
            self.is_any = True
            member.name = self._renamed(member.name)
            if member.name in ("", "."):
                continue  # the target itself, which stays as it is
            if member.islnk():
                member.linkname = self._renamed(member.linkname)
                self._check_inside(member.linkname)
            self._check_inside(member.name)
            self._make_way(member)
            member.uid, member.gid = os.geteuid(), os.getegid()
            member.uname = member.gname = ""
            member.mode &= 0o777
            yield member

    def _renamed(self, name: str) -> str:
        """Return a member's path below the folder: the source's own name becomes the new one."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts:
            raise GuestError(f"the guest sent the path {name!r}, which leads out of the target")
        rest = parts if self._is_content else parts[1:]
        return "/".join([*filter(None, [self._name]), *rest])

    def _check_inside(self, name: str) -> None:
        """Refuse a path that a link leads out of the folder."""
        parent = os.path.realpath(os.path.dirname(os.path.join(self._folder, name)))
        if os.path.commonpath([parent, self._folder]) != self._folder:
            place = os.path.join(self._folder, name)
            raise GuestError(
                f"{place} lies behind a link that leads out of the target",
                hint="remove the link, or give another target",
            )

    def _make_way(self, member: tarfile.TarInfo) -> None:
        place = os.path.join(self._folder, member.name)
        if member.isdir():
            if os.path.lexists(place) and not os.path.isdir(place):
                raise InputError(
                    f"cannot copy a folder over {place}", hint="give a name that is free"
                )
        elif os.path.isdir(place) and not os.path.islink(place):
            raise InputError(
                f"cannot copy a file or link over folder {place}", hint="give another target"
            )
        elif os.path.lexists(place):
            # Never written through a link; a program that runs from it goes on.
            os.unlink(place)
