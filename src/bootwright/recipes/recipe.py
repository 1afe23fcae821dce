"""Recipe: all that decides how one guest boots. Values only: no paths, no I/O."""

from __future__ import annotations

import re
from typing import Literal

from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.recipes.clock import CLOCKS, ClockName, GuestClock
from bootwright.values import dataclass

Accelerator = Literal["kvm", "tcg"]
MachineType = Literal["q35", "microvm"]
InitName = Literal["systemd", "systemd-trimmed", "tini", "bare", "none"]
Disk = Literal["qcow2", "reflink", "dm-snapshot", "overlay", "pmem", "copy", "none"]
Network = Literal["user", "none"]
Clock = ClockName
KernelFile = Literal["vmlinux", "bzImage"]

CMDLINE_BYTES = 2047
"""What an x86 kernel reads of its command line (COMMAND_LINE_SIZE less the final zero)."""

MEMORY_FLOOR_MIB = 16
"""No Linux kernel here is smaller than this."""

SEED_LIMIT = 1 << 63
"""Random seeds are below it, so that TOML can hold them."""

MIB = 1 << 20
_VIRTUALIZATION = re.compile(r"[+-]?(svm|vmx|npt|ept)(=\w+)?")
_OPTION = re.compile(r"[a-z0-9][a-z0-9-]*=[A-Za-z0-9._+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFile:
    """A file that the initramfs carries into every guest of a recipe."""

    path: str
    """Absolute, in the initramfs's own root."""
    digest: Digest
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides how one guest boots; equal recipes boot alike.

    What differs between two machines of one recipe (name, keys, ports, folders) is not in it.
    A recipe without an image is the *tiny* guest: the initramfs alone, which runs one command.

    Raises:
        InputError: a value cannot be used; the message names the field, the value and the range.
    """

    kernel: Digest
    image: Digest | None
    init: InitName
    """What takes over from the initramfs; ``none``: nothing does, it runs one command itself."""
    cmdline: tuple[str, ...]
    vmm: Literal["qemu"]
    vmm_build: str
    """The VMM's own version text: another build is another experiment."""
    accelerator: Accelerator
    machine_type: MachineType
    cpu: str
    memory_mib: int
    vcpus: int
    disk: Disk
    """Where what the guest writes goes; see `disks`. ``pmem``: to memory, which lives as long as
    its VM. ``none`` goes with no image."""
    disk_bytes: int
    network: Network
    random_seed: int | None = None
    """Seed of every random number that the VMM gives the guest; none: the host's randomness."""
    guest_files: tuple[GuestFile, ...] = ()
    kernel_file: KernelFile = "vmlinux"
    """Which of the kernel's files the VMM is given."""
    clock: Clock = "wall"
    """What the guest's time is made of. ``virtual``: a nanosecond an instruction, and what nobody
    waits for is skipped: the same recipe takes the same time, whatever the host does."""
    nested: bool = False
    """Whether the guest can run virtual machines itself, with a /dev/kvm of its own."""
    vmm_options: tuple[str, ...] = ()
    """Options of the VMM that are no fields of their own, ``name=value``, in order of their names:
    ``tb-size`` of TCG, else a property of the machine, such as ``hpet=off``."""

    @property
    def allows_login(self) -> bool:
        """Whether one can log in to its guest; else the guest runs one command and ends."""
        return self.init not in ("bare", "none")

    @property
    def guest_clock(self) -> GuestClock:
        """What its clock means for a boot."""
        return CLOCKS[self.clock]

    def __post_init__(self) -> None:
        if self.memory_mib < MEMORY_FLOOR_MIB:
            raise InputError(
                f"memory_mib is {self.memory_mib}, but a guest needs {MEMORY_FLOOR_MIB} or more",
                hint='write memory = "512M", or --memory 512M',
            )
        if not 1 <= self.vcpus <= 255:
            raise InputError(
                f"vcpus is {self.vcpus}, but a guest has 1 to 255", hint="write vcpus = 2"
            )
        length = len(" ".join(self.cmdline).encode())
        if length > CMDLINE_BYTES:
            raise InputError(
                f"cmdline is {length} bytes long, but an x86 kernel reads {CMDLINE_BYTES}",
                hint="drop arguments; more than some forty systemd.mask= do not fit",
            )
        if (self.image is None) != (self.init == "none"):
            raise InputError(
                f"init is {self.init!r}, which does not go with "
                + ("no image" if self.image is None else "an image"),
                hint='write init = "systemd" (or tini, bare) with an image, "none" without one',
            )
        if (self.image is None) != (self.disk == "none"):
            raise InputError(
                f"disk is {self.disk!r}, which does not go with "
                + ("no image" if self.image is None else "an image"),
                hint='write disk = "qcow2" (or another kind) with an image, "none" without one',
            )
        if self.disk == "pmem" and self.machine_type != "q35":
            raise InputError(
                f"disk is 'pmem', which machine type {self.machine_type!r} does not have",
                hint="leave out --machine-type, or give q35",
            )
        if self.random_seed is not None and not 0 <= self.random_seed < SEED_LIMIT:
            raise InputError(
                f"random_seed is {self.random_seed}, but must be 0 or more and below 2^63",
                hint="write seed = 1, or --seed 1",
            )
        names = [option.partition("=")[0] for option in self.vmm_options]
        if names != sorted(set(names)) or not all(map(_OPTION.fullmatch, self.vmm_options)):
            raise InputError(
                f"vmm_options is {', '.join(self.vmm_options)}, but each is name=value, once, and "
                "they are in order of their names",
                hint='write vmm_options = ["hpet=off", "smm=off"]',
            )
        _check_clock(self)
        _check_nested(self)
        if self.disk_bytes % 512:
            raise InputError(
                f"disk_bytes is {self.disk_bytes}, but a disk is made of 512-byte sectors",
                hint="write a multiple of 512",
            )


def _check_clock(recipe: Recipe) -> None:
    clock = recipe.guest_clock
    for field, need in clock.needs.items():
        value = getattr(recipe, field)
        if value not in need.accepted:
            raise InputError(
                f"{field} is {value!r}, but the {clock.name} clock needs {need.accepted[0]!r}",
                hint=need.hint,
            )
    if recipe.random_seed is None and clock.random_seed is not None:
        raise InputError(
            f"random_seed is missing, but the {clock.name} clock needs one",
            hint="write seed = 1, or --seed 1",
        )


def _check_nested(recipe: Recipe) -> None:
    """See that the CPU leaves virtualization to the VMM, which adds what its accelerator has."""
    if not recipe.nested:
        return
    model, *features = recipe.cpu.split(",")
    for feature in features:
        if _VIRTUALIZATION.fullmatch(feature):
            raise InputError(
                f"cpu is {recipe.cpu!r}, but nested decides {feature!r} itself",
                hint=f"leave {feature} out of cpu, or leave nested out",
            )
    if recipe.accelerator == "kvm" and model not in ("host", "max"):
        raise InputError(
            f"cpu is {recipe.cpu!r}, but nested with KVM needs the host's CPU",
            hint='write cpu = "host", or leave cpu out',
        )
