"""The text of changes, such as ``cmdline+=quiet`` or ``mask=cron.service``.

What text names by a path or a name (a kernel, a file of the host) a `Resolver` turns into digests;
see `machine.resolver`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol, get_args

from bootwright import digest as digests
from bootwright.change import (
    AddArgument,
    AddFile,
    Blacklist,
    Change,
    DropArgument,
    DropGenerator,
    KernelOption,
    Mask,
    SetArgument,
    SetCmdline,
    SetField,
    SetFiles,
    SetInit,
    SetKernel,
)
from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.recipe import (
    Accelerator,
    Disk,
    GuestFile,
    InitName,
    KernelFile,
    MachineType,
    Network,
)

FORMS = (
    *("cmdline+=WORD", "cmdline-=WORD", "cmdline:KEY=VALUE", "cmdline=WORDS"),
    *("blacklist=INITCALL", "mask=UNIT", "drop-generator=NAME"),
    *("init=NAME", "kernel=NAME", "kernel-file=vmlinux|bzImage", "config:CONFIG_X=VALUE"),
    *("machine=TYPE", "cpu=MODEL", "accelerator=NAME", "memory=SIZE", "vcpus=N"),
    *("disk=KIND", "network=KIND", "file:/GUEST/PATH=HOSTFILE"),
)
"""What `parse` reads."""
_UNIT = re.compile(
    r"[A-Za-z0-9:_.\\@-]+\.(service|socket|target|timer|path|mount|automount|swap|slice|scope|device)"
)
_FILE_NAME = re.compile(r"[A-Za-z0-9_.@-]+")
_INITCALL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTION = re.compile(r"CONFIG_[A-Z0-9_a-z]+")


class Resolver(Protocol):
    """Knows what this host means by a name."""

    def kernel(self, name: str) -> tuple[Digest, KernelFile]:
        """Return a kernel and which of its files boots fastest."""
        ...

    def file(self, path: str) -> GuestFile:
        """Take a file of the host into the store of guest files; its path says nothing yet."""
        ...

    def empty(self) -> None:
        """See that the store of guest files has the empty one."""
        ...

    def init(self, name: InitName) -> tuple[tuple[GuestFile, ...], frozenset[str]]:
        """Return an init's own files, and the paths of those of all inits."""
        ...


def parse(text: str, resolver: Resolver) -> Change:
    """Read a change from its text; see `FORMS`.

    Raises:
        InputError: it is none, or its value is not one that its field has.
        NotFoundError: there is no such kernel.
        HostError: the file cannot be read.
    """
    left, equals, value = text.strip().partition("=")
    if not equals:
        raise _no_change(text)
    if left in ("cmdline+", "cmdline-", "cmdline") or left.startswith("cmdline:"):
        return _parse_cmdline(text, left, value)
    verb, _, name = left.partition(":")
    match verb, name:
        case "mask", "":
            resolver.empty()
            return Mask(_checked(value, _UNIT, "a unit, such as cron.service"))
        case "drop-generator", "":
            resolver.empty()
            return DropGenerator(_checked(value, _FILE_NAME, "a generator's name"))
        case "blacklist", "":
            return Blacklist(_checked(value, _INITCALL, "an initcall, such as crypto_algapi_init"))
        case "config", _:
            if not value:
                raise _no_change(text)
            return KernelOption(_checked(name, _OPTION, "an option, such as CONFIG_SMP"), value)
        case "file", _:
            return AddFile(_parse_file(name, value, resolver))
        case "files", "":
            parts = (word.partition("=") for word in value.split())
            return SetFiles(tuple(_parse_file(path, rest, resolver) for path, _, rest in parts))
        case "kernel", "":
            digest, file = resolver.kernel(value)
            return SetKernel(value, digest, file)
        case "init", "":
            init: Any = _one_of("init", value, get_args(InitName))
            return SetInit(init, *resolver.init(init))
        case _:
            return _parse_field(text, left, value)


def _parse_cmdline(text: str, left: str, value: str) -> Change:
    words = tuple(value.split())
    if left == "cmdline":
        return SetCmdline(words)
    if left.startswith("cmdline:"):
        key = left.removeprefix("cmdline:")
        if not key or len(words) > 1:
            raise _no_change(text)
        return SetArgument(key, value.strip())
    if len(words) != 1:
        raise InputError(
            f"{text!r} names {'no word' if not words else 'several words'}, but a change is one",
            hint="give --with once for each word",
        )
    return AddArgument(words[0]) if left == "cmdline+" else DropArgument(words[0])


def _parse_file(path: str, value: str, resolver: Resolver) -> GuestFile:
    if not path.startswith("/"):
        raise InputError(f"file:{path} names no absolute path", hint="write file:/etc/motd=./motd")
    digest, colon, mode = value.partition(":")
    if colon and digests.is_digest(digest) and re.fullmatch("[0-7]{1,4}", mode):
        return GuestFile(path=path, digest=Digest(digest), mode=int(mode, 8))
    taken = resolver.file(value)
    return GuestFile(path=path, digest=taken.digest, mode=taken.mode)


def _parse_field(text: str, left: str, value: str) -> Change:
    kinds: dict[str, tuple[str, ...]] = {
        "machine": get_args(MachineType),
        "accelerator": get_args(Accelerator),
        "disk": get_args(Disk),
        "network": get_args(Network),
        "kernel-file": get_args(KernelFile),
    }
    if left in kinds:
        field: Any = left.replace("-", "_")
        return SetField(field, _one_of(left, value, kinds[left]))
    match left:
        case "cpu" if value:
            return SetField("cpu", value)
        case "memory":
            found = re.fullmatch(r"(\d{1,9})([mg])?", value.lower())
            if not found:
                raise InputError(f"memory={value} is no size", hint="write memory=512M or 2G")
            mib = int(found[1]) * (1024 if found[2] == "g" else 1)
            return SetField("memory_mib", mib)
        case "vcpus":
            if not re.fullmatch(r"\d{1,3}", value):
                raise InputError(f"vcpus={value} is no number", hint="write vcpus=2")
            return SetField("vcpus", int(value))
        case _:
            raise _no_change(text)


def _no_change(text: str) -> InputError:
    return InputError(f"{text!r} is no change", hint=f"changes are {', '.join(FORMS)}")


def _checked(value: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(value):
        raise InputError(f"{value!r} is not {what}", hint=f"changes are {', '.join(FORMS)}")
    return value


def _one_of(field: str, value: str, accepted: Iterable[str]) -> str:
    if value not in accepted:
        raise InputError(
            f"{field} is {value!r}, but must be one of {', '.join(accepted)}",
            hint=f"write {field}={next(iter(accepted))}",
        )
    return value
