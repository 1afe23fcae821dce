"""Accesses by device, from what QEMU traces: torn anywhere, and with other things between."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.evidence import DeviceAccess
from bootwright.vmms.qemu_trace import AccessCounter
from tests.vmms.traces import read, sent, write

END = "b007 sshd.accepting"

# What QEMU 7.2 wrote of the beginning of a boot, but for the UARTs.
REAL = """\
memory_region_ops_write cpu -1 mr 0x55bffe82e9e0 addr 0xfee00000 value 0x0 size 4 name 'apic-msi'
memory_region_ops_write cpu 0 mr 0x55bfff10a000 addr 0x70 value 0x8f size 1 name 'rtc-index'
memory_region_ops_read cpu 0 mr 0x55bfff109ef0 addr 0x71 value 0x0 size 1 name 'rtc'
memory_region_ops_read cpu 0 mr 0x55bfff2c4780 addr 0xfebff004 value 0x80000000 size 4 name 'ahci'
"""


def counted(text: str | bytes, until: str = END) -> AccessCounter:
    counter = AccessCounter(until)
    counter.feed(text if isinstance(text, bytes) else text.encode())
    return counter


def of(text: str | bytes) -> tuple[DeviceAccess, ...]:
    return counted(text).accesses()


def test_access_counter_sums_by_device() -> None:
    assert of(REAL) == (DeviceAccess("RTC and CMOS", 1, 1, 2), DeviceAccess("AHCI (SATA)", 1, 0, 4))


def test_access_counter_orders_uarts_first_then_by_count() -> None:
    text = (
        3 * read("hpet", 0xFED000F0)
        + 2 * write("pit", 0x40, size=1)
        + 2 * write("ioapic", 0xFEC00000)
        + read("serial", 0x3FD, size=1)
        + sent("x", 0x3E8)
        + sent("x")
    )
    assert [access.device for access in of(text)] == [
        *("UART ttyS0 (console)", "UART ttyS1 (marks)"),
        *("HPET", "I/O APIC", "PIT (8254)", "serial"),
    ]


@pytest.mark.parametrize(
    ("region", "device"),
    [
        ("pci-conf-idx", "PCI configuration"),
        ("pcie-mmcfg-mmio", "PCI configuration"),
        ("elcr", "PIC (8259)"),
        ("acpi-tmr", "ACPI PM timer"),
        ("acpi-evt", "ACPI"),
        ("i8042-data", "keyboard (i8042)"),
        ("fwcfg", "fw_cfg"),
        ("fwcfg.dma", "fw_cfg"),
        ("io", "ports with nothing behind"),
        ("virtio-pci-common-virtio-pmem", "virtio-pmem (configuration)"),
        ("virtio-pci-notify-virtio-net", "virtio-net (doorbell)"),
        ("virtio-pci-notify-pio-virtio-net", "virtio-net (doorbell)"),
        ("virtio-pci-isr-virtio-blk", "virtio-blk (interrupt status)"),
        ("virtio-pci-other-virtio-blk", "virtio-pci-other-virtio-blk"),
        ("virtio-mmio", "virtio-mmio"),
        ("a thing of tomorrow", "a thing of tomorrow"),
        ("", ""),
    ],
)
def test_access_counter_uses_known_device_names(region: str, device: str) -> None:
    assert of(write(region, 0x1000)) == (DeviceAccess(device, 0, 1, 4),)


def test_access_counter_ignores_interrupts() -> None:
    messages = "".join(write("apic-msi", address) for address in (0xFEE00000, 0xFEE01004))
    registers = write("apic-msi", 0xFEE000B0) + read("apic-msi", 0xFEE00390)
    assert of(messages + registers) == (DeviceAccess("local APIC", 1, 1, 8),)


def test_access_counter_ignores_accesses_without_a_vcpu() -> None:
    assert of(write("ioapic", 0xFEC00000, cpu=-1)) == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_access_counter_stops_at_the_byte_that_ends_the_mark(newline: str) -> None:
    mark = f"{END}{newline}"
    counter = counted(read("hpet", 0xFED000F0) + sent(mark) + read("hpet", 0xFED000F0))
    assert counter.is_done
    found = counter.accesses()
    assert found == (
        DeviceAccess("UART ttyS1 (marks)", 0, len(mark), len(mark)),
        DeviceAccess("HPET", 1, 0, 4),
    )
    counter.feed(REAL.encode())
    assert counter.accesses() == found


@pytest.mark.parametrize(
    "text",
    [
        sent(END),
        sent(f"{END} and more\n"),
        sent("b007 sshd.listening\n"),
        sent(f"{END}\n", 0x3F8),
        sent(f"{END}\n", 0x2F9),
        "".join(read("serial", 0x2F8, size=1) for _ in END),
    ],
)
def test_access_counter_stops_at_nothing_else(text: str) -> None:
    assert not counted(text).is_done


def test_access_counter_finds_the_mark_after_output() -> None:
    assert counted(sent(f"output {END}\n")).is_done
    assert counted(sent(10_000 * "x" + f"{END}\n")).is_done


def test_access_counter_ignores_the_baud_rate() -> None:
    opened = (
        write("serial", 0x2FB, value=0x83, size=1)
        + write("serial", 0x2F8, value=0x0C, size=1)
        + write("serial", 0x2F9, value=0, size=1)
        + write("serial", 0x2FB, value=0x03, size=1)
    )
    assert counted(sent(END[:5]) + opened + sent(END[5:] + "\n")).is_done


def test_access_counter_ignores_incomplete_lines() -> None:
    whole = write("hpet", 0xFED00010)
    others = (
        "serial_write write addr 0x01 val 0x0d\n\n"
        "memory_region_ops_read cpu 0 mr (nil) addr 0x1 value 0x1 size 1 name 'x'\n"
        "memory_region_ops_read cpu 0 mr 0x1 addr 0x1 value 0x1 size 0 name 'x'\n"
        "x" + whole
    )
    assert of(whole[:-1]) == ()
    assert of(others) == ()
    assert of(others + whole) == (DeviceAccess("HPET", 0, 1, 4),)


def test_access_counter_drops_an_endless_line() -> None:
    counter = AccessCounter(END)
    for _ in range(100):
        counter.feed(b"x" * 100_000)
    counter.feed(b"\n" + write("hpet", 0xFED00010).encode())
    assert counter.accesses() == (DeviceAccess("HPET", 0, 1, 4),)
    assert len(counter._rest) <= 4096


BOOT = (REAL + sent("b007 initramfs.start\r\n") + REAL + sent(f"{END}\r\n") + REAL).encode()


@given(st.lists(st.integers(0, len(BOOT)), max_size=20))
def test_access_counter_result_does_not_depend_on_chunks(cuts: list[int]) -> None:
    counter = AccessCounter(END)
    edges = [0, *sorted(cuts), len(BOOT)]
    for begin, end in pairwise(edges):
        counter.feed(BOOT[begin:end])
    assert counter.is_done
    assert counter.accesses() == of(BOOT)


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from(BOOT.splitlines(True)))))
def test_access_counter_accepts_any_input(pieces: list[bytes]) -> None:
    counter = AccessCounter(END)
    for piece in pieces:
        counter.feed(piece)
    for access in counter.accesses():
        assert access.reads + access.writes > 0
        assert access.bytes >= access.reads + access.writes
