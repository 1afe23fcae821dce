"""Draft: what a user said of a recipe, in a TOML file or by options; the rest is completed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from bootwright.errors import InputError
from bootwright.recipe import (
    Accelerator,
    Clock,
    Disk,
    GuestFile,
    InitName,
    KernelFile,
    MachineType,
    Network,
    Recipe,
)

_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_LARGEST_BYTES = 1 << 50
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipe with gaps; its fields are those of `Recipe`, and images and kernels may be named."""

    image: str | None = None
    kernel: str | None = None
    kernel_file: KernelFile | None = None
    init: InitName | None = None
    trim: str | None = None
    """What systemd-trimmed leaves out; in the recipe its files are among the guest files."""
    cmdline: tuple[str, ...] | None = None
    append: tuple[str, ...] = ()
    """Arguments behind the kernel command line, whatever that is."""
    without: tuple[str, ...] = ()
    """Defaults that make a boot faster and are not wanted; see `machine.defaults`."""
    vmm: Literal["qemu"] | None = None
    vmm_build: str | None = None
    accelerator: Accelerator | None = None
    machine: MachineType | None = None
    cpu: str | None = None
    memory_mib: int | None = None
    vcpus: int | None = None
    disk: Disk | Literal["auto"] | None = None
    """``auto``, as where nothing is said: the best that works here."""
    disk_bytes: int | None = None
    network: Network | None = None
    random_seed: int | None = None
    guest_files: tuple[GuestFile, ...] | None = None
    clock: Clock | None = None
    vmm_options: tuple[str, ...] | None = None


def read(path: Path) -> Draft:
    """Read a recipe file.

    Raises:
        InputError: it is missing, no TOML, or has a field that is unknown or of the wrong kind;
            the message names the field and what would be accepted.
    """
    table = toml_table(path, "recipe", "bootwright recipe show prints one to begin with")
    try:
        return msgspec.convert(table, type=Draft)
    except msgspec.ValidationError as error:
        text = str(error).replace("`$.", "`").replace("Object contains", "it contains")
        raise InputError(
            f"{path}: {text}", hint=f"the fields are {', '.join(Draft.__struct_fields__)}"
        ) from error


def toml_table(path: Path, kind: str, hint: str) -> dict[str, Any]:
    """Return what a TOML file says.

    Args:
        kind: What the file is, for people.
        hint: Where one can be had, should it be missing.

    Raises:
        InputError: it cannot be read, or is no TOML.
    """
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the {kind} {path}: {error.strerror}", hint=hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is no TOML: {error}", hint="TOML is described at toml.io"
        ) from error


def merged(base: Draft, over: Draft) -> Draft:
    """Return *base* with what *over* says in its place; what is appended or left out adds up."""
    values = {
        field: getattr(over, field) if getattr(over, field) is not None else getattr(base, field)
        for field in Draft.__struct_fields__
    }
    values["append"] = (*base.append, *over.append)
    values["without"] = (*base.without, *over.without)
    return Draft(**values)


def to_toml(recipe: Recipe) -> str:
    """Return *recipe* as a TOML file that `read` takes back."""
    import tomli_w

    table = {
        field: value for field, value in msgspec.to_builtins(recipe).items() if value is not None
    }
    return tomli_w.dumps(table)


def parse_size(text: str, *, unit: str = "") -> int:
    """Return the bytes that *text* means: ``512M``, ``1.5G``, or a plain number of *unit*.

    Raises:
        InputError: it is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise InputError(f"{text!r} is no size", hint="sizes are such as 512M, 2G, 1.5G")
    number, letter = found.groups()
    factor = 1 << _UNITS[(letter or unit).lower()]
    size = int(number) * factor if number.isdecimal() else int(float(number) * factor)
    if size > _LARGEST_BYTES:
        raise InputError(f"{text!r} is too large", hint="no disk or memory has more than 1024T")
    return size
