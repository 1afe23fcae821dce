"""Add a kernel from the user's files."""

from __future__ import annotations

from pathlib import Path

from bootwright.errors import BuildError, FormatError, InputError
from bootwright.home import Home
from bootwright.host import commands, space, tools
from bootwright.kernels import bzimage, kallsyms, vmlinux
from bootwright.kernels.kernel import Kernel, copy_part, kernel_store, store_kernel
from bootwright.store import check_name

_ARM64_MAGIC_OFFSET = 56
_ARM64_MAGIC = b"ARM\x64"


def default_name(file: Path) -> str:
    """Return the default name of a kernel from *file*."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in file.name.lower())


def add(
    home: Home,
    file: Path,
    *,
    name: str,
    source: str = "",
    modules: Path | None = None,
    config: Path | None = None,
    system_map: Path | None = None,
    replace: bool = False,
) -> Kernel:
    """Store a bzImage or vmlinux with what belongs to it.

    Args:
        file: The kernel.
        source: Where it came from, for people; the file's path where it is empty.
        modules: The folder that holds ``lib/modules/RELEASE``, or that folder itself.
        config: The kernel's ``.config``.
        system_map: Its ``System.map``; without one it is made from the kernel's own symbols.
        replace: Whether to take the name from another kernel that has it.

    Raises:
        FormatError: a file is not what it was given as; the message says what it is.
        InputError: a file is not there, or another kernel has the name.
    """
    check_name(name, "a kernel")
    for given in (file, config, system_map):
        if given is not None and not given.is_file():
            raise InputError(f"no such file: {given}", hint=_path_hint(given))
    if modules is not None and not modules.is_dir():
        raise InputError(
            f"no such directory: {modules}",
            hint="give the directory that contains lib/modules",
        )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    try:
        parts, pvh, release = _take_apart(content)
    except FormatError as error:
        raise FormatError(f"{file} cannot be used: {error}", hint=error.hint) from error
    with (
        kernel_store(home).staged() as staged,
        space.disk_full_explained(home.kernels, "a kernel was stored"),
    ):
        folder = staged / "kernel"
        folder.mkdir()
        for part, part_content in parts.items():
            (folder / part).write_bytes(part_content)
        if config:
            copy_part(config, folder, "config")
        if system_map:
            copy_part(system_map, folder, "System.map")
        else:
            _write_system_map(parts.get("vmlinux"), folder)
        if modules:
            _copy_modules(modules, folder / "modules", release)
        return store_kernel(
            home,
            folder,
            name=name,
            release=release,
            source=source or str(file.absolute()),
            pvh=pvh,
            replace=replace,
        )


def _write_system_map(elf: bytes | None, folder: Path) -> None:
    """Write System.map from the kernel's own table, where it has one that we can read."""
    if elf is None:
        return
    try:
        found = kallsyms.symbols(elf)
    except FormatError:
        return  # the kernel boots without; `kernel show` tells that there is no System.map
    (folder / "System.map").write_text(kallsyms.system_map(found))


def _take_apart(content: bytes) -> tuple[dict[str, bytes], bool, str]:
    """Return the parts inside a kernel file, whether it has the PVH note, and its release."""
    if bzimage.is_bzimage(content[:1024]):
        if not bzimage.is_64_bit(content):
            raise FormatError(
                "it is a 32-bit x86 kernel; bootwright boots x86-64 only",
                hint="give a kernel built with ARCH=x86_64",
            )
        try:
            elf = bzimage.extract_vmlinux(content)
        except bzimage.UnknownCompressionError:
            # It boots as it is; only the start without decompression is lost.
            return {"bzImage": content}, False, bzimage.release(content)
        vmlinux.check_architecture(elf)
        return {"bzImage": content, "vmlinux": elf}, vmlinux.has_pvh_note(elf), vmlinux.release(elf)
    if content.startswith(b"\x7fELF"):
        vmlinux.check_architecture(content)
        return {"vmlinux": content}, vmlinux.has_pvh_note(content), vmlinux.release(content)
    if content[_ARM64_MAGIC_OFFSET : _ARM64_MAGIC_OFFSET + 4] == _ARM64_MAGIC:
        raise FormatError(
            "it is an arm64 kernel; bootwright boots x86-64 only",
            hint="give a kernel built with ARCH=x86_64",
        )
    raise FormatError(
        f"it is neither a bzImage nor a vmlinux (it starts with {content[:4].hex() or 'nothing'})",
        hint="a kernel is arch/x86/boot/bzImage or vmlinux in a build tree, /boot/vmlinuz-* in a "
        "distribution",
    )


def _copy_modules(source: Path, target: Path, release: str) -> None:
    """Copy ``lib/modules/RELEASE`` and see that modules.dep is there."""
    candidates = [source / "lib" / "modules" / release, source / release]
    if source.resolve().name == release:
        candidates.append(source)
    tree = next((c for c in candidates if (c / "modules.builtin").exists()), None)
    if tree is None:
        raise InputError(
            f"{source} contains no modules of kernel {release}",
            hint=f"give the directory that contains lib/modules/{release}",
        )
    place = target / "lib" / "modules" / release
    place.parent.mkdir(parents=True)
    # cp keeps links as links; "build" and "source" point out of the tree and stay behind.
    copied = commands.run(["cp", "-r", "--no-dereference", tree, place])
    if copied.returncode:
        raise BuildError(f"copying {tree} failed", evidence=copied.stderr)
    for link in ("build", "source"):
        if (place / link).is_symlink():
            (place / link).unlink()
    if not (place / "modules.dep").exists():
        [depmod] = tools.require("depmod")
        made = commands.run([depmod, "--basedir", target, release])
        if made.returncode:
            raise BuildError(f"depmod failed for {tree}", evidence=made.stderr)


def _path_hint(given: Path) -> str:
    """Return the hint for a file that is not there; `kernel add` takes Debian's by its name."""
    from bootwright import suggest

    near = suggest.nearest(str(given), ("debian",))
    return f"did you mean {near!r}?" if near else "give the path of an existing file"
