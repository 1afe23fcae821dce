"""Change: a named edit of a recipe, which can be printed, read back and taken back. Values only.

What a change needs from this host (the digest of a kernel or a file, what an init carries) is
looked up while its text is read, see `change_text`; from then on it holds digests.

Changes that do not conflict give the same recipe in any order: `changed` applies them in an order
of its own, and all at once, so that no recipe between two of them has to be possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Protocol, get_args

from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.recipes.draft import FIELDS
from bootwright.recipes.recipe import GuestFile, InitName, KernelFile, Recipe

GUEST_RUN = "/bootwright/run"
"""What lies here in the initramfs is copied into the guest's /run."""
_BLACKLIST = "initcall_blacklist"
CHANGED = {field.word: field for field in FIELDS.values() if field.is_change}
"""The fields that can be changed, by the names that texts of changes have for them."""


class _Edit(Protocol):
    @property
    def slots(self) -> Mapping[str, str]:
        """What it decides, and to which value: two edits that differ in one conflict."""
        ...

    def apply(self, values: dict[str, Any]) -> None:
        """Edit the fields of a recipe."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A kernel argument, there or not there."""

    word: str
    is_there: bool

    def __str__(self) -> str:
        return f"cmdline{'+' if self.is_there else '-'}={self.word}"

    @property
    def slots(self) -> Mapping[str, str]:
        return {f"argument {self.word}": "there" if self.is_there else "not there"}

    def apply(self, values: dict[str, Any]) -> None:
        words = values["cmdline"]
        if not self.is_there:
            values["cmdline"] = tuple(word for word in words if word != self.word)
        elif self.word not in words:
            values["cmdline"] = _added(words, self.word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A kernel argument with this key: the only one, with this value."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"cmdline:{self.key}={self.value}"

    @property
    def slots(self) -> Mapping[str, str]:
        return {f"value of {self.key}": self.value}

    def apply(self, values: dict[str, Any]) -> None:
        words, new = list(values["cmdline"]), f"{self.key}={self.value}"
        places = [i for i, word in enumerate(words) if _key(word) == self.key]
        if not places:
            values["cmdline"] = _added(tuple(words), new)
            return
        words[places[0]] = new
        values["cmdline"] = tuple(w for i, w in enumerate(words) if i not in places[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """All of the kernel's command line."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return "cmdline=" + " ".join(self.words)

    @property
    def slots(self) -> Mapping[str, str]:
        return {"command line": str(self)}

    def apply(self, values: dict[str, Any]) -> None:
        values["cmdline"] = self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Blacklisted:
    """An initcall that the kernel leaves out; several share one argument.

    Source: Documentation/admin-guide/kernel-parameters.txt, initcall_blacklist.
    """

    initcall: str

    def __str__(self) -> str:
        return f"blacklist={self.initcall}"

    @property
    def slots(self) -> Mapping[str, str]:
        return {f"initcall {self.initcall}": "left out"}

    def apply(self, values: dict[str, Any]) -> None:
        words = list(values["cmdline"])
        for index, word in enumerate(words):
            if _key(word) == _BLACKLIST:
                names = word.partition("=")[2].split(",")
                if self.initcall not in names:
                    words[index] = f"{word},{self.initcall}"
                values["cmdline"] = tuple(words)
                return
        values["cmdline"] = _added(tuple(words), f"{_BLACKLIST}={self.initcall}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the recipe."""

    name: str
    """As texts of changes name it."""
    value: str | int

    def __str__(self) -> str:
        return f"{self.name}={CHANGED[self.name].text_of(self.value)}"

    @property
    def slots(self) -> Mapping[str, str]:
        return {self.name: str(self.value)}

    def apply(self, values: dict[str, Any]) -> None:
        values[CHANGED[self.name].recipe] = self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class VmmOption:
    """An option of the VMM's; without a value, the VMM's own default."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"vmm.{self.name}={self.value or 'default'}"

    @property
    def slots(self) -> Mapping[str, str]:
        return {f"vmm.{self.name}": self.value}

    def apply(self, values: dict[str, Any]) -> None:
        others = [o for o in values["vmm_options"] if _key(o) != self.name]
        own = [f"{self.name}={self.value}"] if self.value else []
        values["vmm_options"] = tuple(sorted([*others, *own]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """Another kernel."""

    name: str
    digest: Digest
    file: KernelFile
    """Which of its files boots."""

    def __str__(self) -> str:
        return f"kernel={self.name}"

    @property
    def slots(self) -> Mapping[str, str]:
        return {"kernel": self.digest}

    def apply(self, values: dict[str, Any]) -> None:
        values |= {"kernel": self.digest, "kernel_file": self.file}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """An option of a kernel that is yet to be built: whoever builds it puts a `Kernel` in its
    place."""

    option: str
    value: str

    def __str__(self) -> str:
        return f"config:{self.option}={self.value}"

    @property
    def slots(self) -> Mapping[str, str]:
        return {f"option {self.option}": self.value}

    def apply(self, values: dict[str, Any]) -> None:
        raise InputError(
            f"{self} needs a kernel built with it, and there is none",
            hint=f'write "# base: profile micro" and "{self.option}={self.value}  # why" into '
            "mine.fragment, give it to bootwright kernel build, and say kernel=mine",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedFile:
    """A file that the initramfs carries, or one that it does not."""

    text: str
    path: str
    """As the guest sees it."""
    digest: Digest | None
    mode: int = 0o644
    needs_systemd: bool = False

    def __str__(self) -> str:
        return self.text

    @property
    def slots(self) -> Mapping[str, str]:
        return {f"file {self.path}": f"{self.digest} {self.mode}"}

    def apply(self, values: dict[str, Any]) -> None:
        is_run = self.path.startswith("/run/")
        if values["image"] is not None and not is_run:
            raise InputError(
                f"{self}: {self.path} is on the image, which stays as it is",
                hint="the guest of an image takes files below /run, such as "
                "/run/systemd/system.control/ssh.service.d/x.conf or /run/udev/rules.d/x.rules",
            )
        if self.needs_systemd and values["init"] not in ("systemd", "systemd-trimmed"):
            raise InputError(
                f"{self} is for systemd, but init is {values['init']!r}",
                hint="give an image with init systemd",
            )
        in_image = is_run and values["image"] is not None
        path = GUEST_RUN + self.path.removeprefix("/run") if in_image else self.path
        files = list(values["guest_files"])
        place = next((i for i, f in enumerate(files) if f.path == path), len(files))
        new = (
            [GuestFile(path=path, digest=self.digest, mode=self.mode)]
            if self.digest is not None
            else []
        )
        values["guest_files"] = (*files[:place], *new, *files[place + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """Another PID 1, and what the initramfs carries for it in place of what it carried."""

    text: str
    name: InitName
    files: tuple[GuestFile, ...]
    is_all: bool = False
    """Whether *files* are all of the recipe's guest files."""

    def __str__(self) -> str:
        return self.text

    @property
    def slots(self) -> Mapping[str, str]:
        return {"init": self.text}

    def apply(self, values: dict[str, Any]) -> None:
        kept = (f for f in values["guest_files"] if not f.path.startswith(f"{GUEST_RUN}/"))
        files = self.files if self.is_all else (*kept, *self.files)
        values["init"], values["guest_files"] = self.name, files


Edit = (
    Init
    | Kernel
    | Config
    | Field
    | VmmOption
    | CarriedFile
    | CommandLine
    | Setting
    | Argument
    | Blacklisted
)
_ORDER = get_args(Edit)
"""In this order edits are applied: what replaces much comes before what edits a part of it."""
_CMDLINE = (CommandLine, Setting, Argument, Blacklisted)


@dataclass(frozen=True, slots=True)
class Change:
    """A named edit of a recipe. ``str`` gives the text that `change_text.parse` takes back."""

    edit: Edit

    def __str__(self) -> str:
        return str(self.edit)

    def __call__(self, recipe: Recipe) -> Recipe:
        """Return *recipe* with the change; one that has it already stays as it is.

        Raises:
            InputError: that recipe cannot boot, or the change does not go with it.
        """
        return changed(recipe, (self,))

    def inverse(self, recipe: Recipe) -> Change:
        """Return the change that makes exactly *recipe* of what this change makes of it."""
        after = self(recipe)
        for edit in _inverses(self.edit, recipe):
            if edit is not None and Change(edit)(after) == recipe:
                return Change(edit)
        raise AssertionError(f"{self} cannot be taken back")  # the last of each kind restores all

    def opposite(self) -> Change | None:
        """Return what takes it out of any recipe that has it; None: only `inverse` can."""
        match self.edit:
            case Argument(word=word, is_there=is_there):
                return Change(Argument(word=word, is_there=not is_there))
            case Setting(key=key, value=value):
                return Change(Argument(word=f"{key}={value}", is_there=False))
            case CarriedFile(path=path, digest=digest) if digest is not None:
                return Change(_not_carried(path))
            case _:
                return None


def changed(recipe: Recipe, changes: Iterable[Change]) -> Recipe:
    """Return *recipe* with all changes, whatever their order.

    Raises:
        InputError: two of them conflict, one does not go with the recipe, or the outcome cannot
            boot; the message names the changes.
    """
    wanted = sorted(set(changes), key=lambda c: (_ORDER.index(type(c.edit)), str(c)))
    for one, other in combinations(wanted, 2):
        if why := _conflict(one.edit, other.edit):
            raise InputError(f"{one} and {other} conflict: {why}", hint="leave one of the two out")
    names = Recipe.__dataclass_fields__
    values: dict[str, Any] = {name: getattr(recipe, name) for name in names}
    for change in wanted:
        change.edit.apply(values)
    edited = {name: values[name] for name in names if values[name] != getattr(recipe, name)}
    try:
        return replace(recipe, **edited) if edited else recipe
    except InputError as error:
        said = ", ".join(map(str, wanted))
        raise InputError(f"with {said}: {error}", hint=error.hint) from error


def _conflict(one: Edit, other: Edit) -> str:
    """Return why two edits conflict; empty if they do not."""
    for slot, value in one.slots.items():
        if other.slots.get(slot, value) != value:
            return f"both decide {slot}"
    kinds: set[type] = {type(one), type(other)}
    if Kernel in kinds and Config in kinds:
        return "an option is for a kernel that is built, and the other names one"
    if len(kinds) == 2 and all(isinstance(edit, _CMDLINE) for edit in (one, other)):
        if CommandLine in kinds:
            return "one is the whole command line"
        keys = {_cmdline_key(one), _cmdline_key(other)}
        if len(keys) == 1 and kinds != {Blacklisted}:
            return f"both decide {keys.pop()}"
    return ""


def _cmdline_key(edit: Edit) -> str:
    match edit:
        case Setting():
            return edit.key
        case Argument():
            return _key(edit.word)
        case Blacklisted():
            return _BLACKLIST
    return ""


def _inverses(edit: Edit, recipe: Recipe) -> list[Edit | None]:
    """Return edits that may take *edit* back, the plainest first; the last always does."""
    match edit:
        case Argument() | Setting() | Blacklisted() | CommandLine():
            plain: Edit | None = None
            if isinstance(edit, Argument):
                plain = replace(edit, is_there=not edit.is_there)
            elif isinstance(edit, Setting):
                olds = [w for w in recipe.cmdline if _key(w) == edit.key and "=" in w]
                new = f"{edit.key}={edit.value}"
                plain = Argument(word=new, is_there=False)
                if olds:
                    plain = Setting(key=edit.key, value=olds[0].partition("=")[2])
            return [plain, CommandLine(words=recipe.cmdline)]
        case Field():
            return [replace(edit, value=getattr(recipe, CHANGED[edit.name].recipe))]
        case VmmOption():
            old = next((o for o in recipe.vmm_options if _key(o) == edit.name), "")
            return [replace(edit, value=old.partition("=")[2])]
        case Kernel():
            return [
                Kernel(
                    name=f"{recipe.kernel}:{recipe.kernel_file}",
                    digest=recipe.kernel,
                    file=recipe.kernel_file,
                )
            ]
        case CarriedFile():
            return [_carried_before(edit, recipe), _all_files(recipe)]
        case Init():
            return [_all_files(recipe)]
        case Config():
            return []


def _carried_before(edit: CarriedFile, recipe: Recipe) -> Edit:
    seed_path = GUEST_RUN + edit.path.removeprefix("/run")
    path = seed_path if recipe.image is not None else edit.path
    for file in recipe.guest_files:
        if file.path == path:
            text = f"file:{edit.path}={file.digest}:{file.mode:o}"
            return CarriedFile(text=text, path=edit.path, digest=file.digest, mode=file.mode)
    return _not_carried(edit.path)


def _not_carried(path: str) -> CarriedFile:
    return CarriedFile(text=f"drop-file={path}", path=path, digest=None)


def _all_files(recipe: Recipe) -> Init:
    files = ",".join(f"{f.path}={f.digest}:{f.mode:o}" for f in recipe.guest_files)
    return Init(
        text=f"guest-files={recipe.init},{files}",
        name=recipe.init,
        files=recipe.guest_files,
        is_all=True,
    )


def _key(word: str) -> str:
    return word.partition("=")[0]


def _added(words: tuple[str, ...], word: str) -> tuple[str, ...]:
    """Add an argument for the kernel; what stands behind -- is for PID 1."""
    place = words.index("--") if "--" in words else len(words)
    return (*words[:place], word, *words[place:])
