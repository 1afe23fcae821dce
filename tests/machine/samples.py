"""A recipe that several tests vary; nothing in it could boot."""

from __future__ import annotations

from bootwright.digest import Digest
from bootwright.recipe import Recipe

RECIPE = Recipe(
    kernel=Digest("sha256-" + "1" * 64),
    image=Digest("sha256-" + "2" * 64),
    init="systemd",
    cmdline=("quiet",),
    vmm="qemu",
    vmm_build="7.2.0",
    accelerator="tcg",
    machine="q35",
    cpu="qemu64",
    memory_mib=512,
    vcpus=1,
    disk="qcow2",
    disk_bytes=512,
    network="user",
)
