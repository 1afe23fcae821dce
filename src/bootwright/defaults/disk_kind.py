"""Which kind of disk a machine gets: the best that its host, its VMM and its kernel allow."""

from __future__ import annotations

from pathlib import Path

from bootwright.disks.disk import DiskLocation, Unsupported
from bootwright.disks.table import KINDS
from bootwright.disks.table import disk as kind_of
from bootwright.errors import HostError, InputError
from bootwright.home import Home
from bootwright.host import space
from bootwright.images.image import Image
from bootwright.kernels.kernel import Kernel
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Disk
from bootwright.values import dataclass
from bootwright.vmms.protocol import Vmm
from bootwright.vmms.table import VMMS

# The first that works is taken. qcow2 is made in 0.1 ms by any user, and all machines share one
# cached image; its price is a first write that takes some 50 µs longer. A reflink is a plain file,
# but shares nothing in memory. dm-snapshot needs root and somebody who watches it. overlay changes
# what the guest's / is. A copy takes as long as it is large. pmem is not among them: it keeps what
# a guest writes in the host's memory, which is for the one who asks (and for the virtual clock,
# which has no other).
ORDER: tuple[Disk, ...] = ("qcow2", "reflink", "dm-snapshot", "overlay", "copy")


def choose(
    home: Home, draft: Draft, vmm: Vmm, kernel: Kernel | None, image: Image | None
) -> tuple[Disk, str]:
    """Return the disk that a draft asks for, or the best that works, and why in a few words.

    Raises:
        InputError: it asks for one that this VMM or this kernel cannot have.
        HostError: it asks for one that this host cannot make.
    """
    wanted = None if draft.disk == "auto" else draft.disk
    if image is None or wanted == "none":
        return wanted or "none", ""
    if draft.guest_clock.is_closed:
        return wanted or "pmem", "asked for" if wanted else "the virtual clock waits for no disk"
    # The image is where it will be, and the machine's folder beside those of the others.
    place = DiskLocation(
        folder=home.machines,
        image=image.disk.absolute(),
        image_bytes=image.size_bytes,
        size_bytes=image.size_bytes if draft.disk_bytes is None else draft.disk_bytes,
        cache=home.cache,
    )
    if wanted is not None:
        if found := cannot(wanted, vmm, kernel):
            raise InputError(f"disk is {wanted!r}, but {found.reason}", hint=found.hint)
        if found := kind_of(wanted).unsupported(place):
            raise HostError(f"disk {wanted!r} cannot be had: {found.reason}", hint=found.hint)
        return wanted, "asked for"
    works = (
        name
        for name in ORDER
        if not cannot(name, vmm, kernel) and not kind_of(name).unsupported(place)
    )
    chosen = next(works)  # a copy needs nothing
    return chosen, kind_of(chosen).advantage


def cannot(name: str, vmm: Vmm, kernel: Kernel | None) -> Unsupported | None:
    """Return why a VMM or a kernel cannot use this kind of disk on any host."""
    kind = kind_of(name)
    if kind.form not in vmm.forms:
        return Unsupported(
            reason=f"{vmm.name} attaches no {kind.form} drive",
            hint="bootwright disk list shows what works",
        )
    if kernel is None:
        return None
    from bootwright.kernels import modules  # here: a tiny guest has no disk

    missing = modules.missing(kernel, list(kind.modules))
    if missing:
        options = " ".join(modules.CONFIG_OF[name] for name in missing)
        return Unsupported(
            reason=f"kernel {kernel.release} has no {' and no '.join(missing)}",
            hint=f"use a kernel with {options}; bootwright kernel list shows them",
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """One kind of disk, as it is on this host."""

    disk: str
    summary: str
    works: bool
    can_be_kept: bool
    reason: str
    """Why it does not work; empty where it does."""
    hint: str


def survey(home: Home, vmm: str = "qemu") -> tuple[Surveyed, ...]:
    """Return for each kind of disk whether it works here, for any image and kernel."""
    import tempfile  # here: a boot surveys nothing

    found = []
    with tempfile.NamedTemporaryFile(dir=space.existing(home.machines)) as image:
        # Something to share, beside the machines as images are.
        image.write(b"\0" * 4096)
        image.flush()
        place = DiskLocation(
            folder=home.machines,
            image=Path(image.name),
            image_bytes=4096,
            size_bytes=4096,
            cache=home.cache,
        )
        for name in KINDS:
            kind = kind_of(name)
            lack = cannot(name, VMMS[vmm], None) or kind.unsupported(place)
            found.append(
                Surveyed(
                    disk=name,
                    summary=kind.summary,
                    works=lack is None,
                    can_be_kept=kind.can_be_kept,
                    reason=lack.reason if lack else "",
                    hint=lack.hint if lack else "",
                )
            )
    return tuple(found)
