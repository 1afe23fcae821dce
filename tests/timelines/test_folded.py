"""Folded stacks: where the vCPU was seen, in which spans."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.timelines import folded
from bootwright.timelines.evidence import ResolvedSample
from bootwright.timelines.span import Timeline
from tests.reports.boots import HOSTILE, MS, boots, small, span


def seen(*looks: tuple[float, str], halted: bool = False) -> tuple[ResolvedSample, ...]:
    return tuple(ResolvedSample(round(at * MS), where, is_halted=halted) for at, where in looks)


def sampled(*looks: tuple[float, str], halted: bool = False) -> Timeline:
    return replace(small(), samples=seen(*looks, halted=halted))


def test_stacks_without_samples_are_empty() -> None:
    assert folded.stacks(small()) == ()
    assert folded.text(()) == ""


def test_stacks_put_a_sample_into_the_innermost_span() -> None:
    found = folded.stacks(
        sampled((112, "memcpy"), (116, "memcpy"), (120, "vsnprintf"), (150, "memcpy"))
    )
    assert found == (
        (("boot", "kernel", "early", "a", "memcpy"), 6 * MS),
        (("boot", "kernel", "early", "a", "vsnprintf"), 17 * MS),
        (("boot", "kernel", "early", "memcpy"), 15 * MS),
    )


def test_stacks_prefer_the_critical_of_overlapping_spans() -> None:
    assert folded.stacks(sampled((300, "x"), (301, "y"), (302, "y"))) == (
        (("boot", "kernel", "late", "x"), MS // 2),
        (("boot", "kernel", "late", "y"), MS + MS // 2),
    )
    assert [stack for stack, _ in folded.stacks(sampled((710, "x"), (711, "x")))] == [
        ("boot", "pid1", "c", "x")
    ]


def test_stacks_of_a_halted_vcpu_have_no_function() -> None:
    (found,) = folded.stacks(sampled((20, "default_idle"), (24, "default_idle"), halted=True))
    assert found == (("boot", "host", "vCPU halted"), 4 * MS)


def test_stacks_omit_spans_made_from_samples() -> None:
    timeline = sampled((150, "memcpy"), (152, "memcpy"))
    made = span("kernel.early.sampled.memcpy", "kernel.early", 140, 160)
    with_span = replace(timeline, spans=(*timeline.spans, made))
    assert folded.stacks(with_span) == folded.stacks(timeline)
    assert folded.stacks(timeline) == ((("boot", "kernel", "early", "memcpy"), 2 * MS),)


def test_stacks_omit_samples_outside_the_boot() -> None:
    assert folded.stacks(sampled((-10, "a"), (1000, "b"), (2000, "c"))) == ()


def test_folded_text() -> None:
    found = folded.stacks(
        sampled((112, "a;b c"), (116, "a:b_c"), (120, "\n"), (124, ""), (126, "vsnprintf"))
    )
    assert folded.text(found) == (
        f"boot;kernel;early;a;_ {8 * MS - MS}\n"
        f"boot;kernel;early;a;a:b_c {6 * MS}\n"
        f"boot;kernel;early;a;vsnprintf {MS}\n"
    )


def test_folded_text_escapes_hostile_names() -> None:
    looks = [(100 + number, name) for number, name in enumerate(HOSTILE)]
    for line in folded.text(folded.stacks(sampled(*looks))).split("\n")[:-1]:
        frames, weight = line.rsplit(" ", 1)
        assert weight.isdecimal()
        assert " " not in frames
        assert line.isprintable()
        assert len(frames.split(";")) == 4


@settings(deadline=None)
@given(boots(), st.lists(st.tuples(st.integers(0, 1100), st.sampled_from("abc")), max_size=40))
def test_stacks_weights_add_up_to_the_sampled_time(
    timeline: Timeline, looks: list[tuple[int, str]]
) -> None:
    found = folded.stacks(replace(timeline, samples=seen(*looks)))
    assert len({stack for stack, _ in found}) == len(found)
    assert all(weight > 0 for _, weight in found)
    assert all(stack[0] == "boot" for stack, _ in found)
    times = [at for at, _ in looks]
    if times:
        assert sum(weight for _, weight in found) <= (max(times) - min(times)) * MS
    lines = folded.text(found).splitlines()
    assert sum(int(line.rsplit(" ", 1)[1]) for line in lines) == sum(w for _, w in found)
