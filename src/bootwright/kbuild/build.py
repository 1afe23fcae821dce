"""Build a kernel from a profile: source, config, make, and the result in the store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bootwright.digest import Digest, digest_of_bytes
from bootwright.errors import BuildError, HostError
from bootwright.events import Observer, Progress, ignore, within
from bootwright.home import Home
from bootwright.host import commands, locks, space
from bootwright.kbuild import configure, make, toolchain
from bootwright.kbuild.configure import Dropped
from bootwright.kbuild.profile import Profile
from bootwright.kbuild.source import Source, debian_source, known_source, source_tree
from bootwright.kernels import vmlinux
from bootwright.kernels.kernel import (
    Kernel,
    Part,
    copy_part,
    kernel_store,
    load_kernel,
    require_name,
    store_kernel,
)
from bootwright.store import check_name

_LOCK = ".bootwright-lock"
_FORMAT = "1"
"""Of the build's result; a new value rebuilds everything."""
_SMALL_BYTES, _LARGE_BYTES = 1 << 30, 6 << 30
"""Disk space for a build without modules, and with a distribution's thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelBuild:
    """A kernel that was built from a profile, now or before."""

    name: str
    digest: Digest
    release: str
    parts: tuple[Part, ...]
    built: bool
    """Whether this call built it; False: the same input was built before."""
    options_on: int
    """How many options are y."""
    objects: int
    """How many files were compiled."""
    dropped: tuple[Dropped, ...]
    """Options that the profile sets and the kernel's scripts dropped, with reasons."""
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The record of a build, for the next one from the same input."""

    digest: Digest
    dropped: tuple[Dropped, ...]
    options_on: int
    objects: int


def build(
    home: Home,
    profile: Profile,
    *,
    name: str | None = None,
    tree: Path | None = None,
    jobs: int | None = None,
    replace: bool = False,
    observe: Observer = ignore,
) -> KernelBuild:
    """Build a kernel, or return the one built from the same input before.

    Args:
        name: The kernel's name; default: the profile's.
        tree: The user's source; default: Debian's.
        jobs: How many compilers run at once; default: one for each CPU.
        replace: Whether to take the name from another kernel that has it.

    Raises:
        InputError: another kernel has the name.
        BuildError: the kernel's scripts or compiler failed.
        HostError: a program or space is missing, or another command is building the same kernel.
        NotFoundError: the profile starts from a kernel that is not in the store.
    """
    name = check_name(name or profile.name, "a kernel")
    toolchain.require()
    base = profile.base_config(home)  # first: if it is missing, no source need be fetched
    if not replace:
        require_name(home, name, origin=f"built: {profile.name}, ")
    observe(Progress(step="reading the source", share=0.0))
    source = source_tree(tree) if tree else known_source(home)
    if source is None:
        if not replace:
            kernel_store(home).require_free(name)  # before it is fetched
        source = debian_source(home, observe=within(observe, 0, 0.05))
    key = _key(profile, source, base)
    if built := _remembered(home, key):
        kernel_store(home).tag(name, built.digest, replace=replace)
        return _result(name, load_kernel(home, name), built, is_new=False)
    if not replace:
        kernel_store(home).require_free(name)  # before minutes of work
    if tree is None:  # its tree may be gone
        source = debian_source(home, observe=within(observe, 0, 0.05))
    folder = builds(home) / source.key / profile.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = locks.take(folder / _LOCK)
    except BlockingIOError as error:
        raise HostError(
            f"kernel {profile.name} is being built by another command",
            hint="wait until it has finished",
        ) from error
    try:
        with space.disk_full_explained(folder, "a kernel was built"):
            kernel, built = _build(home, profile, source, folder, name, key, jobs, replace, observe)
            return _result(name, kernel, built, is_new=True)
    finally:
        os.close(lock)


def builds(home: Home) -> Path:
    """Return the folder of all builds, finished or not."""
    return home.cache / "kernel-build"


def under_way(home: Home) -> bool:
    """Return whether any kernel is being built now."""
    return any(locks.is_held(path) for path in builds(home).glob(f"*/*/{_LOCK}"))


def _build(
    home: Home,
    profile: Profile,
    source: Source,
    folder: Path,
    name: str,
    key: Digest,
    jobs: int | None,
    replace: bool,
    observe: Observer,
) -> tuple[Kernel, Built]:
    observe(Progress(step="configuring", share=0.05))
    config = configure.write(home, profile, source, folder)
    toolchain.require(config)
    has_modules = toolchain.builds_modules(config)
    if not (folder / "vmlinux").exists():
        needed = _LARGE_BYTES if has_modules else _SMALL_BYTES
        space.require(folder, needed, "building a kernel")
    left_out = configure.explained(configure.dropped(profile, config), source, folder)
    make.run(
        source,
        folder,
        ["vmlinux", "bzImage", *(["modules"] if has_modules else [])],
        jobs=jobs or len(os.sched_getaffinity(0)),
        expected=make.expected_objects(config),
        observe=within(observe, 0.06, 0.96),
    )
    observe(Progress(step="storing the kernel", share=0.97))
    with kernel_store(home).staged() as staged:
        kernel = _store(home, profile, source, folder, staged, name, replace)
    built = Built(
        digest=kernel.digest,
        dropped=left_out,
        options_on=sum(value == "y" for value in config.values()),
        objects=make.objects(folder),
    )
    _remember(home, key, built)
    return kernel, built


def _result(name: str, kernel: Kernel, built: Built, *, is_new: bool) -> KernelBuild:
    return KernelBuild(
        name=name,
        digest=kernel.digest,
        release=kernel.release,
        parts=kernel.parts,
        built=is_new,
        options_on=built.options_on,
        objects=built.objects,
        dropped=built.dropped,
        path=kernel.folder,
    )


def _store(
    home: Home,
    profile: Profile,
    source: Source,
    folder: Path,
    staged: Path,
    name: str,
    replace: bool,
) -> Kernel:
    """Collect the parts of a built kernel and store them."""
    place = staged / "kernel"
    place.mkdir()
    _must(["objcopy", "--strip-all", folder / "vmlinux", place / "vmlinux"])
    copy_part(folder / "arch/x86/boot/bzImage", place, "bzImage")
    copy_part(folder / ".config", place, "config")
    copy_part(folder / "System.map", place, "System.map")
    if (folder / "modules.order").exists() and (folder / "modules.order").stat().st_size:
        make.install_modules(source, folder, place / "modules")
    content = (place / "vmlinux").read_bytes()
    return store_kernel(
        home,
        place,
        name=name,
        release=vmlinux.release(content),
        source=f"built: {profile.name}, from {source.title}",
        pvh=vmlinux.has_pvh_note(content),
        replace=replace,
    )


def _key(profile: Profile, source: Source, base_config: str) -> Digest:
    """Return a digest of everything that determines a build's result."""
    parts = (
        _FORMAT,
        source.digest,
        base_config,
        profile.base,
        profile.fragment(),
        toolchain.versions(),
        *sorted(f"{key}={value}" for key, value in toolchain.FIXED.items()),
    )
    return digest_of_bytes(msgspec.json.encode(parts))


def _remembered(home: Home, key: Digest) -> Built | None:
    try:
        built = msgspec.json.decode((_notes(home) / f"{key}.json").read_bytes(), type=Built)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return built if kernel_store(home).path(built.digest).is_dir() else None


def _remember(home: Home, key: Digest, built: Built) -> None:
    folder = _notes(home)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{key}-{os.getpid()}"
    temporary.write_bytes(msgspec.json.encode(built))
    temporary.rename(folder / f"{key}.json")


def _notes(home: Home) -> Path:
    return home.kernels / "built"


def _must(argv: list[str | Path]) -> None:
    done = commands.run(argv)
    if done.returncode:
        space.raise_if_full(done.stderr)
        raise BuildError(f"{argv[0]} failed", evidence=done.stderr)
