"""Silent stretches, and what the lines round them are known to mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.kernel.knownlines import KNOWN_LINES, known
from bootwright.timelines.kernel.loglines import LogLine, log_lines
from bootwright.timelines.kernel.silences import MOST, silences
from bootwright.timelines.span import Silence

MS = 1_000_000


def lines(*timed: tuple[float, str]) -> list[LogLine]:
    return [
        LogLine(time_ns=round(ms * MS), text=text, number=number)
        for number, (ms, text) in enumerate(timed, 1)
    ]


def test_silences_are_told_longest_first_with_the_lines_round_them() -> None:
    log = lines((0, "a"), (100, "b"), (100.5, "c"), (1000, "d"))
    assert silences(log, until_ns=1000 * MS) == (
        Silence(
            start_ns=100_500_000,
            end_ns=1000 * MS,
            before="c",
            after="d",
            before_line=3,
            after_line=4,
        ),
        Silence(start_ns=0, end_ns=100 * MS, before="a", after="b", before_line=1, after_line=2),
    )


def test_silences_end_where_they_are_told_to() -> None:
    log = lines((0, "a"), (100, "b"), (9000, "c"))
    assert [s.after for s in silences(log, until_ns=100 * MS)] == ["b"]


def test_lines_without_a_time_and_out_of_order_do_no_harm() -> None:
    log = [LogLine(time_ns=None, text="x", number=9), *lines((50, "b"), (0, "a"))]
    assert [(s.before, s.after) for s in silences(log, until_ns=50 * MS)] == [("a", "b")]


def test_no_more_than_the_longest_are_told() -> None:
    log = lines(*((10 * n * n, str(n)) for n in range(40)))
    found = silences(log, until_ns=10 * 39 * 39 * MS)
    assert len(found) == MOST
    assert found[0].after == "39"


def test_tests_of_one_kind_that_follow_each_other_are_one() -> None:
    log = lines(
        (0, "x"),
        (20, "raid6: neonx8   gen()  4000 MB/s"),
        (90, "raid6: neonx4   gen()  4100 MB/s"),
        (160, "raid6: using algorithm neonx4 gen() 4100 MB/s"),
        (160.5, "y"),
    )
    first, second = silences(log, until_ns=round(160.5 * MS))
    assert (first.duration_ns, first.parts, first.known) == (140 * MS, 2, "RAID-6 speed tests")
    assert (first.before_line, first.after_line) == (2, 4)
    assert (second.duration_ns, second.known) == (20 * MS, "a RAID-6 speed test")


@pytest.mark.parametrize(
    ("before", "after", "meaning"),
    [
        ("x", "alg: self-tests for dh-generic (dh) passed", "crypto self-test of dh"),
        ("i8042: Probing ports directly.", "x", "i8042: probing for a keyboard controller"),
        ("i8042: Probing ports directly.", "serio: i8042 KBD port at 0x60", "i8042: probing"),
        ("raid6: sse2x1 gen() 9 MB/s", "raid6: sse2x2 gen() 9 MB/s", "RAID-6 speed tests"),
        ("xor: measuring software checksum speed", "   8regs : 2990 MB/sec", "XOR speed tests"),
        ("printk: console [ttyAMA0] enabled", "x", "console ttyAMA0: what was logged so far"),
        ("printk: legacy console [ttyS0] enabled", "x", "console ttyS0"),
        ("console [tty0] enabled", "x", "console tty0"),
        ("x", "random: crng init done", "waiting for entropy"),
        ("random: dd: uninitialized urandom read (512 bytes read)", "x", "waiting for entropy"),
        (
            "wlan wlan0: Falling back to sysfs fallback for: wifi/fw.bin",
            "x",
            "waiting up to 60 s for user space to supply firmware wifi/fw.bin",
        ),
        ("x", "e100 0000:00:03.0: Direct firmware load for e100.fw failed", "looking for firmware"),
        ("pci 0000:00:01.0: [1af4:1005]", "pci 0000:00:02.0: BAR 0", "PCI: devices"),
        (
            "x",
            "rockchip-pcie f8000000.pcie: PCIe link training gen1 timeout!",
            "waiting for the li",
        ),
        ("x", "ata3: SATA link down (SStatus 0 SControl 300)", "waiting for a SATA link"),
        ("scsi host6: uas", "x", "a scan for SCSI devices"),
        ("x", "scsi 2:0:0:0: Direct-Access     ATA", "a scan for SCSI devices"),
        ("Sending DHCP requests .", "x", "ip= on the command line"),
        (
            "x",
            "IPv6: ADDRCONF(NETDEV_CHANGE): end0: link becomes ready",
            "waiting for a network li",
        ),
        ("x", "macb 10090000.ethernet eth0: Link is Up - 1Gbps", "waiting for a network link eth0"),
        ("Waiting for root device /dev/mmcblk0p2...", "x", "waiting for the root device"),
        ("x", "Freeing initrd memory: 8192K", "unpacking the initramfs"),
        ("smp: Bringing up secondary CPUs ...", "x", "starting the other CPUs"),
        ("x", "CPU3: Booted secondary processor 0x0000000003 [0x410fd083]", "starting the other"),
        ("x", "clocksource: Switched to clocksource arch_sys_counter", "nothing in particular"),
        ("x", "systemd[1]: dev-x.device: Job dev-x.device/start timed out.", "a unit that never"),
        ("scsi host6: uas", "clocksource: Switched to clocksource tsc", "a scan for SCSI devices"),
        (
            "printk: console [ttyS0] enabled",
            "Freeing initrd memory: 8192K",
            "console ttyS0: what was logged so far is printed on it (115200 baud: 11 characters "
            "a ms); or unpacking the initramfs",
        ),
        ("hello", "world", ""),
    ],
)
def test_known_lines(before: str, after: str, meaning: str) -> None:
    found, source, _ = known(before, after)
    assert found.startswith(meaning)
    assert bool(found) == bool(meaning) == bool(source)


def test_each_known_line_has_a_meaning_and_a_source() -> None:
    for line in KNOWN_LINES:
        assert line.means
        assert line.source
        assert "{0}" not in line.means or line.pattern.groups


@given(st.text(max_size=200), st.text(max_size=200))
def test_known_never_raises(before: str, after: str) -> None:
    known(before, after)


@given(st.lists(st.tuples(st.integers(0, 10**10), st.text(max_size=9)), max_size=30))
def test_silences_lie_within_the_log_and_do_not_overlap(timed: list[tuple[int, str]]) -> None:
    log = [LogLine(time_ns=ns, text=text, number=n) for n, (ns, text) in enumerate(timed)]
    end_ns = max((ns for ns, _ in timed), default=0)
    found = sorted(silences(log, until_ns=end_ns), key=lambda s: s.start_ns)
    at = 0
    for silence in found:
        assert at <= silence.start_ns < silence.end_ns <= end_ns
        at = silence.end_ns


def test_a_long_line_takes_no_longer() -> None:
    for piece in ("usb ", "a: ", " ", "x"):
        text = piece * (1_000_000 // len(piece))
        log, _ = log_lines(f"[    0.000000] {text}\n[    1.000000] {text}\n")
        assert silences(log, until_ns=1000 * MS)
