"""Programs and headers that a kernel build needs, and the packages that contain them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import HostError
from bootwright.host import commands, tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A program or a C header."""

    name: str
    debian: str
    fedora: str
    when: Callable[[Mapping[str, str]], bool] | None = None
    """Tells from a kernel's options whether it is needed; None: always."""


def builds_modules(config: Mapping[str, str]) -> bool:
    """Tell whether a kernel with these options has modules to build."""
    return "m" in config.values()


def _on(option: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda config: config.get(option) == "y"


_NEEDS = (
    Need(name="gcc", debian="gcc", fedora="gcc"),
    Need(name="ld", debian="binutils", fedora="binutils"),
    Need(name="make", debian="make", fedora="make"),
    Need(name="flex", debian="flex", fedora="flex"),
    Need(name="bison", debian="bison", fedora="bison"),
    Need(name="bc", debian="bc", fedora="bc"),
    Need(name="perl", debian="perl", fedora="perl"),
    Need(name="gelf.h", debian="libelf-dev", fedora="elfutils-libelf-devel", when=_on("OBJTOOL")),
    Need(
        name="openssl/evp.h",
        debian="libssl-dev",
        fedora="openssl-devel",
        when=_on("SYSTEM_TRUSTED_KEYRING"),
    ),
    Need(name="lz4", debian="lz4", fedora="lz4", when=_on("KERNEL_LZ4")),
    Need(name="zstd", debian="zstd", fedora="zstd", when=_on("KERNEL_ZSTD")),
    Need(name="xz", debian="xz-utils", fedora="xz", when=_on("KERNEL_XZ")),
    Need(name="depmod", debian="kmod", fedora="kmod", when=builds_modules),
    Need(name="pahole", debian="dwarves", fedora="dwarves", when=_on("DEBUG_INFO_BTF")),
)

# Everything by which two builds of one config could differ.
# Source: Documentation/kbuild/reproducible-builds.rst.
FIXED = {
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01 00:00:00 UTC",
    "KBUILD_BUILD_USER": "bootwright",
    "KBUILD_BUILD_HOST": "bootwright",
    "KBUILD_BUILD_VERSION": "1",
    # Set, though empty: a git tree adds no "+" to the release. Source: scripts/setlocalversion.
    "LOCALVERSION": "",
    "LC_ALL": "C.UTF-8",
    "ARCH": "x86_64",
}
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "CCACHE_DIR")


def environment() -> dict[str, str]:
    """Return the environment of a build: fixed, so that builds are reproducible."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | FIXED


def require(config: Mapping[str, str] | None = None) -> None:
    """Check that everything that a build needs is installed.

    Args:
        config: The kernel's options, without ``CONFIG_``; none: check only what configuring needs.

    Raises:
        HostError: something is missing; the hint has the command that installs all of it.
    """
    missing = [
        need
        for need in _NEEDS
        if need.when is None or (config is not None and need.when(config))
        if not _is_here(need.name)
    ]
    if missing:
        debian = sorted({need.debian for need in missing})
        fedora = sorted({need.fedora for need in missing})
        raise HostError(
            "missing for a kernel build: " + ", ".join(need.name for need in missing),
            hint=f"on Debian: sudo apt-get install {' '.join(debian)}; "
            f"on Fedora: sudo dnf install {' '.join(fedora)}",
        )


def versions() -> str:
    """Return the versions of compiler and linker; other versions build other kernels."""
    said = [commands.run([program, "--version"]).stdout for program in ("gcc", "ld")]
    return "\n".join(text.partition("\n")[0] for text in said)


def _is_here(name: str) -> bool:
    if not name.endswith(".h"):
        return tools.find(name) is not None
    folders = [
        Path("/usr/include"),
        *Path("/usr/include").glob("*-linux-gnu"),
        Path("/usr/local/include"),
    ]
    return any((folder / name).exists() for folder in folders)
