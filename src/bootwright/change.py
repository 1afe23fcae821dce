"""Changes: named edits of a recipe, from which everything is made that makes a boot faster.

``applied(recipe, changes)`` is another recipe, and nothing else happens. Values only; their text is
read by `change_text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, get_args

from bootwright import digest as digests
from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.recipe import (
    GuestFile,
    InitName,
    KernelFile,
    Recipe,
)

Field = Literal[
    "kernel",
    "kernel_file",
    "init",
    "machine",
    "cpu",
    "accelerator",
    "memory_mib",
    "vcpus",
    "disk",
    "network",
]

MASKS = "/seed/run/systemd/system.control"
GENERATORS = "/seed/run/systemd/system-generators"
"""Where the seed lays masks; see `inits.trim`."""
EMPTY = digests.of_bytes(b"")
"""An empty file masks a unit or a generator. Source: null_or_empty() in systemd."""

_BLACKLIST = "initcall_blacklist="


class Change(Protocol):
    """A named edit of a recipe; ``str(change)`` is its text, and read again it is the same."""

    def edit(self, draft: dict[str, Any]) -> None:
        """Carry the change out on a recipe's fields, which are checked once all is done."""
        ...

    def touches(self) -> Mapping[str, str]:
        """Return what it decides, and as what: ``{"memory_mib": "512"}``.

        Two changes that decide one thing differently conflict.
        """
        ...


@dataclass(frozen=True, slots=True)
class AddArgument:
    """A word behind the kernel's command line, unless it is there."""

    word: str

    def __str__(self) -> str:
        return f"cmdline+={self.word}"

    def edit(self, draft: dict[str, Any]) -> None:
        if self.word not in draft["cmdline"]:
            draft["cmdline"] = (*draft["cmdline"], self.word)

    def touches(self) -> Mapping[str, str]:
        return _argument(self.word) | {f"the argument {self.word}": "there"}


@dataclass(frozen=True, slots=True)
class DropArgument:
    """A word less on the kernel's command line."""

    word: str

    def __str__(self) -> str:
        return f"cmdline-={self.word}"

    def edit(self, draft: dict[str, Any]) -> None:
        draft["cmdline"] = tuple(word for word in draft["cmdline"] if word != self.word)

    def touches(self) -> Mapping[str, str]:
        return _argument(self.word) | {f"the argument {self.word}": "gone"}


@dataclass(frozen=True, slots=True)
class SetArgument:
    """A ``key=value`` on the kernel's command line, in place of all others of that key."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"cmdline:{self.key}={self.value}"

    def edit(self, draft: dict[str, Any]) -> None:
        _set_argument(draft, f"{self.key}=", self.value)

    def touches(self) -> Mapping[str, str]:
        return {"cmdline": "by words", f"the arguments {self.key}=": f"={self.value}"}


@dataclass(frozen=True, slots=True)
class SetCmdline:
    """The whole of the kernel's command line."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"cmdline={' '.join(self.words)}"

    def edit(self, draft: dict[str, Any]) -> None:
        draft["cmdline"] = self.words

    def touches(self) -> Mapping[str, str]:
        return {"cmdline": str(self.words)}


@dataclass(frozen=True, slots=True)
class Blacklist:
    """An initcall that the kernel leaves out. Several share one argument of the command line.

    Source: ``initcall_blacklist`` in Documentation/admin-guide/kernel-parameters.txt.
    """

    initcall: str

    def __str__(self) -> str:
        return f"blacklist={self.initcall}"

    def edit(self, draft: dict[str, Any]) -> None:
        there = [word for word in draft["cmdline"] if word.startswith(_BLACKLIST)]
        names = {
            name for word in there for name in word.removeprefix(_BLACKLIST).split(",") if name
        }
        if self.initcall not in names:
            # In order, whatever came first: the kernel does not mind.
            _set_argument(draft, _BLACKLIST, ",".join(sorted(names | {self.initcall})))

    def touches(self) -> Mapping[str, str]:
        return {"cmdline": "by words", f"the arguments {_BLACKLIST}": "blacklists"}


@dataclass(frozen=True, slots=True)
class Mask:
    """A unit that systemd does not start, whoever wants it."""

    unit: str

    def __str__(self) -> str:
        return f"mask={self.unit}"

    def edit(self, draft: dict[str, Any]) -> None:
        _require_systemd(draft, str(self))
        _add_file(draft, GuestFile(path=f"{MASKS}/{self.unit}", digest=EMPTY))

    def touches(self) -> Mapping[str, str]:
        return {f"the guest file {MASKS}/{self.unit}": EMPTY}


@dataclass(frozen=True, slots=True)
class DropGenerator:
    """A generator that systemd does not run. Source: systemd.generator(7)."""

    name: str

    def __str__(self) -> str:
        return f"drop-generator={self.name}"

    def edit(self, draft: dict[str, Any]) -> None:
        _require_systemd(draft, str(self))
        _add_file(draft, GuestFile(path=f"{GENERATORS}/{self.name}", digest=EMPTY))

    def touches(self) -> Mapping[str, str]:
        return {f"the guest file {GENERATORS}/{self.name}": EMPTY}


@dataclass(frozen=True, slots=True)
class AddFile:
    """A file that the seed carries into the guest, in place of what it has there."""

    file: GuestFile

    def __str__(self) -> str:
        return f"file:{self.file.path}={self.file.digest}:{self.file.mode:o}"

    def edit(self, draft: dict[str, Any]) -> None:
        _add_file(draft, self.file)

    def touches(self) -> Mapping[str, str]:
        return {f"the guest file {self.file.path}": f"{self.file.digest}:{self.file.mode:o}"}


