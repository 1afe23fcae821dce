"""The recorder: marks in the order in which they were appended."""

from __future__ import annotations

import dataclasses
import time

import pytest

from bootwright.timelines.recorder import Mark, Recorder


def test_recorder_mark_is_taken_now_on_the_monotonic_clock() -> None:
    before = time.monotonic_ns()
    mark = Recorder().mark("vmm.exec")
    assert mark.name == "vmm.exec"
    assert before <= mark.time_ns <= time.monotonic_ns()


def test_recorder_mark_takes_a_given_time_even_zero() -> None:
    recorder = Recorder()
    assert recorder.mark("a", 42) == Mark(name="a", time_ns=42)
    assert recorder.mark("b", 0) == Mark(name="b", time_ns=0)


def test_recorder_marks_are_a_copy_in_order_of_arrival() -> None:
    recorder = Recorder()
    recorder.mark("late", 2)
    recorder.mark("early", 1)
    seen = recorder.marks()
    recorder.mark("late", 3)
    assert [mark.name for mark in seen] == ["late", "early"]
    assert [mark.time_ns for mark in recorder.marks()] == [2, 1, 3]


def test_recorder_listener_hears_each_mark() -> None:
    heard: list[Mark] = []
    recorder = Recorder(heard.append)
    mark = recorder.mark("a", 1)
    assert heard == [mark]


def test_recorder_new_listener_replaces_the_old_one() -> None:
    first: list[str] = []
    second: list[str] = []
    recorder = Recorder(lambda mark: first.append(mark.name))
    recorder.mark("a", 1)
    recorder.listen(lambda mark: second.append(mark.name))
    recorder.mark("b", 2)
    assert (first, second) == (["a"], ["b"])


def test_mark_is_frozen() -> None:
    mark = Mark(name="a", time_ns=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        mark.time_ns = 2  # type: ignore[misc]
