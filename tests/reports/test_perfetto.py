"""Traces for the Perfetto UI, read back by Perfetto's own classes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos

from bootwright.reports.perfetto import UNACCOUNTED, trace
from bootwright.timelines.span import Timeline
from tests.reports.boots import HOSTILE, boots, hostile, small


@dataclass
class Slice:
    """A begin with its end, as the trace processor pairs them: the last begun ends first."""

    track: str
    above: str
    """The name of the track that holds the track."""
    name: str
    category: str
    start_ns: int
    end_ns: int
    outer: str
    """The id of the slice that it is nested in, or empty."""
    notes: dict[str, Any]


def read(data: bytes) -> list[Slice]:
    packets = protos.Trace.FromString(data).packet
    tracks = {
        p.track_descriptor.uuid: p.track_descriptor
        for p in packets
        if p.HasField("track_descriptor")
    }
    events = [p for p in packets if p.HasField("track_event")]
    assert len(tracks) + len(events) == len(packets)
    assert {p.trusted_packet_sequence_id for p in events} == {1}
    found: list[Slice] = []
    for uuid, track in tracks.items():
        open_: list[Slice] = []
        own = [p for p in events if p.track_event.track_uuid == uuid]
        times = [p.timestamp for p in own]
        assert times == sorted(times), "a stable sort by time keeps each track's order"
        for packet in own:
            event = packet.track_event
            if event.type == protos.TrackEvent.TYPE_SLICE_END:
                open_.pop().end_ns = packet.timestamp
                continue
            assert event.type == protos.TrackEvent.TYPE_SLICE_BEGIN
            notes = {
                note.name: getattr(note, note.WhichOneof("value"))
                for note in event.debug_annotations
            }
            above = tracks[track.parent_uuid].name if track.parent_uuid else ""
            outer = open_[-1].notes["id"] if open_ else ""
            (category,) = event.categories
            begun = Slice(
                track.name, above, event.name, category, packet.timestamp, -1, outer, notes
            )
            open_.append(begun)
            found.append(begun)
        assert open_ == []
    assert {p.track_event.track_uuid for p in events} <= set(tracks)
    return found


def assert_same_spans(timeline: Timeline, slices: list[Slice]) -> None:
    spans = {span.id: span for span in timeline.spans}
    told = [s for s in slices if s.category != UNACCOUNTED]
    assert sorted(s.notes["id"] for s in told) == sorted(spans)
    for seen in told:
        span = spans[seen.notes["id"]]
        assert (seen.name, seen.start_ns, seen.end_ns) == (span.name, span.start_ns, span.end_ns)
        assert seen.category == span.layer
        assert seen.notes["source"] == span.source
        assert seen.notes["kind"] == span.kind
        assert seen.notes["critical"] is span.critical
        assert seen.notes.get("slack_ns") == span.slack_ns
        assert seen.outer in ("", span.parent)
    gone = [s for s in slices if s.category == UNACCOUNTED]
    length = sum(s.end_ns - s.start_ns for s in gone)
    assert length == timeline.unaccounted_ns()[timeline.root.id]


def test_perfetto_trace_holds_every_span() -> None:
    timeline = small()
    slices = read(trace(timeline, title="web"))
    assert_same_spans(timeline, slices)
    where = {s.notes["id"]: (s.above, s.track) for s in slices if "id" in s.notes}
    assert where["boot"] == ("", "web")
    assert where["kernel"] == where["kernel.early.a"] == where["kernel.late"] == ("web", "kernel")
    assert where["kernel.async"] == ("kernel", "kernel, beside 1")
    assert where["unit.a"] == ("web", "userspace")
    assert where["unit.b"] == where["unit.b.inner"] == ("userspace", "userspace, beside 1")
    assert where["unit.c"] == ("userspace", "userspace, beside 2")
    assert [(s.start_ns, s.end_ns) for s in slices if s.track == UNACCOUNTED] == [
        (100_000_000, 110_000_000),
        (130_000_000, 200_000_000),
        (720_000_000, 900_000_000),
    ]


@settings(deadline=None, max_examples=100)
@given(boots())
def test_perfetto_trace_of_any_boot_holds_every_span(timeline: Timeline) -> None:
    assert_same_spans(timeline, read(trace(timeline, title="a boot")))


def test_perfetto_tracks_are_in_the_order_of_layers() -> None:
    packets = protos.Trace.FromString(trace(small(), title="web")).packet
    tracks = [p.track_descriptor for p in packets if p.HasField("track_descriptor")]
    names = [t.name for t in tracks if t.parent_uuid == tracks[0].uuid]
    assert names == ["host", "kernel", "userspace", "ssh", UNACCOUNTED]
    assert {t.child_ordering for t in tracks} == {protos.TrackDescriptor.EXPLICIT}
    ranks = [t.sibling_order_rank for t in tracks[1:]]
    assert ranks == sorted(set(ranks))


def test_perfetto_trace_keeps_hostile_names() -> None:
    slices = read(trace(hostile(), title=HOSTILE[2]))
    names = {s.name for s in slices if "id" in s.notes}
    assert set(HOSTILE) - names == {HOSTILE[2]}, "a lone surrogate is no UTF-8"
    assert HOSTILE[2].replace("\ud800", "?") in names


@pytest.mark.parametrize("module", ["bootwright.reports.perfetto", "bootwright.cli.timeline"])
def test_perfetto_imports_protobuf_lazily(module: str) -> None:
    script = f"import {module}, sys; print([m for m in sys.modules if 'protobuf' in m])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