@dataclass(frozen=True, slots=True)
class SetFiles:
    """All files that the seed carries."""

    files: tuple[GuestFile, ...]

    def __str__(self) -> str:
        return "files=" + " ".join(str(AddFile(file)).removeprefix("file:") for file in self.files)

    def edit(self, draft: dict[str, Any]) -> None:
        draft["guest_files"] = self.files

    def touches(self) -> Mapping[str, str]:
        return {"guest files": str(self)}


@dataclass(frozen=True, slots=True)
class SetField:
    """A field of the recipe."""

    field: Field
    value: str | int

    def __str__(self) -> str:
        if self.field == "memory_mib":
            return f"memory={self.value}M"
        return f"{self.field.replace('_', '-')}={self.value}"

    def edit(self, draft: dict[str, Any]) -> None:
        draft[self.field] = self.value

    def touches(self) -> Mapping[str, str]:
        return {self.field: str(self.value)}


@dataclass(frozen=True, slots=True)
class SetKernel:
    """Another kernel, by the file of it that boots fastest."""

    name: str
    """As it was given, for people."""
    digest: Digest
    file: KernelFile

    def __str__(self) -> str:
        return f"kernel={self.name}"

    def edit(self, draft: dict[str, Any]) -> None:
        draft |= {"kernel": self.digest, "kernel_file": self.file}

    def touches(self) -> Mapping[str, str]:
        return {"kernel": self.digest}


@dataclass(frozen=True, slots=True)
class SetInit:
    """Another init, with the files that it needs."""

    name: InitName
    files: tuple[GuestFile, ...]
    of_all: frozenset[str]
    """The paths of all inits' files: those of the former one go."""

    def __str__(self) -> str:
        return f"init={self.name}"

    def edit(self, draft: dict[str, Any]) -> None:
        if draft["init"] != self.name:
            others = (file for file in draft["guest_files"] if file.path not in self.of_all)
            draft |= {"init": self.name, "guest_files": (*others, *self.files)}

    def touches(self) -> Mapping[str, str]:
        return {"init": self.name}


@dataclass(frozen=True, slots=True)
class KernelOption:
    """An option of the kernel's configuration, for which a kernel must be built."""

    option: str
    value: str

    def __str__(self) -> str:
        return f"config:{self.option}={self.value}"

    def edit(self, draft: dict[str, Any]) -> None:
        raise InputError(
            f"{self} needs a kernel that is built with it",
            hint="build it, and give kernel=NAME in its place",
        )

    def touches(self) -> Mapping[str, str]:
        return {"kernel": "is built", self.option: self.value}


# What decides several fields comes before what decides one of them, and both before what adds to
# what is there.
_RANKS: tuple[type[Any], ...] = (
    *(SetKernel, SetInit, SetField, KernelOption, SetCmdline, SetFiles),
    *(DropArgument, SetArgument, AddArgument, Blacklist, Mask, DropGenerator, AddFile),
)


def applied(recipe: Recipe, changes: Iterable[Change]) -> Recipe:
    """Return *recipe* with all *changes*, the same in whichever order they are given.

    Raises:
        InputError: two of them conflict, or the recipe cannot have one.
    """
    each = sorted(set(changes), key=lambda change: (_RANKS.index(type(change)), str(change)))
    check_conflicts(each)
    draft = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    for change in each:
        change.edit(draft)
    return Recipe(**draft)


def check_conflicts(changes: Iterable[Change]) -> None:
    """See that no two of *changes* decide one thing differently.

    Raises:
        InputError: two do; both are named.
    """
    decided: dict[str, tuple[str, Change]] = {}
    for change in changes:
        for thing, value in change.touches().items():
            before, by = decided.setdefault(thing, (value, change))
            if before != value:
                raise InputError(
                    f"{by} and {change} conflict: both decide {thing}",
                    hint="leave one of them out",
                )


def inverse(change: Change, recipe: Recipe) -> tuple[Change, ...]:
    """Return the changes that make exactly *recipe* again of it with *change*."""
    after = applied(recipe, [change])
    differ = [
        field.name
        for field in fields(recipe)
        if getattr(recipe, field.name) != getattr(after, field.name)
    ]
    return tuple(_restoring(name, getattr(recipe, name)) for name in differ)


def _restoring(name: str, value: Any) -> Change:
    if name == "cmdline":
        return SetCmdline(value)
    if name == "guest_files":
        return SetFiles(value)
    assert name in get_args(Field), name
    return SetField(name, value)  # type: ignore[arg-type]


def _argument(word: str) -> dict[str, str]:
    key, equals, _ = word.partition("=")
    return {"cmdline": "by words"} | ({f"the arguments {key}=": "by word"} if equals else {})


def _set_argument(draft: dict[str, Any], prefix: str, value: str) -> None:
    """Put ``prefix + value`` where the first word with that prefix is, and drop the others."""

    def words() -> Iterator[str]:
        placed = False
        for word in draft["cmdline"]:
            if not word.startswith(prefix):
                yield word
            elif not placed:
                placed = True
                yield prefix + value
        if not placed:
            yield prefix + value

    draft["cmdline"] = tuple(words())


def _add_file(draft: dict[str, Any], file: GuestFile) -> None:
    files: tuple[GuestFile, ...] = draft["guest_files"]
    if any(there.path == file.path for there in files):
        files = tuple(file if there.path == file.path else there for there in files)
    else:
        files = (*files, file)
    draft["guest_files"] = files


def _require_systemd(draft: dict[str, Any], change: str) -> None:
    if not str(draft["init"]).startswith("systemd"):
        raise InputError(
            f"{change} has no meaning with init {draft['init']!r}",
            hint="only systemd reads masks; leave it out, or add init=systemd",
        )
