"""The kernel modules of a guest that runs virtual machines itself."""

from __future__ import annotations

from bootwright.recipes.recipe import Recipe

HOST_MODULES = ("loop", "dm_snapshot", "tun")
"""What a host of virtual machines commonly uses beside KVM, and an image without modules of its own
cannot load: loop devices, copy-on-write disks, and tap devices."""


def required(recipe: Recipe) -> list[str]:
    """Return the modules without which the guest of *recipe* has no virtualization."""
    return ["kvm"] if recipe.nested else []


def optional(recipe: Recipe) -> tuple[str, ...]:
    """Return more modules for the guest of *recipe*; it goes on without those that fail to load.

    A CPU's own module may refuse the CPU. The initramfs then finds no /dev/kvm, and says why.
    """
    if not recipe.nested:
        return ()
    # TCG emulates AMD's virtualization only.
    vendors = ("kvm_amd",) if recipe.accelerator == "tcg" else ("kvm_amd", "kvm_intel")
    return (*vendors, *HOST_MODULES)
