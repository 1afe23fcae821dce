"""The page of a timeline in a real browser: what hands, keys and ears find."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from bootwright.reports.text import duration
from bootwright.timelines.span import ROOT, Span, Timeline
from tests.browser.conftest import Open
from tests.browser.page_view import assert_drawn_as_the_data_say, boxes_of, point, view_of
from tests.reports.timelines import of_size, recorded

pytestmark = pytest.mark.browser

_MS = 1_000_000
_FLAME = (
    (("start_kernel", "setup_arch", "e820__memory_setup"), 30 * _MS),
    (("start_kernel", "setup_arch"), 10 * _MS),
    (("start_kernel", "mm_init"), 20 * _MS),
    (("kernel_init", "acpi_init"), 40 * _MS),
)


def test_page_wheel_zooms_at_the_pointer_and_dragging_pans(opened: Open) -> None:
    timeline = of_size(3000)
    page = opened(timeline)
    edge = page.locator("#timeline").bounding_box()
    assert edge is not None
    x = edge["width"] * 0.25
    page.mouse.move(edge["x"] + x, edge["y"] + 100)
    page.mouse.wheel(0, -400)
    page.wait_for_function("bootwright.view().to < bootwright.view().from + 1.1e10")
    view = view_of(page)
    at = view["from"] + (view["to"] - view["from"]) * x / view["width"]
    assert at == pytest.approx(timeline.total_ns * 0.25, rel=1e-3)
    assert_drawn_as_the_data_say(page, timeline)
    page.evaluate("document.getElementById('plot').scrollTop = 0")
    page.mouse.down()
    page.mouse.move(edge["x"] + x - 100, edge["y"] + 100)
    page.mouse.up()
    boxes_of(page)
    moved = 100 * (view["to"] - view["from"]) / view["width"]
    assert view_of(page)["from"] - view["from"] == pytest.approx(moved, rel=1e-3)
    assert page.evaluate("bootwright.selected()") is None, "a drag selects nothing"
    page.get_by_role("button", name="Fit").click()
    boxes_of(page)
    assert view_of(page)["to"] == timeline.total_ns


def test_page_pinch_zooms(opened: Open) -> None:
    timeline = recorded()
    page = opened(timeline, size="phone")
    page.locator("#plot").scroll_into_view_if_needed()
    edge = page.locator("#timeline").bounding_box()
    assert edge is not None
    middle, y = edge["x"] + edge["width"] / 2, edge["y"] + 90
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *apart: int) -> None:
        points = [{"x": middle + x, "y": y, "id": place} for place, x in enumerate(apart)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -40)
    touch("touchStart", -40, 40)
    for apart in (50, 60, 70, 80):
        touch("touchMove", -apart, apart)
    touch("touchEnd")
    boxes_of(page)
    view = view_of(page)
    assert view["to"] - view["from"] == pytest.approx(timeline.total_ns / 2, rel=0.02)
    assert (view["to"] + view["from"]) / 2 == pytest.approx(timeline.total_ns / 2, rel=0.02)
    assert page.evaluate("[visualViewport.scale, bootwright.selected()]") == [1, None]
    assert_drawn_as_the_data_say(page, timeline)


def test_page_tooltip_shows_all_facts_of_a_span(opened: Open, tmp_path: Path) -> None:
    timeline = recorded()
    page = opened(timeline)
    span = next(s for s in timeline.spans if s.id == "unit.systemd-udev-trigger.service")
    page.mouse.move(*point(page, span.id))
    card = page.get_by_role("tooltip")
    expect(card).to_be_visible()
    page.screenshot(path=tmp_path / "hover.png")
    expect(card.get_by_role("heading")).to_have_text(span.name)
    told = dict(
        zip(card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts(), strict=True)
    )
    share = 100 * span.duration_ns / timeline.total_ns
    assert span.slack_ns is not None
    assert {name: text.replace("\u00a0", " ") for name, text in told.items()} == {
        "start": duration(span.start_ns),
        "length": f"{duration(span.duration_ns)} ({share:.1f} %)",
        "critical": "no",
        "slack": duration(span.slack_ns),
        "unaccounted": "none",
        "layer": "userspace",
        "kind": "work",
        "source": span.source,
    }
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()


def test_page_tap_opens_and_closes_the_card(opened: Open, tmp_path: Path) -> None:
    page = opened(recorded(), size="phone")
    page.locator("#plot").scroll_into_view_if_needed()
    page.touchscreen.tap(*point(page, "unit.ssh.service"))
    card = page.get_by_role("group", name="Selected span: ssh.service")
    expect(card).to_be_visible()
    page.screenshot(path=tmp_path / "tap.png")
    box = card.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    card.get_by_role("button", name="Zoom to span").tap()
    boxes_of(page)
    ssh = next(s for s in recorded().spans if s.id == "unit.ssh.service")
    assert view_of(page)["from"] == pytest.approx(ssh.start_ns, rel=0.05)
    card.get_by_role("button", name="Close").tap()
    expect(card).to_be_hidden()


def test_page_phase_button_zooms_to_the_phase(opened: Open) -> None:
    timeline = recorded()
    page = opened(timeline, size="phone")
    page.locator("#phases").get_by_role("button", name=re.compile("^Kernel")).tap()
    boxes_of(page)
    kernel = next(s for s in timeline.spans if s.id == "kernel")
    shown = view_of(page)["to"] - view_of(page)["from"]
    assert kernel.duration_ns < shown < 1.2 * kernel.duration_ns
    expect(page.locator("#plot")).to_be_in_viewport(ratio=0.9)
    expect(page.get_by_role("group", name="Selected span: Kernel")).to_be_visible()


def test_page_search_counts_hits_and_jumps(opened: Open, tmp_path: Path) -> None:
    timeline = recorded()
    page = opened(timeline, scheme="dark")
    wanted = "modprobe@"
    hits = [
        s.id
        for s in sorted(timeline.spans, key=lambda s: s.start_ns)
        if any(wanted in text for text in (s.name, s.id, s.source))
    ]
    box = page.get_by_role("searchbox", name="Search spans by name, source or layer")
    box.fill("ModProbe@")
    expect(page.locator("#found")).to_have_text(f"{len(hits)} hits")
    expect(page.locator("#spans tbody tr")).to_have_count(len(hits))
    jumps = []
    for key in ("Enter", "Enter", "Enter", "Shift+Enter", "Shift+Enter", "Shift+Enter"):
        box.press(key)
        jumps.append(page.evaluate("bootwright.selected()"))
        assert jumps[-1] in {drawn["id"] for drawn in boxes_of(page)}, "it is in view"
    assert jumps == [hits[0], hits[1], hits[2], hits[1], hits[0], hits[-1]]
    expect(page.locator("#found")).to_have_text(f"{len(hits)} of {len(hits)} hits")
    page.screenshot(path=tmp_path / "search.png")
    box.fill("no such span")
    expect(page.locator("#found")).to_have_text("0 hits")
    box.press("Enter")
    box.press("Escape")
    expect(page.locator("#found")).to_have_text("")
    expect(box).to_have_value("")


def test_page_arrow_keys_walk_the_tree(opened: Open) -> None:
    timeline = recorded()
    children = timeline.children()
    page = opened(timeline)
    page.locator("#timeline").focus()

    def after(key: str) -> Any:
        page.keyboard.press(key)
        return page.evaluate("bootwright.selected()")

    assert after("ArrowRight") == ROOT, "the first key selects the whole"
    first, second = children[ROOT][0].id, children[ROOT][1].id
    assert after("ArrowDown") == first
    assert after("ArrowLeft") == first
    assert after("ArrowRight") == second
    assert after("ArrowUp") == ROOT
    after("ArrowDown")
    down = after("ArrowDown")
    assert down == children[first][0].id
    span = next(s for s in timeline.spans if s.id == down)
    said = page.get_by_role("status").first.inner_text().replace("\u00a0", " ")
    assert said == (
        f"host: {span.name}, starts at {duration(span.start_ns)}, "
        f"takes {duration(span.duration_ns)}, on the critical path"
    )
    page.keyboard.press("Enter")
    assert down in {box["id"] for box in boxes_of(page)}
    assert view_of(page)["to"] - view_of(page)["from"] < 1.2 * span.duration_ns
    assert after("Escape") is None
    expect(page.locator("#card")).to_be_hidden()


def test_page_tab_reaches_every_control_with_visible_focus(opened: Open) -> None:
    page = opened(of_size(30), flame=_FLAME)
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outlined = page.evaluate(
            """() => {
              const at = document.activeElement;
              if (at === document.body) return ["the end", true];
              const style = getComputedStyle(at);
              return [at.id || at.getAttribute("aria-label") || at.textContent,
                      style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0];
            }"""
        )
        assert outlined, f"nobody sees that {name} has the focus"
        reached.append(name)
    for name in ("theme", "search", "only-critical", "zoom-out", "fit", "timeline", "flame"):
        assert name in reached
    assert {"Name", "Source", "ssh.service"} <= set(reached)


def test_page_has_names_for_screen_readers(opened: Open) -> None:
    page = opened(recorded(), flame=_FLAME)
    expect(
        page.get_by_role("application", name=re.compile(r"Timeline of 1,755 spans, 15\.853.s"))
    ).to_be_visible()
    seen = re.compile(r"Flame graph of 100\.0.ms")
    expect(page.get_by_role("application", name=seen)).to_be_visible()
    for name in ("Zoom in", "Zoom out", "Fit", "Dark theme"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("checkbox", name="Critical path only")).to_be_visible()
    expect(page.get_by_role("list", name="Legend")).to_be_visible()
    expect(page.get_by_role("region", name="Longest on the critical path")).to_be_visible()
    table = page.get_by_role("table", name=re.compile("All spans"))
    expect(table.get_by_role("columnheader")).to_have_count(8)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, canvas[tabindex]")].filter((e) =>
          !e.closest("[hidden]") && !(e.textContent.trim() || e.getAttribute("aria-label")
            || e.labels?.length)).length"""
    )
    assert nameless == 0


