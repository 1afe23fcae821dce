"""The critical path and slack over any graph."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.errors import FormatError
from bootwright.timelines.critical import Activity, critical_path


def act(id: str, start: int, end: int, *after: str) -> Activity:
    return Activity(id=id, start_ns=start, end_ns=end, after=after)


def test_critical_path_follows_the_last_to_end() -> None:
    path = critical_path(
        [
            act("root", 0, 10),
            act("long", 10, 50, "root"),
            act("short", 12, 20, "root"),
            act("goal", 52, 60, "long", "short"),
            act("aside", 10, 500, "root"),
        ],
        "goal",
    )
    assert path.chain == ("root", "long", "goal")
    assert path.waited_for == {"goal": "long", "long": "root", "short": "root"}
    # short could have ended with long; the 2 until the goal had its turn are the goal's own.
    assert path.slack_ns == {"goal": 0, "long": 0, "short": 30, "root": 0}


def test_critical_path_slack_is_passed_on() -> None:
    path = critical_path(
        [
            act("a", 0, 5),
            act("b", 6, 10, "a"),
            act("c", 30, 40, "b", "d"),
            act("d", 0, 29),
        ],
        "c",
    )
    assert path.chain == ("d", "c")
    assert path.slack_ns == {"c": 0, "d": 0, "b": 19, "a": 19}


def test_critical_path_ignores_an_order_not_obeyed() -> None:
    path = critical_path([act("late", 0, 30), act("goal", 20, 40, "late")], "goal")
    assert path.chain == ("goal",)
    assert path.waited_for == {}
    assert path.slack_ns == {"goal": 0}


def test_critical_path_ignores_missing_own_and_double_dependencies() -> None:
    path = critical_path(
        [act("a", 0, 1), act("a", 0, 99), act("goal", 5, 6, "gone", "goal", "a", "a")], "goal"
    )
    assert path.chain == ("a", "goal")


def test_critical_path_of_a_goal_that_never_ran_is_empty() -> None:
    path = critical_path([act("a", 0, 1)], "goal")
    assert (path.chain, path.slack_ns) == ((), {})


def test_critical_path_cuts_a_cycle_of_no_time() -> None:
    path = critical_path(
        [
            act("root", 0, 7),
            act("a", 7, 7, "b", "root"),
            act("b", 7, 7, "c"),
            act("c", 7, 7, "a"),
            act("goal", 8, 9, "a", "b", "c"),
        ],
        "goal",
    )
    assert path.chain[-1] == "goal"
    assert len(set(path.chain)) == len(path.chain)
    assert set(path.slack_ns) == {"root", "a", "b", "c", "goal"}


def test_activity_refuses_an_end_before_its_start() -> None:
    with pytest.raises(FormatError, match="activity x ends 2 ns before it starts"):
        act("x", 5, 3)


_NAMES = st.sampled_from("abcdefgh")


@st.composite
def _graphs(draw: st.DrawFn) -> list[Activity]:
    found = []
    for _ in range(draw(st.integers(0, 12))):
        start = draw(st.integers(0, 9))
        found.append(
            act(draw(_NAMES), start, start + draw(st.integers(0, 5)), *draw(st.lists(_NAMES)))
        )
    return found


@given(_graphs(), _NAMES)
def test_critical_path_of_any_graph_runs_forward(graph: list[Activity], goal: str) -> None:
    known: dict[str, Activity] = {}
    for activity in graph:
        known.setdefault(activity.id, activity)
    path = critical_path(graph, goal)
    assert (path.chain != ()) == (goal in known)
    assert len(set(path.chain)) == len(path.chain)
    for before, own in pairwise(path.chain):
        assert before in known[own].after
        assert known[before].end_ns <= known[own].start_ns
        assert path.waited_for[own] == before
    assert all(path.slack_ns[name] == 0 for name in path.chain)
    assert all(slack >= 0 for slack in path.slack_ns.values())
    for own, before in path.waited_for.items():
        # Nothing that it was after ended later, and still before it started.
        for other in known[own].after:
            if other in known and known[other].end_ns <= known[own].start_ns and other != own:
                later = known[other].end_ns > known[before].end_ns
                assert not later or known[other].start_ns == known[own].start_ns


@given(_graphs(), _NAMES, st.data())
def test_critical_path_slack_does_not_move_the_goal(
    graph: list[Activity], goal: str, data: st.DataObject
) -> None:
    """Run the graph again with one activity longer: what slack says is exactly what it holds."""
    known: dict[str, Activity] = {}
    for activity in graph:
        # What takes time is in no circle.
        if activity.end_ns > activity.start_ns:
            known.setdefault(activity.id, activity)
    path = critical_path(known.values(), goal)
    if not path.slack_ns:
        return
    victim = data.draw(st.sampled_from(sorted(path.slack_ns)))
    slack = path.slack_ns[victim]
    assert _rerun(known, path.waited_for, goal, victim, slack) == known[goal].end_ns
    if victim != goal:
        assert _rerun(known, path.waited_for, goal, victim, slack + 1) == known[goal].end_ns + 1


def _rerun(
    known: dict[str, Activity], waited: dict[str, str], goal: str, victim: str, more: int
) -> int:
    """Return when *goal* ends if *victim* takes *more*; each keeps its lag behind the last."""
    ends: dict[str, int] = {}

    def end(name: str, open_: frozenset[str]) -> int:
        if name in ends:
            return ends[name]
        own = known[name]
        before = [
            other
            for other in own.after
            if other in known
            and other != name
            and other not in open_
            and known[other].end_ns <= own.start_ns
        ]
        shift = 0
        if name in waited:
            ready = known[waited[name]].end_ns
            shift = max(0, *(end(other, open_ | {name}) - ready for other in before), 0)
        ends[name] = own.end_ns + shift + (more if name == victim else 0)
        return ends[name]

    moved = end(goal, frozenset())
    return moved - (more if victim == goal else 0)


def test_critical_path_of_a_long_chain_does_not_recurse() -> None:
    graph = [act("0", 0, 1)] + [act(str(n), n, n + 1, str(n - 1)) for n in range(1, 20_000)]
    assert len(critical_path(graph, "19999").chain) == 20_000
