"""A boot for the Perfetto UI: a trace of packets, each layer a track, each span a slice.

Times count from the boot's start, on the clock that a trace is taken to be on when it names none.

Source: protos/perfetto/trace/track_event/{track_event,track_descriptor}.proto of Perfetto 59;
https://perfetto.dev/docs/reference/synthetic-track-event. Slices of one track have to nest, so
siblings that overlap get tracks of their own; a parent's track lists its children's below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from bootwright.timelines.span import Interval, Layer, Span, Timeline, gaps, merged

_SEQUENCE = 1
"""All packets are from one writer."""
_ROOT_TRACK = 1
"""A track's number; 0 is Perfetto's own."""
UNACCOUNTED = "unaccounted"
"""The track, and the category, of slices in which no evidence explains the boot."""


@dataclass(frozen=True, slots=True)
class _Nest:
    """A slice and those inside it, on one track, in the order of their starts."""

    span: Span
    inside: list[_Nest]


@dataclass(slots=True)
class _Track:
    name: str
    parent: int
    slices: list[_Nest] = field(default_factory=list)

    def has_room(self, span: Span) -> bool:
        return _fits(span, [nest.span for nest in self.slices])


def trace(timeline: Timeline, *, title: str) -> bytes:
    """Return the trace, as the file that the Perfetto UI opens.

    Args:
        title: What was booted; the name of the track that holds all others.
    """
    # These take 0.2 s, and only who asks for a trace needs them.
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos
    from perfetto.trace_builder.proto_builder import TraceProtoBuilder

    builder = TraceProtoBuilder()
    tracks = _tracks(timeline, title)
    for number, track in enumerate(tracks, start=_ROOT_TRACK):
        descriptor = builder.add_packet().track_descriptor
        descriptor.uuid = number
        descriptor.name = _sayable(track.name)
        descriptor.child_ordering = protos.TrackDescriptor.EXPLICIT
        # Else tracks of one name would be drawn as one.
        descriptor.sibling_merge_behavior = protos.TrackDescriptor.SIBLING_MERGE_BEHAVIOR_NONE
        if track.parent:
            descriptor.parent_uuid = track.parent
            descriptor.sibling_order_rank = number
    for number, track in enumerate(tracks, start=_ROOT_TRACK):
        for nest in sorted(track.slices, key=lambda n: (n.span.start_ns, n.span.end_ns)):
            _add_slices(builder, protos.TrackEvent, number, nest)
    explained = merged((s.start_ns, s.end_ns) for s in timeline.spans if s.kind != "frame")
    root = timeline.root
    for start_ns, end_ns in gaps(explained, root.start_ns, root.end_ns):
        event = _event(builder, protos.TrackEvent.TYPE_SLICE_BEGIN, len(tracks), start_ns)
        event.name = UNACCOUNTED
        event.categories.append(UNACCOUNTED)
        _event(builder, protos.TrackEvent.TYPE_SLICE_END, len(tracks), end_ns)
    whole: bytes = builder.serialize()
    return whole


def _tracks(timeline: Timeline, title: str) -> list[_Track]:
    """Return all tracks, numbered from _ROOT_TRACK on: the root's first, what nothing explains
    last, and each layer's followed by those for what lies beside."""
    children = timeline.children()
    found = [_Track(name=title, parent=0, slices=[_Nest(timeline.root, [])])]
    tops = children.get(timeline.root.id, ())
    for layer in get_args(Layer):
        own = [span for span in tops if span.layer == layer]
        if own:
            found += _of_layer(layer, own, children, number=len(found) + _ROOT_TRACK)
    return [*found, _Track(name=UNACCOUNTED, parent=_ROOT_TRACK)]


def _of_layer(
    layer: Layer, tops: Sequence[Span], children: Mapping[str, Sequence[Span]], number: int
) -> Iterator[_Track]:
    """Yield the track of a layer, which is number *number*, then those below it."""
    beside: list[Span] = []

    def nested(spans: Sequence[Span]) -> list[_Nest]:
        """Return those of *spans* that do not overlap, what is critical first; note the others."""
        kept: list[Span] = []
        for span in sorted(spans, key=lambda s: not s.critical):
            (kept if _fits(span, kept) else beside).append(span)
        kept.sort(key=lambda s: (s.start_ns, s.end_ns))
        return [_Nest(span, nested(children.get(span.id, ()))) for span in kept]

    yield _Track(name=layer, parent=_ROOT_TRACK, slices=nested(tops))
    tracks: list[_Track] = []
    while beside:  # their own children may need room beside, too
        waiting, beside = sorted(beside, key=lambda s: (s.start_ns, -s.end_ns)), []
        for span in waiting:
            track = next((t for t in tracks if t.has_room(span)), None)
            if track is None:
                track = _Track(name=f"{layer}, beside {len(tracks) + 1}", parent=number)
                tracks.append(track)
            track.slices.append(_Nest(span, nested(children.get(span.id, ()))))
    yield from tracks


def _fits(span: Span, others: Sequence[Span]) -> bool:
    """Return whether a span overlaps none of the others; one of length 0 fits at their ends."""
    own: Interval = (span.start_ns, span.end_ns)
    return all(own[1] <= o.start_ns or o.end_ns <= own[0] for o in others)


def _add_slices(builder: Any, events: Any, track: int, nest: _Nest) -> None:
    span = nest.span
    event = _event(builder, events.TYPE_SLICE_BEGIN, track, span.start_ns)
    event.name = _sayable(span.name)
    event.categories.append(span.layer)
    texts = {"id": span.id, "kind": span.kind, "source": span.source}
    for name, text in texts.items():
        event.debug_annotations.add(name=name, string_value=_sayable(text))
    event.debug_annotations.add(name="critical", bool_value=span.critical)
    if span.slack_ns is not None:
        event.debug_annotations.add(name="slack_ns", int_value=span.slack_ns)
    for inner in nest.inside:
        _add_slices(builder, events, track, inner)
    _event(builder, events.TYPE_SLICE_END, track, span.end_ns)


def _event(builder: Any, kind: Any, track: int, time_ns: int) -> Any:
    packet = builder.add_packet()
    packet.timestamp = time_ns
    packet.trusted_packet_sequence_id = _SEQUENCE
    packet.track_event.type = kind
    packet.track_event.track_uuid = track
    return packet.track_event


def _sayable(text: str) -> str:
    """Return what protobuf's UTF-8 can hold of a text."""
    return text.encode(errors="replace").decode()
