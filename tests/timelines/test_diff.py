"""Two boots beside each other: every moment is counted once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from bootwright.errors import InputError
from bootwright.timelines.diff import NOTHING, Diff, Ran, SpanChange, diff, parts
from bootwright.timelines.span import Timeline
from tests.reports.boots import MS, boot, boots, small, span


def by_id(found: Diff) -> dict[str, SpanChange]:
    changes = {change.id: change for change in found.changes}
    assert len(changes) == len(found.changes)
    return changes


def test_diff_of_a_boot_with_itself() -> None:
    found = diff(small(), small())
    assert found.change_ns == 0
    assert {change.what for change in found.changes} == {"same"}
    assert {change.own_ns for change in found.changes} == {0}
    assert len(found.changes) == len(small().spans)


def test_diff_finds_appeared_vanished_grown_and_shrunk_spans() -> None:
    ends = {"boot": 1100, "kernel": 500, "kernel.late": 500, "kernel.early.a": 120}
    spans = [
        replace(s, end_ns=ends[s.id] * MS) if s.id in ends else s
        for s in small().spans
        if s.id != "host"
    ]
    spans.append(span("firmware", "boot", 0, 50, "work", "firmware", critical=True))
    found = diff(small(), boot(*spans))
    changes = by_id(found)
    assert found.root is found.changes[0]
    assert (found.root.what, found.root.part_ns, found.change_ns) == ("grew", 100 * MS, 100 * MS)
    assert changes["host"].what == "vanished"
    assert changes["host"].after == NOTHING
    assert changes["host"].length_ns == changes["host"].own_ns == -100 * MS
    assert changes["firmware"].what == "appeared"
    assert changes["firmware"].before == NOTHING
    assert changes["kernel.late"].what == "grew"
    assert changes["kernel.early.a"].what == "shrank"
    early = changes["kernel.early"]
    assert (early.what, early.part_ns, early.own_ns) == ("same", 0, 10 * MS), "what a gave up"
    assert [found.count(w) for w in ("appeared", "vanished", "grew", "shrank")] == [1, 1, 3, 1]
    own = [abs(change.own_ns) for change in found.changes[1:]]
    assert own == sorted(own, reverse=True)


def test_diff_off_the_critical_path_gains_nothing() -> None:
    """A unit that runs beside a critical one, and takes longer, makes no boot longer."""
    longer = [
        replace(s, end_ns=690 * MS) if s.id in ("unit.b", "unit.b.inner") else s
        for s in small().spans
    ]
    changes = by_id(diff(small(), boot(*longer)))
    assert (changes["unit.b"].what, changes["unit.b"].length_ns) == ("grew", 90 * MS)
    assert changes["unit.b"].part_ns == changes["unit.b"].own_ns == 0
    assert changes["unit.a"].own_ns == 0


def test_parts_of_a_boot() -> None:
    assert {name: part / MS for name, part in parts(small()).items() if part} == {
        "host": 100,
        "kernel.early": 80,
        "kernel.early.a": 20,
        "kernel.late": 200,
        "unit.a": 300,
        "unit.c": 20,
        "pid1": 180,
        "ssh": 100,
    }


def test_parts_give_a_moment_to_the_last_started() -> None:
    timeline = boot(
        span("boot", "", 0, 100, "frame"), span("a", "boot", 0, 90), span("b", "boot", 30, 60)
    )
    assert parts(timeline) == {"boot": 10 * MS, "a": 60 * MS, "b": 30 * MS}


@settings(deadline=None)
@given(boots(), boots())
def test_parts_and_changes_add_up(a: Timeline, b: Timeline) -> None:
    for timeline in (a, b):
        found = parts(timeline)
        assert sum(found.values()) == timeline.total_ns
        assert all(0 <= found[s.id] <= s.duration_ns for s in timeline.spans)
    together = diff(a, b)
    assert sum(change.own_ns for change in together.changes) == together.change_ns
    assert together.root.part_ns == together.change_ns == together.root.length_ns
    turned = by_id(diff(b, a))
    for name, change in by_id(together).items():
        assert turned[name].own_ns == -change.own_ns
        assert turned[name].length_ns == -change.length_ns


def test_diff_sums_numbered_spans() -> None:
    def run(*lengths: int) -> Timeline:
        spans = [span("boot", "", 0, 100, "frame"), span("k#2", "boot", 0, 100, "frame")]
        at = 0
        for number, length in enumerate(lengths, start=1):
            name = "k#2.sampled.memcpy" + (f"#{number}" if number > 1 else "")
            spans.append(span(name, "k#2", at, at + length))
            at += length + 5
        return boot(*spans)

    changes = by_id(diff(run(3, 4, 5), run(10, 20)))
    assert set(changes) == {"boot", "k", "k.sampled.memcpy"}
    memcpy = changes["k.sampled.memcpy"]
    assert (memcpy.parent, memcpy.before.length_ns, memcpy.after.length_ns) == (
        "k",
        12 * MS,
        30 * MS,
    )
    assert changes["k"].own_ns == -18 * MS


def test_diff_counts_nested_spans_of_one_kind_once() -> None:
    timeline = boot(
        span("boot", "", 0, 100, "frame"), span("a", "boot", 0, 50), span("a#2", "a", 10, 20)
    )
    change = by_id(diff(timeline, timeline))["a"]
    assert (change.parent, change.before.length_ns, change.before.part_ns) == (
        *("boot", 50 * MS),
        50 * MS,
    )
    assert change.before.own_ns == 50 * MS


def test_diff_is_critical_on_either_side() -> None:
    spans = [replace(s, critical=s.id == "unit.b") for s in small().spans]
    changes = by_id(diff(small(), boot(*spans)))
    assert changes["unit.a"].critical
    assert changes["unit.b"].critical
    assert not changes["unit.c"].critical


def test_diff_refuses_different_clocks() -> None:
    with pytest.raises(InputError) as caught:
        diff(small(), replace(small(), clock="virtual"))
    assert str(caught.value) == (
        "the first boot is on the wall clock and the second on the virtual clock, "
        "whose times do not compare"
    )
    assert caught.value.hint == "boot both with the same --clock"


def test_diff_warns_of_different_hosts_and_accelerators() -> None:
    a, b = Ran(host="lab1", accelerator="kvm"), Ran(host="lab2", accelerator="tcg")
    assert diff(small(), small(), ran_a=a, ran_b=b).warnings == (
        "the first boot ran with kvm and the second with tcg; that alone changes every length",
        "the first boot ran on host lab1 and the second on lab2; that alone changes every length",
    )
    assert diff(small(), small(), ran_a=a, ran_b=a).warnings == ()
    assert diff(small(), small(), ran_a=a).warnings == ()
    virtual = replace(small(), clock="virtual")
    there = replace(a, host="elsewhere")
    assert diff(virtual, virtual, ran_a=a, ran_b=there).warnings == ()
