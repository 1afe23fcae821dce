"""The static picture: what is drawn is what the data say, and texts are where they can be read."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from bootwright.reports.lanes import BOX, cut, text_width
from bootwright.reports.svg import WIDTH, svg, tick_ns
from bootwright.timelines.span import Span, Timeline
from tests.reports.boots import HOSTILE, boots, hostile, small

_SVG = "{http://www.w3.org/2000/svg}"
_LEFT, _WIDE = 84, WIDTH - 84 - 18
Rect = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def parsed(picture: str) -> ElementTree.Element:
    assert picture.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<svg ')
    return ElementTree.fromstring(picture.encode())


def groups(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Return what was drawn of each span, by its id (the second line of what hovering shows)."""
    found = {}
    for group in root.iter(f"{_SVG}g"):
        if group.get("class", "").startswith("span "):
            title = group.find(f"{_SVG}title")
            assert title is not None
            assert title.text is not None
            found[title.text.split("\n")[1]] = group
    return found


def rects(group: ElementTree.Element, name: str) -> list[Rect]:
    found = []
    for rect in group.findall(f"{_SVG}rect[@class='{name}']"):
        x, y, width, height = (float(rect.get(k, "0")) for k in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    return found


def texts(root: ElementTree.Element) -> list[Rect]:
    """Return where the labels of spans and lanes are, by our own estimate of their widths."""
    found = []
    for text in root.iter(f"{_SVG}text"):
        name = text.get("class", "").split()
        if name[0] not in ("label", "lane"):
            continue
        width = text_width("".join(text.itertext())) * (1.1 if name[0] == "lane" else 1)
        x, y = float(text.get("x", "0")), float(text.get("y", "0"))
        left = x - width if "end" in name else x
        found.append((left, y - 8, left + width, y + 2))
    return found


def apart(a: Rect, b: Rect) -> bool:
    slack = 0.02  # lengths are written with two decimals
    return (
        a[2] <= b[0] + slack or b[2] <= a[0] + slack or a[3] <= b[1] + slack or b[3] <= a[1] + slack
    )


def inside(a: Rect, b: Rect) -> bool:
    return a[0] >= b[0] and a[2] <= b[2] and a[1] >= b[1] and a[3] <= b[3]


def drawn_of(timeline: Timeline) -> dict[str, Span]:
    """Return the spans that are long enough, as are all that they are part of."""
    least = round(timeline.total_ns * 0.003)
    found: dict[str, Span] = {}
    for span in timeline.spans[1:]:
        above = span.parent == timeline.root.id or span.parent in found
        if above and span.duration_ns and span.duration_ns >= least:
            found[span.id] = span
    return found


@pytest.mark.parametrize("make", [small, hostile])
def test_svg_needs_no_other_file(make: object) -> None:
    assert callable(make)
    root = parsed(svg(make(), title="a boot"))
    assert root.tag == f"{_SVG}svg"
    assert root.get("version") == "1.1"
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    tags = {element.tag.removeprefix(_SVG) for element in root.iter()}
    assert tags <= {
        *("svg", "title", "desc", "style", "defs", "pattern", "rect", "line", "g", "text", "tspan")
    }
    for element in root.iter():
        assert not [k for k in element.attrib if "href" in k or k.startswith("on")]
    style = root.findtext(f"{_SVG}style", "")
    assert "prefers-color-scheme: dark" in style
    assert "@import" not in style
    assert style.count("url(") == 1
    assert "url(#boot-stripes)" in style


def test_svg_boxes_are_the_spans() -> None:
    timeline = small()
    drawn = groups(parsed(svg(timeline, title="a boot")))
    assert set(drawn) == {s.id for s in timeline.spans[1:]} - {"kernel.tiny", "kernel.nothing"}
    for span in timeline.spans[1:]:
        if span.id not in drawn:
            continue
        ((x, _, right, _),) = rects(drawn[span.id], "box")
        assert x == pytest.approx(_LEFT + _WIDE * span.start_ns / timeline.total_ns, abs=0.01)
        assert right - x == pytest.approx(_WIDE * span.duration_ns / timeline.total_ns, abs=0.01)
        assert bool(rects(drawn[span.id], "path")) == span.critical
        assert bool(rects(drawn[span.id], "stripes")) == (span.kind == "wait")
    title = drawn["unit.b"].findtext(f"{_SVG}title", "").split("\n")
    assert title == [
        "b: 150.0 ms, from 450.0 ms on",
        "unit.b",
        "line of unit.b",
        "slack 100.0 ms",
    ]


def test_svg_leaves_unaccounted_parts_empty() -> None:
    drawn = groups(parsed(svg(small(), title="a boot")))
    holes = rects(drawn["kernel.early"], "hole")
    millisecond = _WIDE / 1000
    assert [(x - _LEFT) / millisecond for x, *_ in holes] == pytest.approx([100, 130], abs=0.1)
    assert [(r - _LEFT) / millisecond for _, _, r, _ in holes] == pytest.approx([110, 200], abs=0.1)
    assert "unaccounted 80.0 ms" in drawn["kernel.early"].findtext(f"{_SVG}title", "")
    assert rects(drawn["kernel.late"], "hole") == []


@settings(deadline=None, max_examples=60)
@given(boots())
def test_svg_boxes_and_texts_do_not_overlap(timeline: Timeline) -> None:
    root = parsed(svg(timeline, title="a boot"))
    drawn = groups(root)
    assert set(drawn) == set(drawn_of(timeline))
    boxes = [rects(group, "box")[0] for group in drawn.values()]
    labels = texts(root)
    height = float(root.get("height", "0"))
    for index, box in enumerate(boxes):
        assert inside(box, (_LEFT - 0.02, 0, WIDTH - 17.98, height))
        assert box[3] - box[1] == BOX
        assert all(apart(box, other) for other in boxes[index + 1 :])
    for index, label in enumerate(labels):
        assert inside(label, (0, 0, WIDTH, height))
        assert all(apart(label, other) for other in labels[index + 1 :])
        assert all(apart(label, box) or inside(label, box) for box in boxes)


def test_svg_escapes_hostile_names() -> None:
    picture = svg(hostile(), title=HOSTILE[3])
    root = parsed(picture)
    assert len(groups(root)) == len(HOSTILE)
    assert "<script" not in picture
    assert "onload" in root.findtext(f"{_SVG}title", "")
    assert picture.count("]]>") == 1, "the end of our own style only"


def test_svg_of_two_boots_has_a_common_scale() -> None:
    timeline = small()
    root = parsed(svg(timeline, title="a boot", whole_ns=2 * timeline.total_ns, prefix="b"))
    ((left, _, right, _),) = rects(groups(root)["kernel.late"], "box")
    assert right - left == pytest.approx(_WIDE / 10, abs=0.01)
    assert [p.get("id") for p in root.iter(f"{_SVG}pattern")] == ["b-stripes"]


@pytest.mark.parametrize("whole", [1, 13, 999, 20_278_175_334, 4_382_198_866, 10**12])
def test_tick_ns_is_one_two_or_five_times_a_power_of_ten(whole: int) -> None:
    step = tick_ns(whole)
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert whole / step <= 12
    assert whole / step >= 4 or step == 1


def test_cut_shortens_text_to_a_width() -> None:
    assert cut("name", 1000) == "name"
    assert cut("a longer name", text_width("a lon…")) == "a lon…"
    assert cut("name", 3) == ""
