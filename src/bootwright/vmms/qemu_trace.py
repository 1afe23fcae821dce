"""Counting the guest's accesses to devices from QEMU's trace, a line for each.

On real hardware each of them makes the vCPU leave the guest: a VM exit. Under KVM these differ:
local APIC, I/O APIC, PIC and PIT are mostly served in the kernel, without QEMU; a virtio doorbell
wakes another thread of QEMU by an ioeventfd, and exits all the same; UART and PCI configuration go
all the way. What each costs differs from host to host, and is not guessed here.

What counts is what QEMU does with an access: one of 64 bits to a device of 32 counts as two. And a
loop that polls a device until some time has passed (calibrations by HPET, PIT or PM timer) gets
round far more often on the virtual clock, where no access takes longer than its instruction.

Source: QEMU's softmmu/memory.c, memory_region_ops_read and _write in softmmu/trace-events; the log
backend, scripts/tracetool/backend/log.py. What leaves KVM: Documentation/virt/kvm/api.rst,
KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2 and KVM_IOEVENTFD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootwright.timelines.evidence import DeviceAccess

EVENTS = ("memory_region_ops_read", "memory_region_ops_write")
"""The events to trace: accesses by ports and memory that a device answers. RAM is none, nor
is the disk that is mapped as memory."""

_LINE = re.compile(
    rb"^memory_region_ops_(read|write) cpu (\d+) mr 0x[0-9a-f]+ "
    rb"addr 0x([0-9a-f]{1,16}) value 0x([0-9a-f]{1,16}) size ([1-9]\d?) name '([^'\n]*)'$",
    re.MULTILINE,
)
"""An access by a vCPU. Where a device accesses another, there may be no vCPU: ``cpu -1``."""
_LINE_BYTES = 4096
"""More than any line has; what is longer is none, and is not kept."""

_CONSOLE, _MARKS = 0x3F8, 0x2F8
"""The ports of the first two UARTs. Source: Documentation/admin-guide/serial-console.rst."""
_UART_PORTS = 8
_UARTS = {_CONSOLE: "UART ttyS0 (console)", _MARKS: "UART ttyS1 (marks)"}
_LINE_CONTROL, _DIVISOR = 3, 0x80
"""While this bit of this register is set, what is written to the first is no byte to be sent."""

_PCI, _PIC, _PIT, _RTC = "PCI configuration", "PIC (8259)", "PIT (8254)", "RTC and CMOS"
_NAMES = {
    **dict.fromkeys(("pci-conf-idx", "pci-conf-data", "pcie-mmcfg-mmio"), _PCI),
    **dict.fromkeys(("pic", "elcr"), _PIC),
    **dict.fromkeys(("pit", "pcspk"), _PIT),
    **dict.fromkeys(("rtc", "rtc-index"), _RTC),
    "hpet": "HPET",
    "apic-msi": "local APIC",
    "ioapic": "I/O APIC",
    "acpi-tmr": "ACPI PM timer",
    "ahci": "AHCI (SATA)",
    "apm-io": "SMI port",
    "port92": "port 0x92 (A20, reset)",
    "ioport80": "port 0x80 (delays)",
    "ioportF0": "port 0xf0 (FPU)",
    "io": "ports with nothing behind",
}
"""By QEMU's names of the regions."""
_BEGINNINGS = (
    ("acpi-", "ACPI"),
    ("i8042-", "keyboard (i8042)"),
    ("fwcfg", "fw_cfg"),
    ("dma-", "DMA (8237)"),
    ("msix-", "MSI-X tables"),
)
_VIRTIO = re.compile(r"virtio-pci-(common|isr|device|notify-pio|notify)-(.+)")


@dataclass(slots=True)
class _Count:
    """Of one device."""

    reads: int = 0
    writes: int = 0
    bytes: int = 0


class AccessCounter:
    """Counts accesses by device, until the guest has sent a line over its mark port.

    The bytes that go over that port are accesses too, so the cut is at the very byte that ends the
    line; sending the marks before it is part of the boot, and counts.

    Args:
        until: How that line ends.
    """

    def __init__(self, until: str) -> None:
        self._until = until.encode()
        self._rest = b""
        self._sent = b""
        """What the guest has sent of its current line."""
        self._divisor = False
        self._counts: dict[str, _Count] = {}
        self.is_done = False
        """Whether that line has come: nothing is counted any more."""

    def feed(self, data: bytes) -> None:
        """Take in what QEMU has traced; lines may be torn anywhere between two calls."""
        if self.is_done:
            return
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest[-_LINE_BYTES:]
        if not newline:
            return
        for kind, _, address, value, size, name in _LINE.findall(whole):
            if name == b"serial":
                if self._take_uart(kind, int(address, 16), int(value, 16), int(size)):
                    self.is_done, self._rest = True, b""
                    return
            elif name != b"apic-msi" or _is_register(int(address, 16)):
                self._count(name.decode("utf-8", "replace"), kind, int(size))

    def accesses(self) -> tuple[DeviceAccess, ...]:
        """Return what was counted: the console's UART, the marks', then who has the most."""
        found: dict[str, _Count] = {}
        for region, count in self._counts.items():
            whole = found.setdefault(_device(region), _Count())
            whole.reads += count.reads
            whole.writes += count.writes
            whole.bytes += count.bytes
        first = list(_UARTS.values())

        def rank(device: str) -> tuple[int, int, str]:
            position = first.index(device) if device in first else len(first)
            return position, -found[device].reads - found[device].writes, device

        order = sorted(found, key=rank)
        return tuple(
            DeviceAccess(d, found[d].reads, found[d].writes, found[d].bytes) for d in order
        )

    def _take_uart(self, kind: bytes, address: int, value: int, size: int) -> bool:
        """Count an access to a UART, and say whether it was the last that counts."""
        base = address - address % _UART_PORTS
        self._count(_UARTS.get(base, "serial"), kind, size)
        is_sent = base == _MARKS and kind == b"write"
        return is_sent and self._ends(address - base, value & 0xFF)

    def _ends(self, register: int, value: int) -> bool:
        """Follow what is written to the mark port, and say whether it ends the line."""
        if register == _LINE_CONTROL:
            self._divisor = bool(value & _DIVISOR)
        if register != 0 or self._divisor:
            return False
        if value != ord("\n"):
            self._sent = (self._sent + bytes([value]))[-_LINE_BYTES:]
            return False
        line, self._sent = self._sent, b""
        return line.removesuffix(b"\r").endswith(self._until)

    def _count(self, region: str, kind: bytes, size: int) -> None:
        count = self._counts.get(region)
        if count is None:
            count = self._counts[region] = _Count()
        if kind == b"read":
            count.reads += 1
        else:
            count.writes += 1
        count.bytes += size


def _is_register(address: int) -> bool:
    """Say whether an access to the local APIC's region is one: a device's interrupt is, too.

    Source: apic_mem_write() in QEMU's hw/intc/apic.c: registers lie in the first page, behind its
    first 16 bytes; a write to elsewhere is a message (MSI).
    """
    return 0x10 <= address & 0xFFFFF <= 0xFFF


def _device(region: str) -> str:
    """Return how people call the device behind a region; QEMU's own name where that is unknown."""
    if region in _NAMES:
        return _NAMES[region]
    if found := _VIRTIO.fullmatch(region):
        part = {"notify": "doorbell", "notify-pio": "doorbell", "isr": "interrupt status"}
        return f"{found[2]} ({part.get(found[1], 'configuration')})"
    return next((name for begin, name in _BEGINNINGS if region.startswith(begin)), region)
