"""Symbols: which function of a kernel an address lies in, by its System.map."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from bootwright.kernels.kernel import Kernel

_TEXT = "tTwW"
_KERNEL_HALF = 1 << 63
_LOW = 1 << 20
"""Below it a PC has its firmware and option ROMs, as real mode sees them; another copy ends at
4 GiB. Source: Documentation/arch/x86/boot.rst, "Memory layout"."""
_FIRMWARE_TOP = 0xFFF00000


@dataclass(frozen=True, slots=True)
class Symbols:
    """The functions of one kernel, by their addresses as linked: a kernel without KASLR."""

    addresses: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, kernel: Kernel) -> Symbols:
        """Return the symbols of *kernel*; none for one that came without System.map."""
        if "System.map" not in kernel.parts:
            return cls((), ())
        return cls.parse((kernel.folder / "System.map").read_text())

    @classmethod
    def parse(cls, system_map: str) -> Symbols:
        """Read a System.map: lines of address, type and name, as nm(1) prints them."""
        found = []
        for line in system_map.splitlines():
            words = line.split()
            if len(words) >= 3 and words[1] in _TEXT:
                found.append((int(words[0], 16), words[2]))
        # Of several names at one address, the first in the map.
        found.sort(key=lambda pair: pair[0])
        return cls(tuple(a for a, _ in found), tuple(n for _, n in found))

    def where(self, ip: int, mode: str) -> str:
        """Return the function at *ip*, or what else is there.

        Args:
            mode: ``boot``, ``kernel`` or ``user``; see `vmms.protocol.CpuMode`.
        """
        if mode == "user":
            return "user space"
        if ip < _KERNEL_HALF:
            if mode == "boot":
                is_firmware = ip < _LOW or ip >= _FIRMWARE_TOP
                return "firmware" if is_firmware else "firmware or the kernel's 32-bit entry"
            return "the kernel before its page tables"
        at = bisect_right(self.addresses, ip) - 1
        return self.names[at] if at >= 0 else "an address without a name"
