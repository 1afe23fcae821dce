"""From evidence to a timeline: whole, with parts missing, cut anywhere, and read again later."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.timelines.assemble import assemble
from bootwright.timelines.evidence import Evidence, LogLineTime, MarkSeen, Pass, ResolvedSample
from bootwright.timelines.kernel.warp import warp
from bootwright.timelines.span import ROOT, Span, Timeline
from tests.timelines import evidences, klogs
from tests.timelines.evidences import MS

NO_ALIGNMENT = "the offset of the guest's clock from the host's is unknown"
TOP = ["host", "vmm", "firmware", "kernel", "initramfs", "pid1", "ssh"]


@pytest.fixture(scope="module")
def whole() -> Timeline:
    return assemble(evidences.whole())


def check(timeline: Timeline) -> dict[str, Span]:
    """See that a timeline is well formed; return its spans by id."""
    spans = {timeline.root.id: timeline.root}
    assert (timeline.root.id, timeline.root.parent, timeline.root.start_ns) == (ROOT, "", 0)
    for span in timeline.spans[1:]:
        assert span.id not in spans, span.id
        above = spans[span.parent]
        assert above.start_ns <= span.start_ns <= span.end_ns <= above.end_ns, span.id
        assert span.source, span.id
        assert span.name, span.id
        spans[span.id] = span
    unaccounted = timeline.unaccounted_ns()
    assert all(0 <= ns <= spans[id].duration_ns for id, ns in unaccounted.items())
    return spans


def without(seen: Pass, **missing: object) -> Evidence:
    """Return the evidence of a boot that lacks something in its clean pass."""
    changed = msgspec.structs.replace(seen, **missing)
    return Evidence(clean=changed, instrumented=evidences.instrumented())


def test_assemble_gives_well_formed_spans_of_all_layers(whole: Timeline) -> None:
    spans = check(whole)
    assert {span.layer for span in spans.values()} == {
        *("host", "firmware", "kernel", "initramfs", "userspace", "ssh"),
    }
    assert whole.warnings == ()
    assert whole.clock == "wall"


def test_assemble_phases_are_in_order_and_add_up(whole: Timeline) -> None:
    top = whole.children()[ROOT]
    assert [span.id for span in top] == TOP
    between_ns = [after.start_ns - before.end_ns for before, after in pairwise(top)]
    assert min(between_ns) >= 0
    assert top[0].start_ns == 0
    assert top[-1].end_ns == whole.total_ns
    assert sum(span.duration_ns for span in top) + sum(between_ns) == whole.total_ns
    unaccounted = whole.unaccounted_ns()
    open_ns = sum(unaccounted[span.id] for span in top) + sum(between_ns)
    assert unaccounted[ROOT] == open_ns
    assert open_ns < 0.02 * whole.total_ns


def test_assemble_places_guest_spans_by_the_guest_clock(whole: Timeline) -> None:
    spans = {span.id: span for span in whole.spans}
    begun_ns = spans["kernel"].start_ns
    assert abs(begun_ns - 1_400 * MS) <= whole.clock_error_ns
    assert spans["firmware"].end_ns == begun_ns
    assert spans["pid1"].start_ns == begun_ns + evidences.GUEST_MARKS["initramfs.done"]
    assert spans["ssh"].start_ns == begun_ns + evidences.GUEST_MARKS["sshd.listening"]
    assert spans["ssh.command"].end_ns == whole.total_ns


def test_assemble_clock_error_is_half_the_open_interval(whole: Timeline) -> None:
    # Each look took 400 us; the marks came 300 us late, which says no more.
    assert whole.clock_error_ns == 200_000


def test_assemble_moves_units_to_the_clock_of_the_log(whole: Timeline) -> None:
    """Their clock is 2 ms ahead, and the look at it took 2 ms: its middle was meant."""
    spans = {span.id: span for span in whole.spans}
    told = Evidence(clean=msgspec.structs.replace(evidences.clean(), monotonic=""))
    other = {span.id: span for span in assemble(told).spans}
    unit = "unit.systemd-udevd.service"
    assert other[unit].start_ns - spans[unit].start_ns == 2 * MS


def test_assemble_takes_lengths_from_the_clean_pass(whole: Timeline) -> None:
    spans = {span.id: span for span in whole.spans}
    clean, instrumented = klogs.log("6.1-image-clean").init, klogs.log("6.1-image-initcall_debug")
    assert clean is not None
    assert instrumented.init is not None
    assert spans["kernel"].duration_ns == clean.time_ns
    assert spans["kernel.initcall.crypto_algapi_init"].critical
    assert spans["initramfs.modules"].id in {span.parent for span in whole.spans}
    overhead = warp(instrumented, klogs.log("6.1-image-clean")).overhead
    assert overhead is not None
    assert whole.overhead_ns == overhead.overhead_ns


def test_assemble_asynchronous_initcalls_are_not_critical() -> None:
    called = (1_000 * MS, "calling  7_async_probe+0x0/0x10 @ 45")
    returned = (1_050 * MS, "initcall 7_async_probe+0x0/0x10 returned 0 after 50000 usecs")
    log = evidences.with_lines(
        evidences.clean().kernel_log, {text: at for at, text in (called, returned)}, prefix=""
    )
    timeline = assemble(Evidence(clean=msgspec.structs.replace(evidences.clean(), kernel_log=log)))
    beside = check(timeline)["kernel.async.async_probe"]
    assert (beside.duration_ns, beside.critical, beside.slack_ns) == (50 * MS, False, None)


def test_assemble_fills_firmware_and_kernel_with_samples(whole: Timeline) -> None:
    spans = {span.id: span for span in whole.spans}
    sampled = [span for span in spans.values() if ".sampled." in span.id]
    assert {"firmware", "kernel"} <= {span.layer for span in sampled}
    assert "firmware.sampled.firmware" in {span.id for span in sampled}
    assert any(span.name == "vCPU halted" and span.kind == "wait" for span in sampled)
    watched = evidences.instrumented()
    unseen = msgspec.structs.replace(watched, samples=())
    bare = assemble(Evidence(clean=evidences.clean(), instrumented=unseen))
    assert bare.unaccounted_ns()["kernel"] > whole.unaccounted_ns()["kernel"]
    assert bare.unaccounted_ns()["firmware"] == spans["firmware"].duration_ns
    assert whole.unaccounted_ns()["firmware"] < 10 * MS
    # What PID 1 does, units tell; the initramfs's last mark is where samples end.
    assert not [span for span in sampled if span.end_ns > spans["pid1"].start_ns]


@pytest.mark.parametrize("made", [evidences.whole, evidences.virtual])
def test_assemble_of_stored_evidence_is_the_same(made: object) -> None:
    assert callable(made)
    evidence = made()
    stored = msgspec.json.encode(evidence)
    again = msgspec.json.decode(stored, type=Evidence)
    assert again == evidence
    assert assemble(again) == assemble(evidence)


def test_assemble_without_exchanges_warns_and_omits_the_guest() -> None:
    timeline = assemble(without(evidences.clean(), exchanges=()))
    spans = check(timeline)
    assert timeline.warnings == (NO_ALIGNMENT,)
    assert {span.layer for span in spans.values()} == {"host"}
    assert timeline.total_ns == assemble(evidences.whole()).total_ns


def test_assemble_without_an_instrumented_pass_has_phases_only() -> None:
    timeline = assemble(Evidence(clean=evidences.clean()))
    spans = check(timeline)
    assert timeline.overhead_ns is None
    assert timeline.warnings == ()
    assert [span.id for span in timeline.children()[ROOT]] == TOP
    assert not [id for id in spans if ".initcall." in id or ".sampled." in id]
    assert timeline.unaccounted_ns()["kernel"] == spans["kernel"].duration_ns


def test_assemble_without_units_uses_processes() -> None:
    timeline = assemble(Evidence(clean=evidences.tini()))
    spans = check(timeline)
    assert [span.id for span in timeline.children()[ROOT]] == TOP
    assert [span.name for span in timeline.children()["pid1"] if span.kind == "work"] == [
        *("tini (pid 1)", "start (pid 107)", "start (pid 121)", "sshd (pid 122)"),
    ]
    assert timeline.unaccounted_ns()["pid1"] == 0
    assert spans["process.sshd"].critical


def test_assemble_without_units_and_processes_leaves_pid1_unaccounted() -> None:
    timeline = assemble(without(evidences.clean(), units="", processes=""))
    spans = check(timeline)
    assert timeline.unaccounted_ns()["pid1"] == spans["pid1"].duration_ns


@pytest.mark.parametrize(
    "name", ["initramfs.start", "initramfs.modules", "initramfs.done", "sshd.listening"]
)
def test_assemble_with_a_lost_mark_loses_only_its_spans(name: str) -> None:
    clean = evidences.clean()
    log = "".join(
        line
        for line in clean.kernel_log.splitlines(keepends=True)
        if not line.endswith(f"bootwright: {name}\n")
    )
    timeline = assemble(without(clean, kernel_log=log))
    top = [s.id for s in timeline.children()[ROOT] if ".sampled." not in s.id]
    lost = {
        "initramfs.start": [],
        "initramfs.modules": [],
        "initramfs.done": ["initramfs", "pid1"],
        "sshd.listening": ["pid1", "ssh"],
    }
    assert top == [id for id in TOP if id not in lost[name]]
    check(timeline)


def test_assemble_with_a_missing_host_mark_leaves_a_gap() -> None:
    clean = evidences.clean()
    marks = tuple(mark for mark in clean.marks if mark.name != "vmm.running")
    timeline = assemble(without(clean, marks=marks))
    spans = check(timeline)
    assert "firmware" not in spans
    assert "vmm" not in spans


def test_assemble_of_an_empty_log_has_the_hosts_part_and_a_warning() -> None:
    timeline = assemble(without(evidences.clean(), kernel_log=""))
    check(timeline)
    assert NO_ALIGNMENT in timeline.warnings
    assert [span.id for span in timeline.children()[ROOT]] == ["host", "vmm"]


@pytest.mark.parametrize(
    "seen",
    [
        Pass(),
        Pass(marks=(MarkSeen("command.entered", 5),)),
        Pass(ssh=evidences.ssh_lines(5)),
    ],
)
def test_assemble_without_beginning_or_end_is_an_error(seen: Pass) -> None:
    with pytest.raises(FormatError) as bad:
        assemble(Evidence(clean=seen))
    assert str(bad.value) == "the evidence has no start or no end of the boot"


_CLEAN, _WATCHED = evidences.clean(), evidences.instrumented()


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_assemble_of_logs_cut_anywhere(data: st.DataObject) -> None:
    logs = []
    for name, log in (("clean", _CLEAN.kernel_log), ("watched", _WATCHED.kernel_log)):
        start = data.draw(st.one_of(st.just(0), st.integers(0, len(log))), label=f"{name} from")
        end = data.draw(st.one_of(st.just(len(log)), st.integers(start, len(log))), label="to")
        logs.append(log[start:end])
    timeline = assemble(
        Evidence(
            clean=msgspec.structs.replace(_CLEAN, kernel_log=logs[0]),
            instrumented=msgspec.structs.replace(_WATCHED, kernel_log=logs[1]),
        )
    )
    check(timeline)
    if logs[0] != _CLEAN.kernel_log and "exchange " not in logs[0]:
        assert NO_ALIGNMENT in timeline.warnings


@given(
    st.sampled_from(["units", "manager", "processes", "monotonic"]),
    st.integers(0, 120_000),
    st.text(max_size=50),
)
@settings(max_examples=40, deadline=None)
def test_assemble_of_torn_guest_output(part: str, length: int, rest: str) -> None:
    torn = getattr(_CLEAN, part)[:length] + rest
    check(assemble(Evidence(clean=msgspec.structs.replace(_CLEAN, **{part: torn}))))


@given(st.lists(st.integers(0, 100), min_size=20, max_size=20))
@settings(max_examples=20, deadline=None)
def test_assemble_of_marks_in_any_order_is_well_formed(
    times: list[int],
) -> None:
    marks = tuple(
        MarkSeen(mark.name, evidences.ENTERED_NS + at * 300 * MS)
        for mark, at in zip(_CLEAN.marks, times, strict=False)
    )
    check(assemble(Evidence(clean=msgspec.structs.replace(_CLEAN, marks=marks))))


def test_assemble_on_the_virtual_clock_begins_with_the_guest() -> None:
    timeline = assemble(evidences.virtual())
    spans = check(timeline)
    assert (timeline.clock, timeline.clock_error_ns) == ("virtual", 0)
    assert [span.id for span in timeline.children()[ROOT]] == ["kernel", "initramfs", "pid1", "ssh"]
    assert spans["kernel"].start_ns == 0
    assert timeline.total_ns == evidences.GUEST_MARKS["sshd.listening"] + 40 * MS
    assert spans["ssh"].name == "sshd greets on loopback"


def test_assemble_on_the_virtual_clock_needs_an_end_mark() -> None:
    log = klogs.text("6.1-image-clean")
    with pytest.raises(FormatError) as bad:
        assemble(Evidence(clock="virtual", clean=Pass(kernel_log=log)))
    assert str(bad.value) == "the guest's log has none of the marks that end its boot"


def test_assemble_on_the_virtual_clock_places_samples_between_lines() -> None:
    # The guest's clock steps by 100 ms between its second line and its third.
    lines = (
        LogLineTime(0, 1 * MS, 2 * MS),
        LogLineTime(10 * MS, 20 * MS, 20 * MS),
        LogLineTime(20 * MS, 30 * MS, 30 * MS),
        LogLineTime(220 * MS, 130 * MS, 130 * MS),
    )
    seen = tuple(ResolvedSample(at * MS, "start_kernel") for at in (15, 25, 80, 130, 140))
    watched = Pass(samples=seen, lines=lines)
    read = assemble(msgspec.structs.replace(evidences.virtual(), sampled=watched))
    assert [sample.time_ns // MS for sample in read.samples] == [5, 15, 120, 220, 230]
    assert any(span.name == "start_kernel" and span.kind == "work" for span in read.spans)
    # Where no line tells how the clocks stand, samples lie nowhere.
    alone = msgspec.structs.replace(evidences.virtual(), sampled=Pass(samples=seen))
    assert assemble(alone).samples == ()
