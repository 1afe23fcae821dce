"""Completing a recipe: every gap is filled by a default that has a reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bootwright.defaults import disk_kind, kernelchoice, kvm_trial, nesting, speed
from bootwright.defaults.kvm_trial import Choice
from bootwright.digest import Digest
from bootwright.disks.table import disk as kind_of_disk
from bootwright.errors import FormatError, HostError, InputError
from bootwright.events import Event, Notice, Observer, ignore
from bootwright.guest import initramfs
from bootwright.home import Home
from bootwright.images.image import Image, load_image
from bootwright.inits.table import INITS
from bootwright.kernels.kernel import Kernel, load_kernel
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import (
    MIB,
    Accelerator,
    Disk,
    GuestFile,
    InitName,
    KernelFile,
    MachineType,
    Recipe,
)
from bootwright.values import dataclass
from bootwright.vmms.table import VMMS

DEFAULT_MEMORY_MIB = 512
_TINY_MEMORY_MIB, _IMAGE_MEMORY_MIB = 24, 60
"""What a guest needs beside its kernel's own size. Tried with Debian's kernels, 51 and 54 MiB: a
tiny guest runs with 80 MiB and panics with 64; Debian 12 and 13 run with 112."""

# What is here for speed alone is a default with a name, which can be switched off: see `defaults`.
_CMDLINE = (
    "console=ttyS0",  # where the kernel's last words go
    "quiet",
    "panic=-1",  # a panic ends the machine at once, so that it is found
    "cryptomgr.notests",
)
_IMAGE_CMDLINE = ("net.ifnames=0",)  # the initramfs has set up eth0 before udev could rename it
_TCG_CMDLINE = ("mitigations=off", "no_timer_check")
_TCG_TINY_CMDLINE = ("noapictimer", "noreplace-smp")
"""For one vCPU, and for a guest that ends soon: what lives on sets more timers, which the APIC is
cheaper for."""


def complete_now(
    home: Home, draft: Draft, observe: Observer = ignore
) -> tuple[Recipe, Choice] | None:
    """Complete a draft if that takes no time; see `complete`.

    Args:
        observe: Given a `Notice` of the kernel if the draft is completed.

    Returns:
        None: a kernel has to be fetched, or KVM to be tried.
    """
    image = _image(home, draft)
    if kernelchoice.is_missing(home, draft, image):
        return None
    filled = _completion(home, draft, image, _kernel(home, draft, image))
    choice = _known_choice(home, draft, filled)
    if choice is None:
        return None
    _explain(home, draft, image, observe)
    return filled.with_choice(choice)


async def complete(home: Home, draft: Draft, observe: Observer = ignore) -> tuple[Recipe, Choice]:
    """Turn a draft into a recipe, and say which accelerator and disk were chosen and why.

    Where a draft names no kernel, Debian's of the image's suite is fetched if it is not there yet.
    Whether KVM runs a guest is tried once.

    Args:
        observe: Given a `Notice` of the kernel and before either, and the `Progress` of fetching
            it.

    Raises:
        InputError: a field cannot be used.
        NotFoundError: there is no such image or kernel.
        HostError: the host lacks what the recipe needs.
        BuildError: no kernel can be fetched.
    """
    image = _image(home, draft)
    if kernelchoice.is_missing(home, draft, image):
        # Whatever is wrong is reported before anything is fetched.
        _known_choice(home, draft, _completion(home, draft, image, None))
        _explain(home, draft, image, observe)
        await _fetch_kernel(home, image, observe)
        filled = _completion(home, draft, image, _kernel(home, draft, image))
    else:
        filled = _completion(home, draft, image, _kernel(home, draft, image))
        _explain(home, draft, image, observe)
    choice = _known_choice(home, draft, filled)
    if choice is None:
        tried = await kvm_trial.choose(home, filled.recipe("kvm"), observe)
        choice = _as_asked(draft, tried)
    return filled.with_choice(choice)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Completion:
    """A draft with all but the accelerator decided."""

    recipe: Callable[[Accelerator], Recipe]
    disk_reason: str

    def with_choice(self, choice: Choice) -> tuple[Recipe, Choice]:
        return self.recipe(choice.accelerator), replace(choice, disk_reason=self.disk_reason)


def _image(home: Home, draft: Draft) -> Image | None:
    draft.check_image()
    return load_image(home, draft.image) if draft.image else None


def _kernel(home: Home, draft: Draft, image: Image | None) -> Kernel:
    return load_kernel(home, draft.kernel or kernelchoice.default_kernel(image))


def _explain(home: Home, draft: Draft, image: Image | None, observe: Observer) -> None:
    """Give *observe* a `Notice` of the kernel and of the trim, where they may surprise."""
    kernelchoice.explain(home, draft, image, observe)
    if draft.trim is not None and image is not None:
        from bootwright.trims import fitting, store  # here: only a trimmed boot is to pay for it

        note = fitting.note_of_other_image(home, store.load(home, draft.trim), image.digest)
        if note:
            observe(Notice(text=f"note: {note}"))


_FETCHED_LATER = Kernel(
    digest=Digest("sha256-" + "0" * 64),
    folder=Path(),
    release="",
    source="",
    added_s=0,
    parts=("bzImage", "vmlinux"),
    pvh=True,
)
"""Stands for a kernel of Debian's, so that the rest of a recipe can be checked."""