def test_page_table_sorts_and_shows_all_rows(opened: Open) -> None:
    timeline = recorded()
    page = opened(timeline)
    rows = page.locator("#spans tbody tr")

    def column(number: int) -> list[str]:
        return page.locator(f"#spans tbody td:nth-child({number})").all_inner_texts()

    expect(rows).to_have_count(100)
    lengths = sorted((span.duration_ns for span in timeline.spans), reverse=True)
    assert column(4) == [f"{length / 1e6:.3f}" for length in lengths[:100]]
    head = page.get_by_role("columnheader", name="Start, ms")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert column(3) == sorted(column(3), key=float)
    page.get_by_role("button", name="Show all 1,755").click()
    expect(rows).to_have_count(1755)
    told = {tuple(texts) for texts in zip(column(1), column(8), strict=True)}
    assert told == {(span.name, span.source) for span in timeline.spans}
    # A name leads to its span in the picture.
    page.get_by_role("cell", name="acpi_init", exact=True).get_by_role("button").click()
    assert page.evaluate("bootwright.selected()") == "kernel.initcall.acpi_init"
    assert "kernel.initcall.acpi_init" in {box["id"] for box in boxes_of(page)}
    expect(page.locator("#timeline")).to_be_in_viewport()


def test_page_lists_the_longest_spans_of_the_critical_path(opened: Open) -> None:
    timeline = recorded()
    parents = {span.parent for span in timeline.spans}
    leaves = [s for s in timeline.spans if s.critical and s.id not in parents]
    leaves.sort(key=lambda span: -span.duration_ns)
    lines = opened(timeline).locator("#longest button").all_inner_texts()
    assert [line.split("\u00a0")[0] for line in lines] == [span.name for span in leaves[:10]]


