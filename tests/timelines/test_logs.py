"""Boots that bootwright never saw: whatever log and unit text people have, nothing is made up."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.timelines.logs import from_logs
from bootwright.timelines.looks import further_looks
from bootwright.timelines.span import AFTER_INIT, ROOT, Timeline
from tests.timelines import klogs
from tests.timelines.recorded import recorded
from tests.timelines.test_assemble import check

MS = 1_000_000

ARM64 = """\
[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd034]
[    0.000000] Linux version 6.6.20 (maker@farm) (aarch64-linux-gnu-gcc 13) #7 SMP PREEMPT
[    0.000000] Machine model: Some Board
[    0.000000] Kernel command line: console=ttyAMA0 root=/dev/mmcblk1p2
[    0.001200] Console: colour dummy device 80x25
[    0.020000] smp: Bringing up secondary CPUs ...
[    0.060000] smp: Brought up 1 node, 4 CPUs
[    0.070000] devtmpfs: initialized
[    0.110000] NET: Registered PF_NETLINK/PF_ROUTE protocol family
[    0.140000] fb2000000.serial: ttyAMA0 at MMIO 0xfb2000000 (irq = 14, base_baud = 0) is a PL011
[    0.150000] printk: console [ttyAMA0] enabled
[    1.350000] raid6: neonx8   gen()  2000 MB/s
[    1.420000] raid6: neonx4   gen()  2100 MB/s
[    1.490000] raid6: using algorithm neonx4 gen() 2100 MB/s
[    1.500000] dw-pcie 40000000.pcie: host bridge /soc/pcie ranges:
[    2.500000] dw-pcie 40000000.pcie: Phy link never came up
[    2.510000] mmc1: new high speed SDHC card at address 0001
[    2.560000] Waiting for root device /dev/mmcblk1p2...
[    2.900000] EXT4-fs (mmcblk1p2): mounted filesystem with ordered data mode.
[    2.910000] Freeing unused kernel memory: 4032K
[    2.950000] Run /sbin/init as init process
"""
RISCV = """\
[    0.000000] Linux version 6.1.90 (maker@farm) (riscv64-linux-gnu-gcc 12) #1 SMP
[    0.000000] SBI specification v1.0 detected
[    0.000000] Kernel command line: console=ttyS0
[    0.080000] clocksource: jiffies: mask: 0xffffffff max_cycles: 0xffffffff
[    0.090000] alg: self-tests for sha512-generic (sha512) passed
[    3.190000] alg: self-tests for ecdsa-nist-p384-generic (ecdsa-nist-p384) passed
[    3.200000] macb 10090000.ethernet eth0: PHY [10090000.ethernet:00] driver
[    5.300000] macb 10090000.ethernet eth0: Link is Up - 1Gbps/Full
[    5.310000] Freeing unused kernel image (initmem) memory: 2100K
[    5.320000] Run /init as init process
"""
OLD = """\
[    0.000000] Linux version 4.14.98 (maker@farm) (gcc version 6.4.0) #1 SMP
[    0.010000] Calibrating delay loop... 1332.00 BogoMIPS (lpj=6660000)
[    0.060000] devtmpfs: initialized
[    0.090000] NET: Registered protocol family 16
[    0.400000] i8042: Probing ports directly.
[   11.400000] i8042: No controller found
[   11.500000] Freeing unused kernel memory: 1024K
[   12.600000] systemd[1]: systemd 237 running in system mode.
"""
X86 = """\
[    0.000000] Linux version 5.15.3 (maker@farm) (gcc 11) #1 SMP
[    0.030000] devtmpfs: initialized
[    0.050000] xor: measuring software checksum speed
[    0.120000] xor: using function: avx (30000 MB/sec)
[    0.130000] pci 0000:00:00.0: [8086:1237] type 00 class 0x060000
[    0.630000] pci 0000:00:01.0: [8086:7000] type 00 class 0x060100
[    0.640000] scsi host0: ahci
[    4.640000] scsi 0:0:0:0: Direct-Access     ATA      DISK
[    4.650000] Freeing unused kernel image (initmem) memory: 2000K
[    4.660000] Run /sbin/init as init process
"""


def silent(timeline: Timeline) -> list[tuple[int, str]]:
    """Return milliseconds and what is known, of the two longest silences."""
    return [(s.duration_ns // MS, s.known.partition(":")[0]) for s in timeline.silences[:2]]


@pytest.mark.parametrize(
    ("log", "longest"),
    [
        (ARM64, [(1200, "console ttyAMA0"), (1000, "waiting for the link of a PCIe port")]),
        (
            RISCV,
            [
                (3100, "crypto self-test of ecdsa-nist-p384"),
                (2100, "waiting for a network link eth0"),
            ],
        ),
        (OLD, [(11_000, "i8042"), (1100, "")]),
        (X86, [(4000, "a scan for SCSI devices"), (500, "PCI")]),
    ],
    ids=["arm64", "riscv", "4.14", "x86"],
)
def test_a_log_without_initcall_debug_names_its_silences(
    log: str, longest: list[tuple[int, str]]
) -> None:
    timeline = from_logs(log)
    spans = check(timeline)
    assert silent(timeline) == longest
    assert {span.kind for span in timeline.spans} <= {"frame", "wait"}
    blamed = {s.name for s in timeline.spans if s.duration_ns > timeline.total_ns // 20}
    phases = {"boot", "kernel", "initcalls", "waiting for /dev/mmcblk1p2", "after initcalls"}
    named = {name for name in blamed if not name.startswith("silent: ")}
    assert named <= {*phases, "after init started, by the log"}
    initcalls = spans["kernel.initcalls"].duration_ns
    assert spans["kernel.early"].duration_ns < 0.05 * timeline.total_ns
    assert initcalls > 0.85 * spans["kernel"].duration_ns
    assert "initcall_debug log_buf_len=8M" in further_looks(timeline)[0]


def test_steps_reach_over_no_initcalls() -> None:
    """A line of the end says nothing of what lay between it and the beginning."""
    for without in ("devtmpfs", "devtmpfs|NET:|clocksource: jiffies"):
        words = without.split("|")
        for log in (ARM64, RISCV, OLD, X86):
            kept = [row for row in log.splitlines() if not any(word in row for word in words)]
            timeline = from_logs("\n".join(kept))
            long_ = [
                span.name
                for span in timeline.spans
                if span.duration_ns > 0.5 * timeline.total_ns and ".silent." not in span.id
            ]
            assert set(long_) <= {"boot", "kernel", "initcalls"}


def test_initcalls_fill_the_silences() -> None:
    timeline = from_logs(klogs.text("6.12-initcall_debug"))
    in_initcalls = [s for s in timeline.spans if s.id.startswith("kernel.initcalls.silent.")]
    assert in_initcalls == []
    assert not any("initcall_debug" in hint for hint in further_looks(timeline))


AFTER = """\
[    1.000000] Linux version 6.1.2 (maker@farm)
[    1.900000] Freeing unused kernel memory: 9K
[    2.000000] Run /sbin/init as init process
[    2.500000] systemd[1]: systemd 252 running in system mode
[    2.600000] systemd[1]: Starting web.service - The Web...
[   22.600000] systemd[1]: Started web.service - The Web.
[   40.000000] random: crng init done
"""


def test_the_log_after_init_is_part_of_the_boot() -> None:
    timeline = from_logs(AFTER)
    spans = check(timeline)
    assert timeline.total_ns == 40_000 * MS
    assert spans[AFTER_INIT].start_ns == 2_000 * MS
    assert (spans["unit.web.service"].duration_ns, spans["unit.web.service"].kind) == (
        20_000 * MS,
        "work",
    )
    assert timeline.silences[0].known.startswith("waiting for entropy")
    assert "add its units with --units" in further_looks(timeline)[-1]


@pytest.mark.parametrize(
    ("more", "end_ms", "said"),
    [
        (
            "[   45.000000] systemd[1]: Startup finished in 2s (kernel) + 43s (userspace) = 45s.\n"
            "[  900.000000] usb 1-1: new high-speed USB device number 2\n",
            45_000,
            "the boot is assumed to end at 45.000 s (systemd says so in line 8); 1 later lines, up "
            "to 15.0 minutes, are ignored",
        ),
        (
            "[90000.000000] usb 1-1: new high-speed USB device number 2\n",
            40_000,
            "the boot is assumed to end at 40.000 s (nothing was logged for 25.0 hours before line "
            "8); 1 later lines, up to 25.0 hours, are ignored",
        ),
        ("[  200.000000] a line\n", 200_000, ""),
    ],
)
def test_the_end_of_the_boot_is_said_where_lines_are_left_out(
    more: str, end_ms: int, said: str
) -> None:
    timeline = from_logs(AFTER + more)
    assert timeline.total_ns == end_ms * MS
    assert timeline.warnings == ((said,) if said else ())


def test_lines_without_a_time_behind_the_last_are_told() -> None:
    timeline = from_logs(AFTER + "Feb  3 09:01:02 box systemd[1]: Starting X...\nlogin:\n")
    assert timeline.warnings == (
        "2 lines after line 7 have no kernel timestamp: their duration is unknown",
    )


def test_a_panic_and_time_outs_are_told() -> None:
    timeline = from_logs(
        AFTER
        + "[   41.000000] systemd[1]: data.mount: Job data.mount/start timed out.\n"
        + "[   42.000000] Kernel panic - not syncing: Attempted to kill init!\n"
    )
    assert timeline.warnings == (
        "the kernel panicked, line 9: Attempted to kill init!",
        "units that timed out: data.mount (line 8)",
    )


CUT = """\
[    0.000000] Linux version 6.1.50 (maker@farm)
[    0.040000] devtmpfs: initialized
[    0.050000] calling  pci_init+0x0/0x400 @ 1
[    0.150000] initcall pci_init+0x0/0x400 returned 0 after 100000 usecs
[    0.160000] calling  slow_init+0x0/0x400 @ 1
"""


@pytest.mark.parametrize("more", ["", "[    3.160000] watchdog: something\n"])
def test_a_log_that_ends_before_init_says_where(more: str) -> None:
    timeline = from_logs(CUT + more)
    spans = check(timeline)
    assert "kernel.late" not in spans
    assert spans["kernel.initcall.slow_init"].kind == "frame"
    assert timeline.warnings[-1] == "the log ends before init starts, inside slow_init"


def test_a_log_that_ends_before_init_without_initcalls_says_so() -> None:
    timeline = from_logs("\n".join(ARM64.splitlines()[:-2]))
    assert "kernel.late" not in check(timeline)
    assert timeline.warnings == ("the log ends before init starts",)


@pytest.mark.parametrize(
    "log",
    [
        "[    0.000000] Linux version 6.6 (maker@farm)\n[    0.000000] SBI v1.0\n",
        "U-Boot 2024.01\n[   0.918] CPU: x\n[    0.000000] Linux version 6.6 (maker@farm)\n",
        "6,0,0,-;Linux version 6.6\n",
    ],
)
def test_a_log_whose_clock_never_ran_is_refused(log: str) -> None:
    with pytest.raises(FormatError) as bad:
        from_logs(log)
    assert str(bad.value).startswith("cannot analyse this boot: the log ends at 0.000000")


@pytest.mark.parametrize(
    ("log", "message", "hint"),
    [
        ("", "the log is empty", "dmesg >dmesg.txt"),
        ("no time\nnone here\n", "the log does not hold a kernel log", "dmesg >dmesg.txt"),
        ("\x00\xff", "the log does not hold a kernel log", "dmesg >dmesg.txt"),
        (
            "U-Boot 2024.01 (Jan 02 2024)\nDRAM: 2 GiB\n",
            "the log is a boot loader's output, which ends before the kernel's first line",
            "dmesg >dmesg.txt",
        ),
        (
            "Id=ssh.service\n",
            "the log is systemctl show, which is about units, not a kernel log",
            "pass it to --units",
        ),
        (
            "[Mon Feb  3 09:01:02 2025] Linux version 6.6\n",
            "the log is dmesg -T, which has whole seconds only",
            "use dmesg >dmesg.txt, without -T",
        ),
        (
            "Feb 03 09:01:02 box kernel: Linux version 6.6\n",
            "the log is journalctl -o short, which has whole seconds only",
            "use journalctl -k -o short-monotonic",
        ),
        (
            '{"dmesg": [{"pri": 5, "msg": "no time"}]}\n',
            "the log does not hold a kernel log",
            "dmesg >dmesg.txt",
        ),
    ],
)
def test_a_log_without_times_is_an_error_with_a_way_out(log: str, message: str, hint: str) -> None:
    with pytest.raises(FormatError) as bad:
        from_logs(log)
    assert (str(bad.value), hint in bad.value.hint) == (message, True)


@pytest.mark.parametrize(
    "head", ["", "Feb 03 09:01:02 box kernel: ", "[Mon Feb  3 09:01:02 2025] "]
)
def test_the_kernels_own_figures_count_where_lines_have_no_times(head: str) -> None:
    rows = [
        "Linux version 6.6 (maker@farm)",
        "calling  fast_init+0x0/0x1 @ 1",
        "initcall fast_init+0x0/0x1 returned 0 after 2000 usecs",
        "calling  slow_init+0x0/0x1 @ 1",
        "initcall slow_init+0x0/0x1 returned 0 after 500000 usecs",
        "calling  beside+0x0/0x1 [mod] @ 77",
        "initcall beside+0x0/0x1 [mod] returned 0 after 9000 usecs",
    ]
    timeline = from_logs("".join(f"{head}{row}\n" for row in rows))
    spans = check(timeline)
    assert timeline.total_ns == 502 * MS
    assert spans["kernel.initcall.slow_init"].start_ns == 2 * MS
    assert "initcalls are placed end to end" in timeline.warnings[0]
    assert timeline.warnings[1].startswith("1 initcalls of modules ran in parallel")


@pytest.mark.parametrize("name", klogs.ALL)
def test_a_kernel_log_alone_gives_a_timeline_of_the_guests_clock(name: str) -> None:
    timeline = from_logs(klogs.text(name))
    spans = check(timeline)
    assert (timeline.clock, timeline.clock_error_ns, timeline.overhead_ns) == ("guest", 0, None)
    assert spans["kernel"].start_ns == 0
    assert spans["kernel"].critical
    if name in klogs.INSTRUMENTED:
        assert timeline.unaccounted_ns()["kernel"] < 0.6 * spans["kernel"].duration_ns
    assert from_logs(gzip.compress(klogs.text(name).encode())) == timeline


@pytest.mark.parametrize("release", ["debian-12", "debian-13"])
def test_a_dump_and_a_show_tell_the_same_units(release: str) -> None:
    told = recorded(release)
    log = klogs.text("6.1-image-initcall_debug")
    by_dump, by_show = (from_logs(log, units) for units in (told["dump"], told["show"]))
    dumped, shown = check(by_dump), check(by_show)
    assert by_dump.warnings == (
        "the dump's times are of the wall clock; each may be off by up to a second",
    )
    assert by_show.warnings == ()
    units = {id for id in shown if id.startswith("unit.ssh") and not id.endswith(".queued")}
    assert units
    assert units <= set(dumped)
    for timeline in (by_dump, by_show):
        # udev loads modules while PID 1 starts units.
        top = {span.id for span in timeline.children()[ROOT] if ".silent." not in span.id}
        assert top == {"kernel", "modules", "pid1"}
        critical = {span.id for span in timeline.spans if span.critical}
        assert {"pid1", "unit.ssh.service", "kernel.initcall.acpi_init"} <= critical


_SHORT = "[    0.000000] Linux version 6\n[    0.100000] Run /sbin/init as init process\n"


def test_what_people_print_of_units_has_its_place() -> None:
    chain = from_logs(_SHORT, "x.target @9.000s\n└─wait-online.service @4.000s +5.000s\n")
    assert check(chain)["unit.wait-online.service"].start_ns == 4_100 * MS
    assert check(chain)["unit.wait-online.service"].critical
    blame = from_logs(_SHORT, "5.000s slow.service\n 10ms a.mount\n")
    assert blame.total_ns == 5_100 * MS
    assert check(blame)["unit.slow.service"].kind == "frame"
    assert blame.unaccounted_ns()[ROOT] == blame.total_ns


def _unit(name: str, begin: str, up: str, state: str = "active") -> str:
    return (
        f"-> Unit {name}:\n\tUnit Active State: {state}\n"
        f"\tInactive Exit Timestamp: Sat 2025-02-01 {begin} UTC\n"
        f"\tActive Enter Timestamp: Sat 2025-02-01 {up} UTC\n"
    )


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (_unit("a.service", "10:00:02", "15:00:03"), "a.service seems to have taken 5.0 hours"),
        (
            _unit("b.service", "10:00:09", "10:00:02"),
            "b.service was up before it was started: the wall clock",
        ),
        (_unit("c.service", "10:00:02", "10:00:09"), ""),
    ],
)
def test_a_wall_clock_that_was_set_during_the_boot_is_noticed(units: str, said: str) -> None:
    dump = f"Manager: systemd 252\nTimestamp kernel: Sat 2025-02-01 10:00:00 UTC\n{units}"
    timeline = from_logs(_SHORT, dump)
    assert timeline.warnings[0].startswith("the dump's times are of the wall clock")
    assert [w.startswith(said) for w in timeline.warnings[1:]] == ([True] if said else [])


def _shown(name: str, begin_s: float, up_s: float) -> str:
    return (
        f"Id={name}\nActiveState=active\nAfter=\n"
        f"InactiveExitTimestampMonotonic={begin_s * 1e6:.0f}\n"
        f"ActiveEnterTimestampMonotonic={up_s * 1e6:.0f}\n\n"
    )


def test_units_that_started_long_after_the_boot_are_left_out_and_told() -> None:
    units = _shown("a.service", 1, 2) + _shown("multi-user.target", 3, 3)
    timeline = from_logs(_SHORT, units + _shown("apt-daily.service", 4000, 4010))
    assert timeline.total_ns == 3_000 * MS
    assert timeline.warnings == (
        "the boot is assumed to end at 3.000 s, when its targets were up; 1 units that started "
        "later, up to 66.7 minutes, are ignored",
    )
    late = from_logs(_SHORT + "[   99.000000] usb 1-1: new USB device\n", units)
    assert late.warnings[-1] == (
        "the log continues until 99.000 s; what follows the last unit is ignored"
    )


def test_units_of_another_boot_are_refused() -> None:
    with pytest.raises(FormatError) as bad:
        from_logs(AFTER, _shown("a.service", 0.5, 0.9))
    assert str(bad.value) == ("no unit started after init, which the log has at 2.000 s")


def test_a_log_may_be_quoted_and_colored() -> None:
    plain = from_logs(X86)
    assert from_logs("".join(f"> {row}\r\n" for row in X86.splitlines())) == plain
    colored = X86.replace("[", "\x1b[32m[").replace("] ", "] \x1b[0m")
    assert from_logs(colored) == plain
    assert from_logs(X86.replace("] ", ",0] ", 99)).total_ns == plain.total_ns


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_anybodys_logs_cut_anywhere_give_a_timeline_or_an_error(data: st.DataObject) -> None:
    log = klogs.text(data.draw(st.sampled_from(klogs.ALL)))
    units = recorded("debian-12")[data.draw(st.sampled_from(["dump", "show", "blame", "chain"]))]
    start = data.draw(st.integers(0, len(log)))
    try:
        timeline = from_logs(log[start:], units[: data.draw(st.integers(0, len(units)))])
    except FormatError as error:
        assert error.hint  # noqa: PT017
        return
    check(timeline)
