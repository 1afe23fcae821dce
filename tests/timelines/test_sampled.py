"""Samples fill what nothing else explains, and nothing more."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines import placing
from bootwright.timelines.evidence import ResolvedSample
from bootwright.timelines.sampled import fill
from bootwright.timelines.span import Span, covered_ns, merged
from tests.timelines.test_span import span

MS = 1_000_000


def frame(name: str, parent: str, start_ms: int, end_ms: int) -> Span:
    return span(name, parent, start_ms * MS, end_ms * MS, "frame")


def work(name: str, parent: str, start_ms: int, end_ms: int) -> Span:
    return span(name, parent, start_ms * MS, end_ms * MS)


def looks(*seen: tuple[int, str]) -> list[ResolvedSample]:
    """Return samples at times in milliseconds; one called ``halt`` was halted."""
    return [ResolvedSample(ms * MS, where, where == "halt") for ms, where in seen]


def told(found: list[Span]) -> list[tuple[str, str, int, int]]:
    return [(s.parent, s.name, s.start_ns // MS, s.end_ns // MS) for s in found]


BOOT = frame("boot", "", 0, 100)


def test_fill_extends_a_sample_halfway_to_the_next() -> None:
    found = fill([BOOT], looks((10, "a"), (20, "b"), (24, "b"), (30, "a")))
    assert told(found) == [
        ("boot", "a", 10, 15),
        ("boot", "b", 15, 27),
        ("boot", "a", 27, 30),
    ]
    assert [s.id for s in found] == ["boot.sampled.a", "boot.sampled.b", "boot.sampled.a#2"]
    assert found[1].source == "2 samples of the vCPU's instruction pointer"
    assert {s.kind for s in found} == {"work"}


def test_fill_makes_a_wait_of_a_halted_vcpu() -> None:
    found = fill([BOOT], looks((10, "a"), (20, "halt"), (30, "a")))
    assert [(s.name, s.kind) for s in found] == [
        *(("a", "work"), ("vCPU halted", "wait"), ("a", "work")),
    ]
    assert found[1].id == "boot.sampled.vCPU-halted"


def test_fill_covers_only_unexplained_time() -> None:
    spans = [BOOT, work("x", "boot", 12, 18), work("y", "boot", 25, 26)]
    found = fill(spans, looks((10, "a"), (20, "a"), (30, "a")))
    assert told(found) == [
        *(("boot", "a", 10, 12), ("boot", "a", 18, 25), ("boot", "a", 26, 30)),
    ]


def test_fill_puts_samples_into_the_narrowest_frame() -> None:
    spans = [BOOT, frame("kernel", "boot", 10, 60), frame("early", "kernel", 10, 20)]
    found = fill(spans, looks((4, "a"), (6, "a"), (14, "b"), (16, "b"), (40, "c"), (44, "c")))
    assert told(found) == [
        ("boot", "a", 4, 10),
        ("early", "b", 10, 20),
        ("kernel", "c", 28, 44),
    ]


def test_fill_does_not_stretch_distant_samples() -> None:
    found = fill([BOOT], looks((10, "a"), (90, "b")))
    assert told(found) == [("boot", "a", 10, 25), ("boot", "b", 75, 90)]


def test_fill_omits_samples_outside_of_every_frame() -> None:
    assert fill([BOOT], looks((200, "a"), (210, "a"))) == []


def test_fill_of_a_single_sample_is_empty() -> None:
    assert fill([BOOT], looks((10, "a"))) == []
    assert fill([BOOT], []) == []


def test_fill_inherits_the_frames_criticality() -> None:
    for critical, slack_ns in ((True, 0), (False, None)):
        boot = replace(BOOT, critical=critical, slack_ns=slack_ns)
        [found] = fill([boot], looks((1, "a"), (2, "a")))
        assert (found.critical, found.slack_ns) == (critical, slack_ns)


_EDGES = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted)
_SPANS = st.lists(st.tuples(_EDGES, st.sampled_from(["frame", "work", "wait"])), max_size=8)
_LOOKS = st.lists(st.tuples(st.integers(-20, 120), st.sampled_from(["a", "b", "halt"])))


@given(_SPANS, _LOOKS)
def test_fill_never_overlaps(
    below: list[tuple[list[int], str]], seen: list[tuple[int, str]]
) -> None:
    spans = [BOOT]
    for number, ((start, end), kind) in enumerate(below):
        made = frame if kind == "frame" else work
        spans.append(made(f"s{number}", "boot", start, end))
    found = fill(spans, looks(*seen))
    explained = merged((s.start_ns, s.end_ns) for s in spans if s.kind != "frame")
    edges = sorted((s.start_ns, s.end_ns) for s in found)
    for (_, end), (start, _) in pairwise(edges):
        assert end <= start
    known = {s.id: s for s in spans}
    for one in found:
        assert one.id not in known
        above = known[one.parent]
        assert above.kind == "frame"
        assert above.start_ns <= one.start_ns < one.end_ns <= above.end_ns
        assert covered_ns(explained, one.start_ns, one.end_ns) == 0
        known[one.id] = one
    whole = merged((s.start_ns, s.end_ns) for s in [*spans, *found] if s.kind != "frame")
    assert covered_ns(whole, 0, 100 * MS) <= 100 * MS
    assert len(placing.tree([*spans, *found])) == len(spans) + len(found)