def test_page_flame_graph(opened: Open, tmp_path: Path) -> None:
    page = opened(of_size(30), flame=_FLAME)
    flame = page.locator("#flame")
    flame.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "flame.png")

    def shares() -> dict[str, tuple[int, float]]:
        boxes = page.evaluate("bootwright.flame()")
        whole = max(box["width"] for box in boxes)
        return {box["name"]: (box["count"] // _MS, round(box["width"] / whole, 3)) for box in boxes}

    assert shares() == {
        "all samples": (100, 1),
        "start_kernel": (60, 0.6),
        "setup_arch": (40, 0.4),
        "e820__memory_setup": (30, 0.3),
        "mm_init": (20, 0.2),
        "kernel_init": (40, 0.4),
        "acpi_init": (40, 0.4),
    }
    box = next(b for b in page.evaluate("bootwright.flame()") if b["name"] == "start_kernel")
    flame.click(position={"x": box["x"] + 9, "y": box["y"] + 9})
    zoomed = shares()
    assert zoomed["start_kernel"][1] == 1
    assert zoomed["mm_init"] == (20, 0.333)
    assert "kernel_init" not in zoomed
    expect(page.locator("#flame-said")).to_have_text(re.compile(r"start_kernel: 60\.0.ms"))
    flame.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#flame-said")).to_have_text(re.compile(r"setup_arch: 40\.0.ms"))
    page.keyboard.press("0")
    assert shares()["kernel_init"][1] == 0.4


def test_page_without_samples_has_no_flame_graph(opened: Open) -> None:
    expect(opened(of_size(30)).locator("#flame-section")).to_be_hidden()


def test_page_runs_nothing_from_hostile_names(opened: Open) -> None:
    name = "</script><img src=x onerror=\"document.title='hacked'\"><script>alert(1)</script>"
    whole = of_size(30)
    root = whole.root
    bad = Span(
        id="bad",
        parent=ROOT,
        layer="kernel",
        name=name,
        kind="work",
        start_ns=0,
        end_ns=root.end_ns,
        source=name,
        critical=True,
    )
    timeline = Timeline(spans=(root, bad), clock="wall", clock_error_ns=0, warnings=(name,))
    page = opened(timeline, facts={name: name}, flame=(((name,), 5),))
    page.mouse.move(*point(page, "bad"))
    expect(page.get_by_role("tooltip").get_by_role("heading")).to_have_text(name)
    page.locator("#timeline").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#spans tbody td.name").first).to_have_text(re.compile("boot|img"))
    assert page.title() == "web"
    assert page.locator("img").count() == 0


def test_page_without_spans(opened: Open) -> None:
    page = opened(Timeline(spans=(), clock="guest", clock_error_ns=0))
    page.locator("#timeline").focus()
    for key in ("ArrowDown", "+", "0", "Enter", "Escape"):
        page.keyboard.press(key)
    page.fill("#search", "x")
    expect(page.locator("#found")).to_have_text("0 hits")
