"""What kernel logs tell: initcalls, probes, marks, levels, the start of init."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.timelines.kernel.kernellog import (
    GuestMark,
    Initcall,
    InitRun,
    LevelEntry,
    parse_kernel_log,
    told_unit_ns,
)
from bootwright.timelines.kernel.spans import kernel_spans
from bootwright.timelines.kernel.warp import warp
from tests.timelines import klogs

COUNTS = {
    "5.10-initcall_debug": (509, 2),
    "6.1-initcall_debug": (575, 2),
    "6.12-initcall_debug": (653, 7),
    "6.1-image-initcall_debug": (581, 17),
    "6.1-image-kmsg": (581, 17),
    "6.1-image-journal": (581, 17),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parse_kernel_log_of_real_logs_pairs_every_initcall(name: str) -> None:
    log = klogs.log(name)
    assert (len(log.initcalls), len(log.probes)) == COUNTS[name]
    # PCI quirks are told in much the same way, behind a device's name: drivers/pci/quirks.c.
    assert len(re.findall(r"calling  (?!quirk_)", klogs.text(name))) == len(log.initcalls)
    assert klogs.text(name).count(" returned ") >= len(log.initcalls) + len(log.probes)
    for call in log.initcalls:
        assert call.start_ns is not None, call
        assert call.end_ns is not None, call
        assert call.start_ns <= call.end_ns
        assert call.told_ns is not None
    assert log.init is not None
    assert log.init.path == "/init"
    assert log.warnings == ()


@pytest.mark.parametrize("name", klogs.CLEAN)
def test_parse_kernel_log_of_clean_logs_finds_init_only(name: str) -> None:
    log = klogs.log(name)
    assert (log.initcalls, log.probes) == ((), ())
    assert log.init is not None
    assert log.release.startswith(name.split("-")[0])


def test_parse_kernel_log_of_a_built_in_initcall() -> None:
    log = parse_kernel_log(
        "[    0.887631] calling  acpi_init+0x0/0x4c4 @ 1\n"
        "[    0.997377] initcall acpi_init+0x0/0x4c4 returned 0 after 109733 usecs\n"
    )
    assert log.initcalls == (
        Initcall(
            function="acpi_init",
            task=1,
            start_ns=887_631_000,
            end_ns=997_377_000,
            told_ns=109_733_000,
            result=0,
            called_line=1,
            returned_line=2,
        ),
    )


def test_parse_kernel_log_of_modules_failures_and_missing_symbols() -> None:
    log = parse_kernel_log(
        "[    1.000000] calling  init+0x0/0x1000 [virtio_blk] @ 85\n"
        "[    1.000002] calling  init+0x0/0x1000 [virtio_net] @ 88\n"
        "[    1.000003] initcall init+0x0/0x1000 [virtio_blk] returned -19 after 2 usecs\n"
        "[    1.000004] calling  0xffffffff8324f8f0 @ 1\n"
        "[    1.000005] initcall 0xffffffff8324f8f0 returned 0 after 0 usecs\n"
    )
    blk, net, bare = log.initcalls
    assert (blk.function, blk.module, blk.task, blk.result) == ("init", "virtio_blk", 85, -19)
    assert (net.module, net.end_ns) == ("virtio_net", None)
    assert (bare.function, bare.result) == ("0xffffffff8324f8f0", 0)
    assert log.warnings[1:] == ("initcalls without an end in the log: 1; the last is init, line 2",)


def test_parse_kernel_log_pairs_asynchronous_calls_by_number() -> None:
    log = parse_kernel_log(
        "[    1.000000] calling  2_async_probe+0x0/0x10 @ 45\n"
        "[    1.000001] calling  3_async_probe+0x0/0x10 @ 46\n"
        "[    1.000010] initcall 2_async_probe+0x0/0x10 returned after 9 usecs\n"
        "[    1.000020] initcall 3_async_probe+0x0/0x10 returned 0 after 19 usecs\n"
    )
    assert [(c.function, c.cookie, c.task, c.end_ns) for c in log.initcalls] == [
        ("async_probe", 2, 45, 1_000_010_000),
        ("async_probe", 3, 46, 1_000_020_000),
    ]


def test_parse_kernel_log_undoes_lto_names() -> None:
    log = parse_kernel_log(
        "calling  __initstub__kmod_acpi__407_1432_acpi_init4+0x0/0x10 @ 1\n"
        "calling  __initstub__kmod_x__1_2_populate_rootfsrootfs+0x0/0x10 @ 1"
    )
    assert [call.function for call in log.initcalls] == ["acpi_init", "populate_rootfs"]


def test_parse_kernel_log_without_times_keeps_the_kernels_figures() -> None:
    log = parse_kernel_log(
        "calling  a+0x0/0x1 @ 1\ninitcall a+0x0/0x1 returned 0 after 7 usecs\n"
        "Run /init as init process"
    )
    (call,) = log.initcalls
    assert (call.start_ns, call.end_ns, call.told_ns) == (None, None, 7_000)
    assert log.init == InitRun(path="/init", time_ns=None, line=3)


def test_parse_kernel_log_of_device_probes() -> None:
    log = parse_kernel_log(
        "[    1.948271][   T85] probe of virtio0 returned 0 after 32226 usecs\n"
        "[    1.950000] probe of PNP0103:00 returned 19 after 1566 usecs\n"
        "[    0.000001] probe of early returned 0 after 5 usecs\n"
    )
    first, second, early = log.probes
    assert (first.device, first.result, first.task) == ("virtio0", 0, 85)
    assert (first.start_ns, first.end_ns) == (1_916_045_000, 1_948_271_000)
    assert (second.device, second.result, second.task) == ("PNP0103:00", 19, None)
    assert early.start_ns == 0, "never before the clock's start"


def test_parse_kernel_log_of_bootwright_marks() -> None:
    log = parse_kernel_log(
        "[    1.5    ] x\n[    2.000000] bootwright: initramfs.start\n"
        "[    3.000000] bootwright: exchange 3\n[    4.000000] bootwright: monotonic begin\n"
        "bootwright: monotonic end\n"
    )
    assert [mark.name for mark in log.marks] == [
        *("initramfs.start", "exchange 3", "monotonic begin", "monotonic end"),
    ]
    assert log.mark("exchange 3") == GuestMark(name="exchange 3", time_ns=3_000_000_000, line=3)
    assert log.mark("monotonic end") is None, "it has no time"
    assert log.mark("sshd.listening") is None


def test_parse_kernel_log_takes_the_last_init() -> None:
    log = parse_kernel_log(
        "[    1.000000] Run /sbin/init as init process\n"
        "[    1.000001] Starting init: /sbin/init exists but couldn't execute it (error -8)\n"
        "[    1.000002] Run /bin/sh as init process\n"
    )
    assert log.init == InitRun(path="/bin/sh", time_ns=1_000_002_000, line=3)


def test_parse_kernel_log_of_initcall_levels() -> None:
    log = parse_kernel_log("[    1.000000] entering initcall level: core\n")
    assert log.levels == (LevelEntry(level="core", time_ns=1_000_000_000, line=1),)


@pytest.mark.parametrize(
    ("release", "unit_ns"),
    [
        ("5.10.0-46-cloud-amd64", 1024),
        ("5.17.1", 1024),
        ("5.18", 1000),
        ("6.1.0", 1000),
        ("", 1000),
    ],
)
def test_told_unit_ns_depends_on_the_release(release: str, unit_ns: int) -> None:
    assert told_unit_ns(release) == unit_ns


@pytest.mark.parametrize("release", klogs.RELEASES)
def test_parse_kernel_log_early_figures_are_whole_ticks(release: str) -> None:
    """Debian's kernels tick every 4 ms: 5.10 tells 3906 usecs for a tick, later ones 4000."""
    calls = klogs.log(f"{release}-initcall_debug").initcalls
    first = next(call for call in calls if call.told_ns)
    assert first.told_ns is not None
    assert abs(first.told_ns - 4_000_000) < 1_024


