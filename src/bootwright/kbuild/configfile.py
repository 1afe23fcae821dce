"""A kernel config as people have it: whole or a fragment, packed, or inside a kernel."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import FormatError, InputError
from bootwright.kernels import ikconfig

PIPE = "-"
_MOST_BYTES = 1 << 29
_HINT = "give a .config, /proc/config.gz, or a kernel built with CONFIG_IKCONFIG=y"
_LINE = re.compile(r"(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)$")
_HEADER = re.compile(r"^# Linux/(\S+) (\d+\.\d+\S*) .*Configuration$", re.MULTILINE)
_OLD_HEADER = re.compile(r"^# Linux kernel version: (\d+\.\d+\S*)$", re.MULTILINE)

_ONLY_WHOLE = ("INIT_ENV_ARG_LIMIT", "CC_VERSION_TEXT", "CC_IS_GCC", "CC_IS_CLANG")
"""Options without a prompt that the kernel's scripts write into every whole config.

Source: init/Kconfig; the last three since Linux 4.18.
"""
_ARCHITECTURES = {
    "X86_64": "x86_64",
    "X86_32": "i386",
    "ARM64": "arm64",
    "ARM": "arm",
    "RISCV": "riscv",
    "LOONGARCH": "loongarch",
    "PPC64": "powerpc64",
    "PPC": "powerpc",
    "S390": "s390",
    "MIPS": "mips",
    "SPARC": "sparc",
    "M68K": "m68k",
    "PARISC": "parisc",
    "ALPHA": "alpha",
    "UML": "um",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A kernel config."""

    options: Mapping[str, str]
    """The options that are set, without ``CONFIG_``; text in its quotes."""
    named: frozenset[str]
    """All that it names, also those that are not set."""
    fragment: bool
    """Whether it says nothing about the options that it does not name."""
    architecture: str
    """As the kernel calls it, such as ``arm64``; empty: not said."""
    version: str
    """The kernel's, such as ``6.1.50``; empty: not said."""


def parse(text: str) -> Config:
    """Read the text of a config; see `text_of_file`."""
    text = text.replace("\r\n", "\n")
    options: dict[str, str] = {}
    named = set()
    for line in text.splitlines():
        if found := _LINE.match(line.strip()):
            name = found[1] or found[3]
            named.add(name)
            options[name] = (found[2] or "n").strip()
    is_set = {name: value for name, value in options.items() if value != "n"}
    header = _HEADER.search(text)
    old = _OLD_HEADER.search(text)
    return Config(
        options=is_set,
        named=frozenset(named),
        fragment=not any(name in named for name in _ONLY_WHOLE),
        architecture=next(
            (label for name, label in _ARCHITECTURES.items() if is_set.get(name) == "y"),
            header[1] if header else "",
        ),
        version=header[2] if header else old[1] if old else "",
    )


def text_of_file(name: str) -> str:
    """Return the text of the config in a file, or in standard input for ``-``.

    Args:
        name: A config, compressed or not, or a kernel that has its config inside.

    Raises:
        InputError: it is a folder.
        FormatError: it is neither, or damaged.
    """
    label = "standard input" if name == PIPE else name
    data = _read(name, label)
    try:
        while not ikconfig.is_kernel(data):
            unpacked = ikconfig.decompressed(data)
            if unpacked is None:
                break
            data = unpacked
        inside = None if _looks_right(data) else ikconfig.embedded_config(data)
    except FormatError as error:
        raise FormatError(f"cannot read {label}: {error}", hint=error.hint or _HINT) from error
    if inside is not None:
        data = inside
    elif ikconfig.is_kernel(data):
        raise FormatError(
            f"the kernel {label} has no config inside: it was built without CONFIG_IKCONFIG",
            hint="give its config, such as /boot/config-$(uname -r)",
        )
    if not _looks_right(data):
        what = "is empty" if not data.strip() else "is not a kernel config"
        raise FormatError(f"{label} {what}", hint=_HINT)
    return data.decode(errors="replace")


def _read(name: str, label: str) -> bytes:
    if name == PIPE:
        data = sys.stdin.buffer.read(_MOST_BYTES)
    else:
        path = Path(name)
        if path.is_dir():
            config = path / ".config"
            raise InputError(
                f"{name} is a folder", hint=f"give {config}" if config.is_file() else _HINT
            )
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES)
        except OSError as error:
            raise InputError(f"cannot read {name}: {error.strerror}", hint=_HINT) from error
    if len(data) == _MOST_BYTES:
        raise FormatError(f"{label} is larger than any kernel config or kernel", hint=_HINT)
    return data


def _looks_right(data: bytes) -> bool:
    """Return whether most lines that are no comments set an option."""
    if b"CONFIG_" not in data or b"\0" in data:
        return False
    lines = [line.strip() for line in data.decode(errors="replace").splitlines()]
    options = sum(_LINE.match(line) is not None for line in lines)
    others = sum(
        bool(line) and not line.startswith("#") and not _LINE.match(line) for line in lines
    )
    return options > others