def _completion(
    home: Home, draft: Draft, image: Image | None, kernel: Kernel | None
) -> _Completion:
    """Decide all but the accelerator.

    Args:
        kernel: None: one that is not here yet; all is checked that does not depend on it.
    """
    if draft.stock:
        draft = replace(draft, without=tuple(default.name for default in speed.FAST))
    vmm = VMMS[draft.vmm or "qemu"]
    build = kvm_trial.remembered_build(home, vmm)
    if draft.vmm_build not in (None, build):
        raise InputError(
            f"the recipe is for {vmm.name} {draft.vmm_build}, and here is {build}",
            hint="another build is another experiment; leave vmm_build out to boot anyway",
        )
    if kernel and not kernel.pvh and "bzImage" not in kernel.parts:
        raise FormatError(
            f"QEMU cannot start kernel {kernel.release}: a vmlinux without PVH entry point",
            hint="add its bzImage instead, or build it with CONFIG_PVH=y",
        )
    speed.check_names(tuple(draft.without))
    if draft.nested and kernel:
        nesting.check_kernel(kernel)
    init = _init(draft, image)
    guest_files = draft.guest_files
    if guest_files is None:
        guest_files = _guest_files(home, draft, init)
    disk, disk_reason = disk_kind.choose(home, draft, vmm, kernel, image)

    def filled(accelerator: Accelerator) -> Recipe:
        return _fill(
            draft, kernel or _FETCHED_LATER, image, init, build, accelerator, disk, guest_files
        )

    # Whatever is wrong with the rest is said before an accelerator is tried.
    _check_host(filled("tcg"))
    if kernel:
        _check_memory(filled("tcg"), kernel, image)
    return _Completion(recipe=filled, disk_reason=disk_reason)


def _guest_files(home: Home, draft: Draft, init: InitName) -> tuple[GuestFile, ...]:
    contents = initramfs.program_files()
    if init in INITS:
        contents |= INITS[init].guest_files()
    if draft.trim is not None:
        # Imported here: only a trimmed boot is to pay for it.
        from bootwright.trims import fitting, store, trim

        chosen = store.load(home, draft.trim)
        fitting.check_login(chosen)
        contents |= trim.guest_files(chosen)
    return initramfs.store_guest_files(home, contents)


class _Cancelled(Exception):
    """Nobody waits for the kernel any more; it ends the thread that fetches it."""


async def _fetch_kernel(home: Home, image: Image | None, observe: Observer) -> None:
    # Imported here: they are needed once.
    import asyncio
    import threading

    loop = asyncio.get_running_loop()
    is_cancelled = threading.Event()

    def report(event: Event) -> None:
        if is_cancelled.is_set():
            raise _Cancelled
        loop.call_soon_threadsafe(observe, event)

    try:
        await asyncio.to_thread(kernelchoice.fetch, home, image, report)
    finally:
        is_cancelled.set()


