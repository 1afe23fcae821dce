"""The host's spans."""

from __future__ import annotations

import itertools

from bootwright.timelines import host


def test_host_spans_fill_their_frames() -> None:
    marks = {name: 1_000 + 10 * number for number, name in enumerate(host.MARKS)}
    spans = host.spans(marks, -1_000)
    frames = {span.id: span for span in spans if span.kind == "frame"}
    assert list(frames) == ["host", "vmm"]
    for frame in frames.values():
        below = [span for span in spans if span.parent == frame.id]
        assert below[0].start_ns == frame.start_ns
        assert below[-1].end_ns == frame.end_ns
        for one, next_ in itertools.pairwise(below):
            assert one.end_ns == next_.start_ns
    assert spans[-1].source == "marks vmm.ready, vmm.running"


def test_host_spans_omit_a_step_without_its_mark() -> None:
    marks = {name: 10 * number for number, name in enumerate(host.MARKS) if name != "disk.made"}
    ids = [span.id for span in host.spans(marks, 0)]
    assert "host.disk" not in ids
    assert "host.initrd" not in ids
    assert "host.monitor" in ids
    assert host.spans({}, 0) == []
