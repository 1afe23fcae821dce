"""Draft: what a user says of a boot. Its fields are the one table of what may be said.

A field's name is its word everywhere: the keyword in Python, the field in a recipe file, and with
``-`` for ``_`` the option and the change. Options, files and changes are made from `FIELDS`.
"""

# Without `from __future__ import annotations`: the annotations are read at each start, and as texts
# they would have to be compiled first.

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, fields, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from bootwright.errors import InputError
from bootwright.recipes import size
from bootwright.recipes.clock import CLOCKS, GuestClock
from bootwright.recipes.recipe import (
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
from bootwright.values import dataclass

Size = str | int
"""Text with a unit, such as ``1G``, or a plain number; its field says of what."""


@dataclasses.dataclass(frozen=True, slots=True)
class DraftField:
    """One field of a draft: how it is written, what it accepts, and what it becomes."""

    help: str
    _: KW_ONLY
    metavar: str = ""
    """Stands for its value in help texts."""
    recipe: str = ""
    """The field of the recipe that it becomes, if that has another name; empty: none does."""
    unit: Literal["", "m"] = ""
    """What a size without a unit counts: bytes or MiB, as the field of the recipe does."""
    names: Literal["images", "kernels", "trims", "fast_defaults"] | None = None
    """What its texts are names of: the shell completes them."""
    least: int = 0
    """The smallest number that it accepts."""
    implied: tuple[str, ...] = ()
    """Values that follow from other fields: recipe files have them, and no option takes them."""
    is_option: bool = True
    is_change: bool = False
    """Whether it can be changed by its name and a value; some have changes of their own."""
    name: str = ""
    type: Any = None
    """As it is annotated; msgspec reads it."""
    default: Any = None

    @property
    def word(self) -> str:
        """Its name in options and changes."""
        return self.name.replace("_", "-")

    @property
    def is_size(self) -> bool:
        """Whether it is a size: text with a unit, or a number."""
        return bool(self.type == Size | None)

    @property
    def is_number(self) -> bool:
        """Whether it is a whole number."""
        return bool(self.type == int | None)

    @property
    def is_flag(self) -> bool:
        """Whether it is there or not."""
        return self.type is bool

    @property
    def is_list(self) -> bool:
        """Whether it may be given several times; what is given adds up."""
        return bool(self.default == ())

    @property
    def values(self) -> tuple[str, ...]:
        """All texts that it accepts; empty: any."""
        return _texts(self.type)

    @property
    def option_values(self) -> tuple[str, ...]:
        """The texts that its option accepts; empty: any."""
        return tuple(value for value in self.values if value not in self.implied)

    @property
    def change_values(self) -> tuple[str, ...]:
        """The texts that its change accepts; empty: any."""
        if self.is_flag:
            return ("true", "false")
        return tuple(value for value in self.option_values if value != "auto")

    def checked(self, value: Any) -> Any:
        """Return *value* as a draft holds it: of lists it makes tuples.

        Raises:
            InputError: it is not accepted.
        """
        if value == self.default:
            return value
        if value == "":
            raise InputError(f"{self.name} is empty", hint=self._form())
        try:
            good = msgspec.convert(value, self.type)
        except msgspec.ValidationError as error:
            raise self._refused(value, self.values) from error
        if self.is_size:
            self.number_of(good)
        if self.is_number and good < self.least:
            raise InputError(
                f"{self.name} is {good}, but must be {self.least} or more", hint=self._form()
            )
        return tuple(good) if self.is_list else good

    def number_of(self, value: Size) -> int:
        """Return the number that a size is in a recipe.

        Raises:
            InputError: it is not a size.
        """
        if isinstance(value, int):
            return value
        try:
            return size.parse(value, unit=self.unit) // size.UNIT_BYTES[self.unit]
        except InputError as error:
            raise InputError(f"{self.name}: {error}", hint=self._form()) from error

    def recipe_value(self, text: str) -> str | int:
        """Return what a recipe holds for the text of a change.

        Raises:
            InputError: it is not accepted.
        """
        if self.is_size:
            return self.number_of(text)
        if self.is_number and re.fullmatch(r"\d{1,18}", text):
            return int(text)
        if self.is_number or (self.change_values and text not in self.change_values):
            raise self._refused(text, self.change_values)
        return text == "true" if self.is_flag else text

    def text_of(self, value: str | int) -> str:
        """Return the text that `recipe_value` takes back."""
        if self.is_size and isinstance(value, int):
            return size.text(value, unit=self.unit)
        return str(value).lower() if self.is_flag else str(value)

    def _refused(self, value: object, values: tuple[str, ...]) -> InputError:
        accepted = f"one of {', '.join(values)}" if values else _ACCEPTED[self.type]
        from bootwright import suggest  # here: no boot waits for it

        shown = str(value).lower() if isinstance(value, bool) else repr(value)  # as TOML has it
        near = suggest.nearest(value, values) if isinstance(value, str) else ""
        return InputError(
            f"{self.name} is {shown}, but must be {accepted}",
            hint=f"did you mean {near!r}?" if near else self._form(),
        )

    def _form(self) -> str:
        """Return a hint with the field as a recipe has it, and as an option."""
        if self.is_flag:
            return f"such as {self.name} = true"
        values = [value for value in self.change_values if value not in self.implied]
        example = _EXAMPLES.get(self.name) or (values or ["..."])[0]
        if self.name == "guest_files":
            return 'such as guest_files = [{ path = "/init", digest = "sha256-...", mode = 493 }]'
        if _ACCEPTED.get(self.type) == "a list of strings":
            return f'such as {self.name} = ["{example}"]'
        written = example if self.is_number else f'"{example}"'
        option = f", or --{self.word} {example} as an option" if self.is_option else ""
        return f"such as {self.name} = {written}{option}"


_EXAMPLES = {
    **{"image": "web", "kernel": "debian", "trim": "small", "memory": "512M", "vcpus": "2"},
    **{"append": "debug", "without": "quiet", "disk_size": "20G", "seed": "1", "cpu": "max"},
    **{"cmdline": "quiet", "vmm_options": "hpet=off"},
}
_ACCEPTED: dict[Any, str] = {
    bool: "true or false",
    str | None: "text",
    int | None: "a whole number",
    Size | None: "a size, such as 512M",
    Sequence[str]: "a list of strings",
    tuple[str, ...] | None: "a list of strings",
    tuple[GuestFile, ...] | None: "a list of path, digest and mode",
}


def _texts(kind: Any) -> tuple[str, ...]:
    """Return the texts that a type with literals accepts, in their order."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return tuple(value for part in get_args(kind) for value in _texts(part))
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftFields:
    """What a user may say of a boot beside its image: the one table of fields.

    Raises:
        InputError: a value cannot be used; the message names the field, the value and what is
            accepted.
    """

    tiny: Annotated[bool, DraftField("No image: a guest that runs COMMAND and powers off.")] = False
    kernel: Annotated[
        str | None, DraftField("Kernel; default: debian.", metavar="NAME", names="kernels")
    ] = None
    init: Annotated[InitName | None, DraftField("PID 1:", implied=("none",))] = None
    trim: Annotated[
        str | None,
        DraftField(
            "Trim for --init systemd-trimmed; see bootwright trim.", metavar="NAME", names="trims"
        ),
    ] = None
    """In the recipe its files are among the guest files."""
    memory: Annotated[
        Size | None,
        DraftField(
            "Memory, such as 512M (the default; 2G with --nested) or 4G.",
            metavar="SIZE",
            recipe="memory_mib",
            unit="m",
            is_change=True,
        ),
    ] = None
    vcpus: Annotated[
        int | None,
        DraftField("vCPUs; default: 2 with KVM, 1 with TCG.", metavar="N", least=1, is_change=True),
    ] = None
    append: Annotated[
        Sequence[str], DraftField("Add to the kernel command line.", metavar="ARGS")
    ] = ()
    without: Annotated[
        Sequence[str],
        DraftField(
            "Disable a default chosen for speed; bootwright recipe show --why lists them.",
            metavar="NAME",
            names="fast_defaults",
        ),
    ] = ()
    stock: Annotated[bool, DraftField("Disable all defaults chosen for speed.")] = False
    accelerator: Annotated[
        Literal["auto"] | Accelerator | None,
        DraftField(
            "auto (the default): KVM if it can run a guest, else TCG.",
            metavar="NAME",
            is_change=True,
        ),
    ] = None
    machine_type: Annotated[
        MachineType | None, DraftField("QEMU's machine type.", metavar="TYPE", is_change=True)
    ] = None
    disk: Annotated[
        Literal["auto"] | Disk | None,
        DraftField(
            "Disk type; auto: the best that works; see bootwright disk list.",
            metavar="KIND",
            implied=("none",),
            is_change=True,
        ),
    ] = None
    disk_size: Annotated[
        Size | None,
        DraftField(
            "Disk size if larger than the image, such as 20G.", metavar="SIZE", recipe="disk_bytes"
        ),
    ] = None
    nested: Annotated[
        bool,
        DraftField(
            "Virtualization in the guest, with a /dev/kvm: the host's, or emulated.",
            metavar="true|false",
            is_change=True,
        ),
    ] = False
    clock: Annotated[
        Clock | None,
        DraftField("virtual: guest time is 1 ns per instruction, the same in every boot."),
    ] = None
    seed: Annotated[
        int | None,
        DraftField(
            "Random seed of the guest; default: the host's randomness, 1 on the virtual clock.",
            metavar="N",
            recipe="random_seed",
        ),
    ] = None
    network: Annotated[
        Network | None,
        DraftField("Network.", metavar="KIND", is_option=False, is_change=True),
    ] = None
    cpu: Annotated[
        str | None, DraftField("QEMU's -cpu", metavar="MODEL", is_option=False, is_change=True)
    ] = None
    cmdline: Annotated[
        tuple[str, ...] | None, DraftField("The kernel command line.", is_option=False)
    ] = None
    kernel_file: Annotated[
        KernelFile | None, DraftField("Kernel file to boot.", is_option=False)
    ] = None
    guest_files: Annotated[
        tuple[GuestFile, ...] | None,
        DraftField("All files that the initramfs carries.", is_option=False),
    ] = None
    vmm: Annotated[Literal["qemu"] | None, DraftField("The VMM.", is_option=False)] = None
    vmm_build: Annotated[str | None, DraftField("The VMM's version.", is_option=False)] = None
    vmm_options: Annotated[
        tuple[str, ...] | None,
        DraftField("Options of the VMM, such as hpet=off.", is_option=False),
    ] = None

    def __post_init__(self) -> None:
        for name, field in FIELDS.items():
            if name != "image":
                object.__setattr__(self, name, field.checked(getattr(self, name)))

    @property
    def memory_mib(self) -> int | None:
        """The memory in MiB."""
        return None if self.memory is None else FIELDS["memory"].number_of(self.memory)

    @property
    def disk_bytes(self) -> int | None:
        """The disk's size in bytes."""
        return None if self.disk_size is None else FIELDS["disk_size"].number_of(self.disk_size)

    @property
    def guest_clock(self) -> GuestClock:
        """What its clock means for a boot."""
        return CLOCKS[self.clock or "wall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(DraftFields):
    """What a user says of a boot; `defaults.complete` fills the rest."""

    image: Annotated[str | None, DraftField("Image.", names="images", is_option=False)] = None

    def __post_init__(self) -> None:
        DraftFields.__post_init__(self)
        object.__setattr__(self, "image", FIELDS["image"].checked(self.image))

    def check_image(self) -> None:
        """See that it says what to boot: an image, or none.

        Raises:
            InputError: it says neither, or both.
        """
        if self.tiny and self.image is not None:
            raise InputError(
                f"--tiny has no image, but {self.image!r} was given",
                hint="put the command behind --: bootwright run --tiny -- uname -a",
            )
        # The recipe of a tiny guest says so by its init.
        if not self.tiny and self.image is None and self.init != "none":
            raise InputError(
                "no image was given",
                hint="bootwright image list shows them; --tiny boots without one",
            )


def _fields() -> dict[str, DraftField]:
    recipe = {field.name for field in fields(Recipe)}
    found = {}
    # The image first, as people say it.
    for field in sorted(fields(Draft), key=lambda field: field.name != "image"):
        kind, said = get_args(field.type)
        found[field.name] = replace(
            said,
            name=field.name,
            type=kind,
            default=field.default,
            recipe=said.recipe or (field.name if field.name in recipe else ""),
        )
    return found


FIELDS: Mapping[str, DraftField] = _fields()
"""All fields of a draft, by name."""


def of_recipe(recipe: Recipe) -> Draft:
    """Return the draft that says all that a recipe says."""
    values = {f.name: getattr(recipe, f.recipe) for f in FIELDS.values() if f.recipe}
    return Draft(**{name: value for name, value in values.items() if value is not None})


def merged(base: Draft, over: Draft) -> Draft:
    """Return *base* with what *over* says in its place; what is appended or left out adds up."""
    values: dict[str, Any] = {}
    for field in FIELDS.values():
        old, new = getattr(base, field.name), getattr(over, field.name)
        if field.is_list:
            values[field.name] = (*old, *new)
        else:
            values[field.name] = old if new == field.default else new
    return Draft(**values)