def _known_choice(home: Home, draft: Draft, filled: _Completion) -> Choice | None:
    """Return the accelerator where no trial is needed to choose it."""
    wanted = None if draft.accelerator == "auto" else draft.accelerator
    if draft.guest_clock.counts_instructions:
        # KVM has no such clock: the recipe itself refuses it.
        return Choice(accelerator=wanted or "tcg", reason="it cannot count instructions")
    if wanted == "tcg":
        return Choice(accelerator="tcg", reason="asked for")
    if draft.nested and (emulated := nesting.emulated(wanted)):
        return emulated
    choice = kvm_trial.known(home, filled.recipe("kvm"))
    return None if choice is None else _as_asked(draft, choice)


def _as_asked(draft: Draft, choice: Choice) -> Choice:
    if draft.accelerator == "kvm" and choice.accelerator != "kvm":
        raise HostError(
            f"KVM cannot be used here: {choice.reason}",
            hint="--accelerator tcg runs anywhere, slower",
        )
    return choice


def _fill(
    draft: Draft,
    kernel: Kernel,
    image: Image | None,
    init: InitName,
    build: str,
    accelerator: Accelerator,
    disk: Disk,
    guest_files: tuple[GuestFile, ...],
) -> Recipe:
    clock = draft.guest_clock
    vcpus = _default_vcpus(accelerator) if draft.vcpus is None else draft.vcpus
    cmdline = draft.cmdline
    if cmdline is None:
        cmdline = _CMDLINE
        cmdline += _IMAGE_CMDLINE if image else ()
        cmdline += _TCG_CMDLINE if accelerator == "tcg" else ()
        cmdline += nesting.TCG_CMDLINE if accelerator == "tcg" and draft.nested else ()
        is_small = accelerator == "tcg" and image is None and vcpus == 1 and not draft.nested
        cmdline += _TCG_TINY_CMDLINE if is_small else ()
        cmdline += clock.cmdline
    cmdline = tuple(word for word in cmdline if word not in draft.without)
    kernel_file = _kernel_file(draft, kernel)
    default_memory_mib = nesting.MEMORY_MIB if draft.nested else DEFAULT_MEMORY_MIB
    return Recipe(
        kernel=kernel.digest,
        kernel_file=kernel_file,
        image=image.digest if image else None,
        init=init,
        cmdline=(*cmdline, *draft.append),
        vmm="qemu",
        vmm_build=build,
        accelerator=accelerator,
        machine_type=draft.machine_type or _machine_type(image, draft, accelerator),
        cpu=draft.cpu or _cpu(draft, accelerator),
        memory_mib=default_memory_mib if draft.memory_mib is None else draft.memory_mib,
        vcpus=vcpus,
        disk=disk,
        disk_bytes=_disk_bytes(draft, image, disk),
        network=draft.network or ("none" if clock.is_closed or not image else "user"),
        random_seed=clock.random_seed if draft.seed is None else draft.seed,
        guest_files=guest_files,
        nested=draft.nested,
        clock=clock.name,
        vmm_options=draft.vmm_options or (),
    )


def _check_memory(recipe: Recipe, kernel: Kernel, image: Image | None) -> None:
    # A bzImage unpacks to what vmlinux is, where that is known.
    unpacked = "vmlinux" if "vmlinux" in kernel.parts else recipe.kernel_file
    kernel_mib = (kernel.folder / unpacked).stat().st_size // MIB
    needed_mib = kernel_mib + (_TINY_MEMORY_MIB if image is None else _IMAGE_MEMORY_MIB)
    if recipe.disk == "pmem":
        from bootwright.disks import pmem

        needed_mib += pmem.guest_memory_bytes(recipe.disk_bytes) // MIB
    if recipe.memory_mib < needed_mib:
        raise InputError(
            f"memory_mib is {recipe.memory_mib}, but with kernel {kernel.release} "
            f"({kernel_mib} MiB) a guest {'' if image is None else 'with an image '}needs "
            f"{needed_mib} or more",
            hint='write memory = "512M", or --memory 512M',
        )