def test_parse_kernel_log_warns_of_a_lost_beginning() -> None:
    log = parse_kernel_log("[    0.000000] initcall a+0x0/0x1 returned 0 after 4 usecs")
    assert log.initcalls[0].start_ns is None
    assert log.warnings[1:] == ("initcalls without a start in the log: 1",)


def test_parse_kernel_log_of_one_function_called_twice() -> None:
    twice = (
        "[    1.000000] calling  a+0x0/0x1 @ 1\n"
        "[    1.000001] initcall a+0x0/0x1 returned 0 after 1 usecs\n"
    )
    log = parse_kernel_log(twice + twice.replace("1.00", "2.00"))
    assert [call.start_ns for call in log.initcalls] == [1_000_000_000, 2_000_000_000]


def test_parse_kernel_log_of_a_serial_capture() -> None:
    log = klogs.log("6.1-image-serial")
    assert len([c for c in log.initcalls if c.task in (0, 1) and c.end_ns]) > 560
    assert log.init is not None


def _steps(work: Callable[[], object]) -> int:
    """Count the lines of Python that *work* executes, each turn of a loop by itself."""
    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


def test_parse_kernel_log_spans_and_warp_take_linear_steps() -> None:
    lines = klogs.text("6.1-image-initcall_debug").splitlines(keepends=True)
    middle = "".join(lines[400:600])

    def read(log: str) -> int:
        parsed = parse_kernel_log(log)
        kernel_spans(parsed, parent="boot")
        warp(parsed, parsed)
        return len(parsed.initcalls)

    once, four_times = middle, middle * 4
    assert read(four_times) == 4 * read(once) > 200
    assert _steps(lambda: read(four_times)) < 4.4 * _steps(lambda: read(once))


