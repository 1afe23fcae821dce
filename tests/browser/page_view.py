"""What a page says that it draws, and what it really does."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, cast

import pytest
from playwright.sync_api import Page

from bootwright.timelines.span import Span, Timeline


def view_of(page: Page) -> dict[str, Any]:
    return cast("dict[str, Any]", page.evaluate("bootwright.view()"))


def boxes_of(page: Page) -> list[dict[str, Any]]:
    """Return what is drawn, once nothing waits to be."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    # As one string: playwright takes long over thousands of objects.
    return cast(
        "list[dict[str, Any]]", json.loads(page.evaluate("JSON.stringify(bootwright.boxes())"))
    )


def all_boxes(page: Page) -> dict[str, dict[str, Any]]:
    """Return what is drawn at all heights to which the plot can be scrolled."""
    found = page.evaluate(
        """async () => {
          const { height, top, rows, rowHeight } = bootwright.view();
          const found = {};
          for (let at = 0; at < rows * rowHeight; at += height - top - rowHeight) {
            document.getElementById("plot").scrollTop = at;
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
            for (const box of bootwright.boxes()) found[box.id] = box;
          }
          return JSON.stringify(found);
        }"""
    )
    return cast("dict[str, dict[str, Any]]", json.loads(found))


def assert_drawn_as_the_data_say(page: Page, timeline: Timeline) -> None:
    """See that each span in the view, and no other, is at its time, as long as it took."""
    view = view_of(page)
    start, end = view["from"], view["to"]
    scale = view["width"] / (end - start)
    boxes = all_boxes(page)
    # A span that only touches the edge of the view may be drawn or not.
    inside = {s.id for s in timeline.spans if s.end_ns > start and s.start_ns < end}
    touching = {s.id for s in timeline.spans if s.end_ns >= start and s.start_ns <= end}
    assert inside <= set(boxes) <= touching
    for span in timeline.spans:
        if box := boxes.get(span.id):
            assert box["x"] == pytest.approx((span.start_ns - start) * scale, abs=0.01)
            assert box["width"] == pytest.approx(span.duration_ns * scale, abs=0.01)
    _parents_above(timeline, boxes)


def _parents_above(timeline: Timeline, boxes: dict[str, dict[str, Any]]) -> None:
    rows: dict[int, list[Span]] = {}
    for span in timeline.spans:
        if box := boxes.get(span.id):
            if span.parent:
                assert box["row"] > boxes[span.parent]["row"]
            rows.setdefault(box["row"], []).append(span)
    for spans in rows.values():
        spans.sort(key=lambda span: (span.start_ns, span.end_ns))
        for left, right in pairwise(spans):
            assert left.end_ns <= right.start_ns, f"{left.id} and {right.id} overlap"


def color_at(page: Page, box: dict[str, Any]) -> tuple[int, ...]:
    """Return the pixel near a box's left edge, where no text is."""
    return tuple(
        page.evaluate(
            """([x, y]) => {
              const canvas = document.getElementById("timeline");
              const ratio = canvas.width / canvas.clientWidth;
              // A copy of one pixel: the picture itself is not made for being read.
              const pixel = document.createElement("canvas").getContext("2d");
              pixel.drawImage(canvas, -Math.floor(x * ratio), -Math.floor(y * ratio));
              return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
            }""",
            [box["x"] + 2, box["y"] + box["height"] / 2],
        )
    )


def point(page: Page, id_: str) -> tuple[float, float]:
    """Return where on the screen the middle of a span's box is."""
    box = next(box for box in boxes_of(page) if box["id"] == id_)
    edge = page.locator("#timeline").bounding_box()
    assert edge is not None
    return (
        edge["x"] + box["x"] + box["width"] / 2,
        edge["y"] + box["y"] + box["height"] / 2,
    )