def _init(draft: Draft, image: Image | None) -> InitName:
    """Return the init; a trim means systemd without what the trim leaves out."""
    wanted: InitName = "none" if image is None else "systemd"
    if draft.trim is not None:
        wanted = "systemd-trimmed"
    init = draft.init or wanted
    if draft.trim is not None and init != "systemd-trimmed":
        raise InputError(
            f"trim is {draft.trim!r}, which does not go with init {init!r}",
            hint="leave out --init, or give --init systemd-trimmed",
        )
    if init == "systemd-trimmed" and draft.trim is None and draft.guest_files is None:
        raise InputError(
            "init is 'systemd-trimmed', but no trim was named",
            hint="add --trim NAME; bootwright trim IMAGE makes one, trim list shows them",
        )
    return init


def _kernel_file(draft: Draft, kernel: Kernel) -> KernelFile:
    """Return which of the kernel's files boots.

    Raises:
        InputError: the kernel has no such file, or it cannot be started.
    """
    stock: KernelFile = "bzImage" if "bzImage" in kernel.parts else "vmlinux"
    file = draft.kernel_file or (stock if "vmlinux" in draft.without else kernel.fastest_file)
    if file not in kernel.parts or (file == "vmlinux" and not kernel.pvh):
        raise InputError(
            f"kernel_file is {file!r}, but kernel {kernel.release} has "
            + ("no such file" if file not in kernel.parts else "a vmlinux without PVH entry point"),
            hint=f"leave it out, or write {kernel.fastest_file!r}",
        )
    return file


def _cpu(draft: Draft, accelerator: Accelerator) -> str:
    if accelerator == "kvm":
        return "host"
    return "max" if draft.nested or "cpu" in draft.without else speed.TCG_CPU


def _default_vcpus(accelerator: Accelerator) -> int:
    # Under TCG a second vCPU saves 40 % of a boot, but QEMU 7.2's threads are not to be trusted:
    # one of some 250 boots of Debian 12 hung for good, both vCPUs spinning ("soft lockup").
    return 1 if accelerator == "tcg" else min(2, len(os.sched_getaffinity(0)))


def _machine_type(image: Image | None, draft: Draft, accelerator: Accelerator) -> MachineType:
    """Choose the machine type.

    microvm is the smaller one, but without ACPI (with it, it hangs under TCG) a guest there cannot
    switch itself off. It has one timer only, by which a kernel on a busy host fails to measure its
    clock and falls behind. For a guest without devices it is enough. With KVM it stays with the
    type that the trial ran.
    """
    if "microvm" in draft.without:
        return "q35"
    no_devices = image is None and draft.network in (None, "none")
    return "microvm" if no_devices and accelerator != "kvm" else "q35"


def _disk_bytes(draft: Draft, image: Image | None, disk: Disk) -> int:
    if image is None:
        return 0
    wanted = image.size_bytes if draft.disk_bytes is None else draft.disk_bytes
    if wanted < image.size_bytes and disk != "pmem":
        raise InputError(
            f"disk_bytes is {wanted}, but the image is {image.size_bytes} bytes",
            hint=f"write --disk-size {image.size_bytes // MIB}M or more",
        )
    kind_of_disk(disk).check(image, wanted)
    if _grows(image, wanted, disk) and (image.partition or image.filesystem != "ext4"):
        raise InputError(
            f"a disk of {wanted} bytes is larger than the image, which cannot grow: its root is "
            + (f"partition {image.partition}" if image.partition else image.filesystem),
            hint="only an ext4 filesystem that fills its disk is grown; leave out --disk-size, or "
            "give --disk overlay, whose size is that of a second filesystem",
        )
    return wanted


def _grows(image: Image, disk_bytes: int, disk: Disk) -> bool:
    return disk_bytes > image.size_bytes and not kind_of_disk(disk).is_joined


def _check_host(recipe: Recipe) -> None:
    host_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    if recipe.memory_mib > host_mib:
        raise InputError(
            f"memory_mib is {recipe.memory_mib}, but this host has {host_mib}",
            hint=f"write --memory {host_mib // 2}M or less",
        )
