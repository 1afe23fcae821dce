"""Warp: one pass's clock told in the other's, by the lines they share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.timelines.kernel.kernellog import parse_kernel_log
from bootwright.timelines.kernel.spans import kernel_spans
from bootwright.timelines.kernel.warp import START, warp
from tests.timelines import klogs

MS = 1_000_000


def made(*lines: tuple[int, str]) -> str:
    """Return a log of lines at times in milliseconds."""
    return "".join(f"[{ms // 1000:5}.{ms % 1000:03}000] {text}\n" for ms, text in lines)


CLEAN = parse_kernel_log(
    made((0, "Linux version 6.1"), (100, "one"), (200, "two"), (300, "Run /init as init process"))
)
INSTRUMENTED = parse_kernel_log(
    made(
        *((0, "Linux version 6.1"), (100, "one"), (120, "calling  a+0x0/0x1 @ 1")),
        *((280, "initcall a+0x0/0x1 returned 0 after 9 usecs"), (300, "two")),
        (380, "Run /init as init process"),
    )
)


def test_warp_stretches_evenly_between_anchors() -> None:
    found = warp(INSTRUMENTED, CLEAN)
    assert [a.text for a in found.anchors] == [START, "one", "two", "Run /init as init process"]
    assert [found.clean_ns(ms * MS) // MS for ms in (0, 50, 100, 120, 200, 280, 300, 340, 380)] == [
        *(0, 50, 100, 110, 150, 190, 200, 250, 300),
    ]
    assert found.clean_ns(400 * MS) == 320 * MS, "behind the last anchor time goes on as it was"
    assert found.warnings == ()


def test_warp_spans_fit_the_clean_pass() -> None:
    spans = warp(INSTRUMENTED, CLEAN).spans(kernel_spans(INSTRUMENTED, parent="boot"))
    by_id = {span.id: span for span in spans}
    assert by_id["kernel"].end_ns == 300 * MS
    assert by_id["kernel.initcall.a"].duration_ns == 80 * MS


def test_warp_overhead_in_whole_and_by_stretch() -> None:
    overhead = warp(INSTRUMENTED, CLEAN).overhead
    assert overhead is not None
    assert overhead.overhead_ns == 80 * MS
    assert [(s.start.text, s.overhead_ns // MS) for s in overhead.stretches] == [
        *(("one", 100), ("two", -20)),
    ]
    assert sum(s.overhead_ns for s in overhead.stretches) == overhead.overhead_ns


def test_warp_ignores_a_clock_that_starts_late() -> None:
    """As where the early calibration of the TSC fails: the clock starts 200 ms later."""
    clean = parse_kernel_log(
        made((50, "early"), (202, "tsc-early"), (300, "two"), (900, "Run /init as init process"))
    )
    late = parse_kernel_log(
        made(
            (0, "early"),
            (40, "ticks"),
            (2, "tsc-early"),
            (110, "two"),
            (720, "Run /init as init process"),
        )
    )
    found = warp(late, clean)
    assert [found.seen_ns(ms * MS) // MS for ms in (-250, -100, 1, 2, 110, 720, 800)] == [
        *(-50, 100, 201, 202, 300, 900, 980),
    ]
    assert found.clean_ns(0) == 0
    assert found.overhead is not None
    assert found.overhead.overhead_ns == 20 * MS
    back = warp(clean, late)
    assert [back.seen_ns(ms * MS) // MS for ms in (0, 100, 202)] == [-200, -100, 2]


def test_warp_ignores_moved_and_missing_lines() -> None:
    clean = parse_kernel_log(made((10, "a"), (20, "b"), (30, "c"), (40, "only here"), (50, "d")))
    other = parse_kernel_log(made((10, "a"), (12, "d"), (25, "b"), (35, "c"), (36, "only there")))
    assert [a.text for a in warp(other, clean).anchors] == [START, "a", "b", "c"]


def test_warp_takes_no_repeated_line_for_an_anchor() -> None:
    clean = parse_kernel_log(made((10, "a"), (20, "a"), (30, "b")))
    assert [a.text for a in warp(clean, clean).anchors] == [START, "b"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Memory: 219840K/523896K available", "Memory: 219836K/523756K available"),
        ("RAMDISK: [mem 0x1fe19000-0x1fffffff]", "RAMDISK: [mem 0x1fd78000-0x1ffd7fff]"),
        ("tsc: Detected 2300.003 MHz processor", "tsc: Detected 2299.971 MHz processor"),
        ("Kernel command line: quiet initcall_debug", "Kernel command line: quiet"),
        ("systemd[1]: ready, at ffffffff8324f8f0", "systemd[1]: ready, at ffffffff9724f8f0"),
    ],
)
def test_warp_ignores_numbers_that_vary(one: str, other: str) -> None:
    found = warp(parse_kernel_log(made((10, one))), parse_kernel_log(made((20, other))))
    assert [a.clean_ns for a in found.anchors] == [0, 20 * MS]


def test_warp_keeps_numbers_that_tell_lines_apart() -> None:
    log = parse_kernel_log(made((10, "cpu 1 up"), (20, "cpu 2 up")))
    assert len(warp(log, log).anchors) == 3


def test_warp_takes_no_instrumentation_line_for_an_anchor() -> None:
    assert len(warp(INSTRUMENTED, INSTRUMENTED).anchors) == 4


def test_warp_takes_only_initramfs_marks_for_anchors() -> None:
    names = (
        "initramfs.start",
        "initramfs.modules",
        "initramfs.done",
        "exchange 7",
        "sshd.listening",
    )
    log = parse_kernel_log(made(*((n + 1, f"bootwright: {name}") for n, name in enumerate(names))))
    assert [a.text for a in warp(log, log).anchors[1:]] == [
        f"bootwright: {name}" for name in names[:3]
    ]


def test_warp_keeps_the_time_of_the_exec_of_init() -> None:
    clean = parse_kernel_log(made((10, "a"), (20, "b"), (32, "Run /init as init process")))
    other = parse_kernel_log(made((10, "a"), (40, "b"), (40, "Run /init as init process")))
    assert warp(other, clean).clean_ns(40 * MS) == 32 * MS


def test_warp_of_logs_without_common_lines_warns() -> None:
    found = warp(parse_kernel_log(made((10, "a"))), parse_kernel_log(made((10, "b"))))
    assert found.clean_ns(123) == 123
    assert found.overhead is None
    assert found.warnings == (
        "the two logs have no line in common: lengths are the second boot's",
        "a log has no start of init: the overhead is unknown",
    )


@pytest.mark.parametrize("name", ["5.10", "6.1", "6.12", "6.1-image"])
def test_warp_of_real_passes(name: str) -> None:
    instrumented, clean = klogs.log(f"{name}-initcall_debug"), klogs.log(f"{name}-clean")
    found = warp(instrumented, clean)
    assert len(found.anchors) > 50
    assert found.overhead is not None
    assert sum(s.overhead_ns for s in found.overhead.stretches) == found.overhead.overhead_ns
    spans = found.spans(kernel_spans(instrumented, parent="boot"))
    assert clean.init is not None
    assert spans[0].end_ns == clean.init.time_ns
    bounds = {span.id: (span.start_ns, span.end_ns) for span in spans}
    for span in spans[1:]:
        low, high = bounds[span.parent]
        assert low <= span.start_ns <= span.end_ns <= high


def test_warp_overhead_is_mostly_the_large_log_buffer() -> None:
    """``log_buf_len=8M`` is cleared page by page before the memory map is set up."""
    found = warp(klogs.log("6.1-image-initcall_debug"), klogs.log("6.1-image-clean"))
    assert found.overhead is not None
    most = max(found.overhead.stretches, key=lambda s: s.overhead_ns)
    assert most.start.text.startswith("x86/PAT")
    assert most.end.text.startswith("RAMDISK")
    assert most.overhead_ns > 100 * MS


_LOGS = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from([*"abcdefgh", "Run /i as init process"]))
)


@given(_LOGS, _LOGS, st.lists(st.integers(0, 60_000_000), min_size=2))
@settings(max_examples=300)
def test_warp_never_turns_time_back(
    one: list[tuple[int, str]], other: list[tuple[int, str]], times: list[int]
) -> None:
    found = warp(parse_kernel_log(made(*one)), parse_kernel_log(made(*other)))
    told = [found.clean_ns(t) for t in sorted(times)]
    assert told == sorted(told)
    assert all(t >= 0 for t in told)
    for stretch in found.stretches():
        assert stretch.instrumented_ns > 0
        assert stretch.clean_ns >= 0


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_warp_of_passes_cut_anywhere(data: st.DataObject) -> None:
    texts = [klogs.text(f"6.1-{kind}") for kind in ("initcall_debug", "clean")]
    one, other = (parse_kernel_log(t[: data.draw(st.integers(0, len(t)))]) for t in texts)
    for span in warp(one, other).spans(kernel_spans(one, parent="boot")):
        assert 0 <= span.start_ns <= span.end_ns
