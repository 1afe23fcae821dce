"""Spans, and what they leave unaccounted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.timelines import placing
from bootwright.timelines.span import Kind, Span, Timeline, covered_ns, gaps, merged

_INTERVALS = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda pair: (min(pair), max(pair)))
)


def span(name: str, parent: str, start: int, end: int, kind: Kind = "work") -> Span:
    return Span(
        id=name,
        parent=parent,
        layer="kernel",
        name=name,
        kind=kind,
        start_ns=start,
        end_ns=end,
        source="sample",
    )


def test_span_refuses_an_end_before_its_start() -> None:
    with pytest.raises(FormatError, match="span x ends 2 ns before it starts"):
        span("x", "", 5, 3)


def test_unaccounted_ns_counts_frames_as_unexplained() -> None:
    timeline = Timeline(
        spans=(
            span("boot", "", 0, 100, "frame"),
            span("kernel", "boot", 0, 60, "frame"),
            span("a", "kernel", 0, 10),
            span("b", "kernel", 5, 20),
            span("b1", "b", 6, 7),
            span("idle", "kernel", 40, 50, "wait"),
            span("rest", "boot", 60, 100),
        ),
        clock="wall",
        clock_error_ns=0,
    )
    unaccounted = timeline.unaccounted_ns()
    assert unaccounted["boot"] == unaccounted["kernel"] == 30
    assert (unaccounted["b"], unaccounted["rest"]) == (0, 0)
    assert timeline.total_ns == 100
    assert [s.id for s in timeline.children()["kernel"]] == ["a", "b", "idle"]


@given(_INTERVALS, st.integers(0, 100), st.integers(0, 100))
def test_merged_and_gaps_make_the_whole(intervals: list[tuple[int, int]], a: int, b: int) -> None:
    low, high = min(a, b), max(a, b)
    union = merged(intervals)
    points = {point for start, end in intervals for point in range(start, end)}
    assert covered_ns(union, low, high) == len(points & set(range(low, high)))
    open_ = gaps(union, low, high)
    assert sum(end - start for start, end in open_) + covered_ns(union, low, high) == high - low
    assert all(end > start for start, end in open_)


def test_tree_cuts_spans_to_their_parent_and_drops_others() -> None:
    placed = placing.tree(
        [
            span("a", "boot", -5, 10),
            span("boot", "", 0, 50, "frame"),
            span("a1", "a", 2, 30),
            span("lost", "nobody", 0, 5),
            span("outside", "boot", 60, 70),
            span("a", "boot", 1, 2),
        ]
    )
    assert [(s.id, s.start_ns, s.end_ns) for s in placed] == [
        ("boot", 0, 50),
        ("a", 0, 10),
        ("a1", 2, 10),
    ]


def test_shifted_moves_all_spans() -> None:
    [moved] = placing.shifted([span("a", "", 5, 7)], 100)
    assert (moved.start_ns, moved.end_ns) == (105, 107)
