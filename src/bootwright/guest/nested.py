"""The kernel modules of a guest that runs virtual machines itself."""

from __future__ import annotations

from bootwright.recipes.recipe import Recipe

HOST_MODULES = ("loop", "dm_snapshot", "tun")
"""What a host of virtual machines commonly uses beside KVM, and an image without modules of its own
cannot load: loop devices, copy-on-write disks, and tap devices."""


def required(recipe: Recipe) -> list[str]:
    """Return the modules without which the guest of *recipe* has no virtualization."""
    if not recipe.nested:
        return []
    # Of the processors' virtualization, TCG emulates AMD's only.
    return ["kvm_amd"] if recipe.accelerator == "tcg" else ["kvm"]


def optional(recipe: Recipe) -> tuple[str, ...]:
    """Return more modules for the guest of *recipe*; the guest goes on without them."""
    if not recipe.nested:
        return ()
    # One of the two refuses the CPU.
    vendors = () if recipe.accelerator == "tcg" else ("kvm_amd", "kvm_intel")
    return (*vendors, *HOST_MODULES)