@pytest.fixture
def cpu_limit() -> Iterator[None]:
    """Fail a test that uses up 30 s of CPU time: a pattern of it goes back and back again."""

    def give_up(number: int, frame: FrameType | None) -> None:
        pytest.fail("a pattern takes time that grows faster than the text")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, 30)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize(
    "piece",
    [
        "calling  ",
        "initcall a returned ",
        "[    0.",
        "[    0.000001] ",
        "probe of a ",
        "\\x0a",
        "<",
        "9" * 9,
    ],
)
def test_parse_kernel_log_of_a_long_line_does_not_backtrack(piece: str, cpu_limit: None) -> None:
    # A pattern that reads the rest again at each character would take minutes.
    for head in ("", "[    1.000000] ", "6,1,1,-;", piece):
        log = parse_kernel_log(head + piece * (200_000 // len(piece)))
        assert {line.number for line in log.lines} <= {1}
        assert (log.initcalls, log.probes) == ((), ())


_WORDS = [
    *("calling  ", "initcall ", "a", "b_c", "+0x0/0x10", " @ ", "1", "0", "-19", " returned "),
    *(" after ", " usecs", "probe of ", "[", "]", "    0.", "000001", "] ", "\n", "\r\n", " [m]"),
    *(
        "Run /init as init process",
        "bootwright: x",
        "<6>",
        "6,1,12,-;",
        "2_",
        "9" * 30,
        "Linux version ",
    ),
    *("entering initcall level: core", "5.10"),
]


@given(st.lists(st.sampled_from(_WORDS), max_size=60).map("".join))
@settings(max_examples=500)
def test_parse_kernel_log_accepts_any_sequence_of_log_words(log: str) -> None:
    parsed = parse_kernel_log(log)
    for call in parsed.initcalls:
        assert call.first_line > 0
