"""The kernel's spans: well-formed from whatever log, and explaining what the log explains."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.timelines.kernel.kernellog import KernelLog, parse_kernel_log
from bootwright.timelines.kernel.levels import LEVELS, levels_of_system_map
from bootwright.timelines.kernel.spans import kernel_spans, module_spans
from bootwright.timelines.kernel.steps import STEPS
from bootwright.timelines.span import Span, Timeline
from tests.timelines import klogs

SMALL = """\
[    0.000000] Linux version 6.1.0-1-amd64 (gcc)
[    0.010000] Kernel command line: initcall_debug
[    0.030000] Dentry cache hash table entries: 65536
[    0.050000] calling  con_init+0x0/0x22c @ 0
[    0.060000] initcall con_init+0x0/0x22c returned 0 after 9000 usecs
[    0.100000] calling  ipc_ns_init+0x0/0x10 @ 1
[    0.110000] initcall ipc_ns_init+0x0/0x10 returned 0 after 9000 usecs
[    0.120000] calling  serial8250_init+0x0/0x10 @ 1
[    0.150000] probe of 00:00 returned 0 after 10000 usecs
[    0.160000] probe of serial8250 returned 0 after 35000 usecs
[    0.170000] probe of late-one returned 0 after 100000 usecs
[    0.180000] initcall serial8250_init+0x0/0x10 returned 0 after 59000 usecs
[    0.190000] calling  deferred_probe_initcall+0x0/0x90 @ 1
[    0.195000] initcall deferred_probe_initcall+0x0/0x90 returned 0 after 5000 usecs
[    0.250000] Freeing initrd memory: 1948K
[    0.300000] Freeing unused kernel image (initmem) memory: 2612K
[    0.320000] Run /init as init process
[    0.400000] calling  virtio_blk_init+0x0/0x1000 [virtio_blk] @ 85
[    0.450000] probe of virtio0 returned 0 after 45000 usecs
[    0.460000] initcall virtio_blk_init+0x0/0x1000 [virtio_blk] returned 0 after 59000 usecs
[    0.500000] bootwright: initramfs.start
"""
MS = 1_000_000


def spans_of(log: str | KernelLog, **more: object) -> dict[str, Span]:
    parsed = parse_kernel_log(log) if isinstance(log, str) else log
    found = kernel_spans(parsed, parent="boot", **more)  # type: ignore[arg-type]
    return {span.id: span for span in found}


def assert_well_formed(spans: list[Span], parent: str = "boot") -> None:
    seen: dict[str, Span] = {}
    for span in spans:
        assert span.id not in seen, span
        assert 0 <= span.start_ns <= span.end_ns
        assert span.source
        if span.parent != parent:
            above = seen[span.parent]
            assert above.start_ns <= span.start_ns, (above, span)
            assert span.end_ns <= above.end_ns, (above, span)
        seen[span.id] = span


def explained(spans: list[Span], id: str = "kernel") -> float:
    """Return which part of a span has evidence."""
    timeline = Timeline(spans=tuple(spans), clock="guest", clock_error_ns=0)
    span = next(span for span in spans if span.id == id)
    return 1 - timeline.unaccounted_ns()[id] / span.duration_ns


def test_kernel_spans_of_a_small_log() -> None:
    spans = spans_of(SMALL)
    assert {
        id: (s.parent, s.kind, s.start_ns // MS, s.end_ns // MS) for id, s in spans.items()
    } == {
        "kernel": ("boot", "frame", 0, 320),
        "kernel.early": ("kernel", "frame", 0, 100),
        "kernel.initcalls": ("kernel", "frame", 100, 195),
        "kernel.late": ("kernel", "frame", 195, 320),
        "kernel.early.architecture": ("kernel.early", "frame", 0, 10),
        "kernel.early.parameters": ("kernel.early", "frame", 10, 30),
        "kernel.late.exec-of-init": ("kernel.late", "frame", 300, 320),
        "kernel.initcall.con_init": ("kernel.early", "work", 50, 60),
        "kernel.level.pure": ("kernel.initcalls", "frame", 100, 195),
        "kernel.initcall.ipc_ns_init": ("kernel.level.pure", "work", 100, 110),
        "kernel.initcall.serial8250_init": ("kernel.level.pure", "work", 120, 180),
        "kernel.initcall.deferred_probe_initcall": ("kernel.level.pure", "wait", 190, 195),
        "kernel.wait.initramfs": ("kernel.late", "wait", 195, 250),
        "kernel.probe.late-one": ("kernel", "work", 70, 170),
        "kernel.probe.serial8250": ("kernel.initcall.serial8250_init", "work", 125, 160),
        "kernel.probe.00:00": ("kernel.probe.serial8250", "work", 140, 150),
    }
    assert {span.layer for span in spans.values()} == {"kernel"}


def test_kernel_spans_name_their_lines() -> None:
    spans = spans_of(SMALL)
    assert spans["kernel.initcall.con_init"].source == "lines 4-5: calling, returned 0"
    assert spans["kernel"].source == "printk clock; line 17: Run /init as init process"
    assert "init/main.c" in spans["kernel.wait.initramfs"].source
    assert "line 10:" in spans["kernel.probe.serial8250"].source


def test_kernel_spans_levels_from_a_system_map() -> None:
    levels = {"ipc_ns_init": "pure", "serial8250_init": "device", "deferred_probe_initcall": "late"}
    spans = spans_of(SMALL, levels=levels)
    assert spans["kernel.initcall.serial8250_init"].parent == "kernel.level.device"
    assert spans["kernel.level.late"].source == "System.map"
    assert "kernel.level.core" not in spans


def test_kernel_spans_levels_from_the_log() -> None:
    log = SMALL.replace(
        "[    0.120000] calling",
        "[    0.115000] entering initcall level: device\n[    0.120000] calling",
    )
    spans = spans_of(log)
    assert spans["kernel.initcall.ipc_ns_init"].parent == "kernel.initcalls"
    assert spans["kernel.initcall.serial8250_init"].parent == "kernel.level.device"
    assert spans["kernel.level.device"].source == "entering initcall level"


def test_kernel_spans_levels_never_fall() -> None:
    levels = {"ipc_ns_init": "subsys", "serial8250_init": "core"}
    spans = spans_of(SMALL, levels=levels)
    assert [id for id in spans if id.startswith("kernel.level.")] == ["kernel.level.subsys"]


def test_module_spans_after_init_are_not_kernel_spans() -> None:
    log = parse_kernel_log(SMALL)
    below = module_spans(log, parent="initramfs.modules")
    assert [(s.id, s.parent, s.start_ns // MS, s.end_ns // MS, s.layer) for s in below] == [
        ("kernel.module.virtio_blk.virtio_blk_init", "initramfs.modules", 400, 460, "initramfs"),
        (
            "kernel.module-probe.virtio0",
            "kernel.module.virtio_blk.virtio_blk_init",
            405,
            450,
            "initramfs",
        ),
    ]
    assert module_spans(log, parent="x", until_ns=350 * MS) == []


def test_kernel_spans_end_may_be_given() -> None:
    assert spans_of(SMALL, until_ns=150 * MS)["kernel"].end_ns == 150 * MS


@pytest.mark.parametrize(
    ("without", "end_ms", "source"),
    [
        ("Run /init", 500, "bootwright: initramfs.start"),
        ("Run /init|bootwright", 300, "Freeing unused kernel image"),
        ("Run /init|bootwright|Freeing unused", 460, "the log's last line"),
    ],
)
def test_kernel_spans_find_the_end_in_the_log(without: str, end_ms: int, source: str) -> None:
    words = without.split("|")
    log = "\n".join(x for x in SMALL.splitlines() if not any(word in x for word in words))
    kernel = spans_of(log)["kernel"]
    assert kernel.end_ns == end_ms * MS
    assert source in kernel.source


def test_kernel_spans_of_a_hanging_initcall_explain_nothing() -> None:
    log = parse_kernel_log("\n".join(SMALL.splitlines()[:10]))
    spans = {span.id: span for span in kernel_spans(log, parent="boot")}
    hanging = spans["kernel.initcall.serial8250_init"]
    assert (hanging.kind, hanging.end_ns) == ("frame", 160 * MS)
    assert hanging.source == "line 8: calling; the log has no end of it"
    assert log.warnings == (
        "initcalls without an end in the log: 1; the last is serial8250_init, line 8",
    )


def test_kernel_spans_end_a_lost_return_with_the_next_call() -> None:
    log = SMALL.replace("initcall serial8250_init+0x0/0x10 returned 0 after 59000 usecs", "")
    span = spans_of(log)["kernel.initcall.serial8250_init"]
    assert (span.kind, span.end_ns) == ("work", 190 * MS)


def test_kernel_spans_begin_a_lost_call_by_the_kernels_figure() -> None:
    log = SMALL.replace("calling  serial8250_init+0x0/0x10 @ 1", "")
    assert spans_of(log)["kernel.initcall.serial8250_init"].start_ns == 121 * MS


def test_kernel_spans_place_a_probe_by_its_caller() -> None:
    log = SMALL.replace("0.170000] probe", "0.170000][    T1] probe")
    assert spans_of(log)["kernel.probe.late-one"].parent == "kernel.initcall.serial8250_init"
    log = SMALL.replace("0.160000] probe", "0.160000][   T47] probe")
    assert spans_of(log)["kernel.probe.serial8250"].parent == "kernel.initcalls"


def test_kernel_spans_of_two_probes_of_one_device() -> None:
    spans = spans_of(SMALL.replace("probe of late-one", "probe of 00:00"))
    assert {"kernel.probe.00:00", "kernel.probe.00:00#2"} <= spans.keys()


def test_kernel_spans_ids_stay_unique_for_numbered_devices() -> None:
    spans = spans_of(
        SMALL.replace("probe of late-one", "probe of 00:00").replace(
            "probe of serial8250", "probe of 00:00#2"
        )
    )
    assert {"kernel.probe.00:00", "kernel.probe.00:00#2", "kernel.probe.00:00#3"} <= spans.keys()


def test_kernel_spans_of_a_wait_for_the_root_device() -> None:
    log = SMALL.replace(
        "Freeing initrd memory: 1948K",
        "Waiting for root device /dev/vda...\n"
        "[    0.280000] EXT4-fs (vda): mounted filesystem with ordered data mode.",
    )
    wait = spans_of(log)["kernel.wait.root"]
    assert (wait.kind, wait.start_ns, wait.end_ns) == ("wait", 250 * MS, 280 * MS)
    log = SMALL.replace(
        "Freeing initrd memory: 1948K", "Waiting 5 sec before mounting root device..."
    )
    wait = spans_of(log)["kernel.wait.rootdelay"]
    assert (wait.start_ns, wait.end_ns) == (250 * MS, 320 * MS), "clipped to the kernel's end"


def test_kernel_spans_take_no_gap_for_a_wait() -> None:
    assert [id for id, span in spans_of(SMALL).items() if span.kind == "wait"] == [
        "kernel.initcall.deferred_probe_initcall",
        "kernel.wait.initramfs",
    ]


def test_kernel_spans_without_times_are_empty() -> None:
    assert kernel_spans(parse_kernel_log("calling  a+0x0/0x1 @ 1"), parent="boot") == []
    assert kernel_spans(parse_kernel_log(""), parent="boot") == []
    assert module_spans(parse_kernel_log(""), parent="boot") == []


@pytest.mark.parametrize("name", klogs.ALL)
def test_kernel_spans_of_real_logs_are_well_formed(name: str) -> None:
    log = klogs.log(name)
    spans = kernel_spans(log, parent="boot")
    assert_well_formed(spans)
    assert spans[0].end_ns == (log.init.time_ns if log.init else 0)
    modules = module_spans(log, parent="seed")
    assert_well_formed(modules, "seed")
    assert not {span.id for span in spans} & {span.id for span in modules}
    loaded = {s.id for s in modules if s.id.startswith("kernel.module")}
    assert bool(loaded) == ("image" in name and "clean" not in name)


@pytest.mark.parametrize("name", klogs.INSTRUMENTED)
def test_kernel_spans_explain_nearly_all_initcall_time(name: str) -> None:
    assert explained(kernel_spans(klogs.log(name), parent="boot"), "kernel.initcalls") > 0.92


@pytest.mark.parametrize("name", klogs.CLEAN)
def test_kernel_spans_of_a_clean_log_are_phases_and_steps(name: str) -> None:
    spans = kernel_spans(klogs.log(name), parent="boot")
    assert explained(spans) == 0
    assert {span.kind for span in spans} == {"frame"}
    by_id = {span.id: span for span in spans}
    assert 0 < by_id["kernel.early"].end_ns < by_id["kernel.initcalls"].end_ns
    assert by_id["kernel.late"].duration_ns > 0
    assert {"kernel.early.alternatives", "kernel.late.exec-of-init"} <= by_id.keys()


@pytest.mark.parametrize("release", klogs.RELEASES)
def test_kernel_spans_levels_by_first_functions_agree_with_the_map(release: str) -> None:
    log = klogs.log(f"{release}-initcall_debug")
    levels = levels_of_system_map(klogs.system_map(release))
    assert len(levels) > 500
    assert set(levels.values()) - {"console"} == set(LEVELS)
    exact = {s.id: s for s in kernel_spans(log, parent="boot", levels=levels)}
    rough = {s.id: s for s in kernel_spans(log, parent="boot")}
    calls = [id for id in exact if id.startswith("kernel.initcall.")]
    differ = [id for id in calls if exact[id].parent != rough[id].parent]
    assert len(differ) <= len(calls) // 50, differ
    known = [exact[id] for id in calls if exact[id].name in levels]
    assert len(known) > len(calls) * 0.95
    for span in known:
        if levels[span.name] != "console":
            assert span.parent == f"kernel.level.{levels[span.name]}", span


def test_levels_of_system_map_omit_ambiguous_names() -> None:
    system_map = (
        "ffffffff83579348 d __initcall__kmod_a__1050_2469_init4\n"
        "ffffffff83579349 d __initcall__kmod_b__1051_3_init6\n"
        "ffffffff8357934a d __initcall_xenbus_init6s\n"
        "ffffffff83579624 D __initcallrootfs_start\n"
        "ffffffff83579625 d __initcall_populate_rootfsrootfs\n"
    )
    assert levels_of_system_map(system_map) == {
        "xenbus_init": "device",
        "populate_rootfs": "rootfs",
    }


def test_kernel_steps_are_each_in_some_real_log() -> None:
    texts = "\n".join(line.text for name in klogs.ALL for line in klogs.log(name).lines)
    unseen = [step.begins for step in STEPS if f"\n{step.begins}" not in f"\n{texts}"]
    assert unseen == ["Freeing unused kernel memory"], "of kernels before 4.20"


@given(data=st.data(), name=st.sampled_from(klogs.ALL))
@settings(max_examples=60, deadline=None)
def test_kernel_spans_of_a_log_cut_anywhere(data: st.DataObject, name: str) -> None:
    text = klogs.text(name)
    start = data.draw(st.one_of(st.just(0), st.integers(0, len(text))))
    end = data.draw(st.integers(start, len(text)))
    log = parse_kernel_log(text[start:end])
    assert_well_formed(kernel_spans(log, parent="boot"))
    assert_well_formed(module_spans(log, parent="boot"))
    if log.lines and start:
        assert log.warnings


@given(
    st.lists(st.integers(0, len(SMALL.splitlines()) - 1), max_size=40),
    st.lists(st.integers(0, 600), max_size=40),
)
@settings(max_examples=300, deadline=None)
def test_kernel_spans_of_lines_in_any_order(order: list[int], at: list[int]) -> None:
    lines = SMALL.splitlines()
    stamps = [*at, *range(len(order))]
    log = "\n".join(
        f"[    0.{stamp:06}]{lines[index].partition(']')[2]}"
        for index, stamp in zip(order, stamps, strict=False)
    )
    parsed = parse_kernel_log(log)
    assert_well_formed(kernel_spans(parsed, parent="boot"))
    assert_well_formed(kernel_spans(parsed, parent="boot", until_ns=100_000))
    assert_well_formed(module_spans(parsed, parent="boot", since_ns=50_000, until_ns=300_000))


@given(st.text(alphabet=st.sampled_from("[]0. @abcling_+x/()retud\n"), max_size=400))
def test_kernel_spans_accept_any_text(text: str) -> None:
    assert_well_formed(kernel_spans(parse_kernel_log(text), parent="boot"))
