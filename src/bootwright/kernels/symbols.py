"""Symbols: which function of a kernel an address lies in, by its System.map."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from bootwright.kernels.kernel import Kernel

_FUNCTION = re.compile(r"^([0-9a-f]{1,16}) [tTwW] (\S+)", re.MULTILINE)
_KERNEL_HALF = 1 << 63
_LOW = 1 << 20
"""Below it a PC has its firmware and option ROMs, as real mode sees them; another copy ends at
4 GiB. Source: Documentation/arch/x86/boot.rst, "Memory layout"."""
_FIRMWARE_TOP = 0xFFF00000


def address_of(kernel: Kernel, symbol: str) -> int | None:
    """Return where *kernel* has a symbol, as it was linked; None where nothing tells."""
    if "System.map" not in kernel.parts:
        return None
    for line in (kernel.folder / "System.map").read_text().splitlines():
        words = line.split()
        if words[2:3] == [symbol]:
            return int(words[0], 16)
    return None


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
        found: dict[int, str] = {}
        for address, name in _FUNCTION.findall(system_map):
            # Of several names at one address, the first in the map.
            found.setdefault(int(address, 16), name)
        addresses = tuple(sorted(found))
        return cls(addresses, tuple(found[address] for address in addresses))

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
