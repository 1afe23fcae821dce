"""Timelines made up for the tests of pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from hypothesis import strategies as st

from bootwright.timelines import placing
from bootwright.timelines.span import Kind, Layer, Span, Timeline

MS = 1_000_000
HOSTILE = (
    '</text><script>alert("1")</script>',
    "a;b c & d",
    "\x00\x1b[31m\ud800 \N{BELL}\nsecond line",
    "]]></style><svg onload=x>",
    "中文" * 40,
    "",
)
"""Names that would like to be something else."""


def span(
    name: str,
    parent: str,
    start_ms: float,
    end_ms: float,
    kind: Kind = "work",
    layer: Layer = "kernel",
    *,
    critical: bool = False,
    slack_ns: int | None = None,
) -> Span:
    return Span(
        id=name,
        parent=parent,
        layer=layer,
        name=name.rpartition(".")[2],
        kind=kind,
        start_ns=round(start_ms * MS),
        end_ns=round(end_ms * MS),
        source=f"line of {name}",
        critical=critical,
        slack_ns=slack_ns,
    )


def boot(*spans: Span, clock: Literal["wall", "virtual", "guest"] = "wall") -> Timeline:
    return Timeline(spans=placing.tree(spans), clock=clock, clock_error_ns=0)


def small() -> Timeline:
    """Return one second of a boot: layers, nested and overlapping spans, gaps, waits."""
    return boot(
        span("boot", "", 0, 1000, "frame", "host", critical=True, slack_ns=0),
        span("host", "boot", 0, 100, "work", "host", critical=True, slack_ns=0),
        span("kernel", "boot", 100, 400, "frame", critical=True, slack_ns=0),
        span("kernel.early", "kernel", 100, 200, "frame", critical=True, slack_ns=0),
        span("kernel.early.a", "kernel.early", 110, 130, critical=True, slack_ns=0),
        span("kernel.late", "kernel", 200, 400, critical=True, slack_ns=0),
        span("kernel.async", "kernel", 250, 390),
        span("kernel.tiny", "kernel", 300, 301),
        span("kernel.nothing", "kernel", 300, 300),
        span("pid1", "boot", 400, 900, "frame", "userspace", critical=True, slack_ns=0),
        span("unit.a", "pid1", 400, 700, "work", "userspace", critical=True, slack_ns=0),
        span("unit.b", "pid1", 450, 600, "work", "userspace", slack_ns=100 * MS),
        span("unit.b.inner", "unit.b", 500, 600, "work", "userspace"),
        span("unit.c", "pid1", 580, 720, "wait", "userspace"),
        span("ssh", "boot", 900, 1000, "work", "ssh", critical=True, slack_ns=0),
    )


def hostile() -> Timeline:
    """Return a boot whose ids, names and sources are hostile."""
    spans = [span("boot", "", 0, 100, "frame", "host")]
    for number, name in enumerate(HOSTILE):
        own = span(f"x{number}", "boot", 10 * number, 10 * number + 15)
        spans.append(replace(own, id=f"{number}{name}", name=name, source=name))
    return boot(*spans)


@st.composite
def boots(draw: st.DrawFn) -> Timeline:
    """Draw boots with any nesting and any overlap."""
    layers: list[Layer] = ["host", "kernel", "userspace", "ssh"]
    spans = [span("boot", "", 0, draw(st.integers(0, 1000)), "frame", "host")]
    for number in range(draw(st.integers(0, 25))):
        parent = draw(st.sampled_from(spans))
        start, end = sorted(draw(st.tuples(st.integers(0, 1000), st.integers(0, 1000))))
        kind: Kind = draw(st.sampled_from(["frame", "work", "wait"]))
        layer = parent.layer if parent.parent else draw(st.sampled_from(layers))
        critical = draw(st.booleans())
        name = f"{number}.{'name' * draw(st.integers(1, 9))}"
        spans.append(span(name, parent.id, start, end, kind, layer, critical=critical))
    return boot(*spans)
