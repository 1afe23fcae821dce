"""All VMMs by name."""

from __future__ import annotations

from bootwright.vmms.protocol import Vmm
from bootwright.vmms.qemu import Qemu

VMMS: dict[str, Vmm] = {"qemu": Qemu()}
