"""Kernel source trees: Debian's package, unpacked once, or a tree that the user has."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bootwright.digest import Digest, digest_of_bytes, digest_of_file, short_digest
from bootwright.errors import BuildError, FormatError, InputError
from bootwright.events import Observer, Progress, ignore
from bootwright.home import Home
from bootwright.host import commands, locks, space, tools
from bootwright.host.trees import remove_tree
from bootwright.kernels.package import download_package, package_title

DEFAULT_SUITE = "bookworm"
_NEEDED_BYTES = 2 << 30
_FILES = 79_000
"""In Linux 6.1, for the progress of unpacking; others are near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kernel source tree."""

    key: str
    """The name of its builds' folder; it depends on the path, not on the content."""
    path: Path
    title: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """A record beside an unpacked package; it remains when the tree is removed."""

    title: str
    digest: Digest


def known_source(home: Home) -> Source | None:
    """Return the newest Debian source that was fetched, even if its tree was removed."""
    notes = sorted(
        sources_folder(home).glob("debian-*.json"),
        key=lambda path: [int(digits) for digits in re.findall(r"\d+", path.stem)],
    )
    if not notes:
        return None
    key = notes[-1].stem
    note = msgspec.json.decode(notes[-1].read_bytes(), type=_Note)
    return Source(key=key, path=sources_folder(home) / key, title=note.title, digest=note.digest)


def debian_source(home: Home, *, observe: Observer = ignore) -> Source:
    """Return Debian's source, unpacked; fetch it first if necessary.

    Raises:
        BuildError: the package cannot be fetched.
        HostError: a program is missing, or the disk is full.
    """
    source = known_source(home)
    if source is not None and source.path.is_dir():
        return source
    dpkg_deb, _, _ = tools.require("dpkg-deb", "tar", "xz")
    folder = sources_folder(home)
    space.require(home.cache, _NEEDED_BYTES, "unpacking the kernel's source")
    folder.mkdir(parents=True, exist_ok=True)
    lock = locks.take(folder / ".lock", wait_s=600)  # another build fetches it
    try:
        source = known_source(home)
        if source is not None and source.path.is_dir():
            return source
        staged = folder / ".staged"
        remove_tree(staged)
        staged.mkdir()
        try:
            return _fetch(home, staged, dpkg_deb, observe)
        finally:
            remove_tree(staged)
    finally:
        os.close(lock)


def source_tree(path: Path) -> Source:
    """Return the user's tree at *path*.

    Raises:
        InputError: it is not a kernel source tree, or contains an in-tree build.
    """
    path = path.absolute()
    if not (path / "Kconfig").is_file() or not (path / "scripts" / "kconfig").is_dir():
        raise InputError(
            f"{path} is not a kernel source tree",
            hint="give the directory that contains Kconfig and scripts/kconfig",
        )
    if (path / ".config").exists() or (path / "include" / "config").exists():
        raise InputError(
            f"{path} contains an in-tree build, so the kernel refuses to build out of tree",
            hint="save its .config elsewhere, then run make mrproper there",
        )
    return Source(
        key="tree-" + short_digest(digest_of_bytes(os.fsencode(path))),
        path=path,
        title=str(path),
        digest=_digest(path),
    )


def sources_folder(home: Home) -> Path:
    """Return the folder of fetched trees."""
    return home.cache / "kernel-source"


def _digest(path: Path) -> Digest:
    """Return the digest of a tree's files, without .git."""
    lines = []
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if name != ".git")
        for name in sorted(names):
            file = Path(folder, name)
            content = os.readlink(file) if file.is_symlink() else digest_of_file(file)
            lines.append(f"{file.relative_to(path)}\0{content}\n")
    return digest_of_bytes("".join(lines).encode("utf-8", "surrogateescape"))


def _fetch(home: Home, staged: Path, dpkg_deb: Path, observe: Observer) -> Source:
    observe(Progress(step="fetching Debian's linux-source (140 MB)", share=0.0))
    package = staged / "kernel.deb"
    download_package(
        "linux-source", DEFAULT_SUITE, None, package, hint="give a source tree with --source DIR"
    )
    title = package_title(package)
    version = title.split()[-1].replace(":", "-").replace("~", "-")
    note = _Note(title=f"Debian {DEFAULT_SUITE}, {title}", digest=digest_of_file(package))
    with space.disk_full_explained(home.cache, "the kernel's source was unpacked"):
        unpacked = _unpack(package, staged, dpkg_deb, observe)
        place = sources_folder(home) / f"debian-{version}"
        place.with_name(place.name + ".json").write_bytes(msgspec.json.encode(note))
        remove_tree(place)
        unpacked.rename(place)
    return Source(key=place.name, path=place, title=note.title, digest=note.digest)


def _unpack(package: Path, staged: Path, dpkg_deb: Path, observe: Observer) -> Path:
    done = commands.run([dpkg_deb, "-x", package, staged / "package"])
    if done.returncode:
        space.raise_if_full(done.stderr)
        raise BuildError("extracting the source package failed", evidence=done.stderr)
    archives = sorted((staged / "package" / "usr" / "src").glob("linux-source-*.tar.xz"))
    if not archives:
        raise FormatError("the source package contains no usr/src/linux-source-*.tar.xz")
    command = ["tar", "--verbose", "-xf", str(archives[0]), "-C", str(staged)]
    commands.announce(command)
    log: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            log = [*log[-8:], line]
            if not number % 500:
                share = min(1.0, number / _FILES)
                observe(Progress(step="unpacking the source", share=share))
    if process.returncode:
        space.raise_if_full("".join(log))
        raise BuildError("unpacking the source failed", evidence="".join(log))
    [unpacked] = [path for path in staged.glob("linux-source-*") if path.is_dir()]
    return unpacked
