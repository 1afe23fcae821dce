"""The page of a timeline in a real browser: what it draws, in which colours, with how much work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.page_view import (
    all_boxes,
    assert_drawn_as_the_data_say,
    boxes_of,
    color_at,
    view_of,
)
from tests.reports.timelines import of_size, recorded

pytestmark = pytest.mark.browser

_SIZES = ("desktop", "phone")
_SCHEMES = ("light", "dark")


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("count", [30, 3000])
def test_page_draws_every_span_at_its_time(
    opened: Open, tmp_path: Path, count: int, size: str, scheme: str
) -> None:
    timeline = of_size(count)
    assert len(timeline.spans) == count
    page = opened(timeline, size=size, scheme=scheme, facts={"image": "web"})
    page.screenshot(path=tmp_path / f"{count}-{size}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"
    assert_drawn_as_the_data_say(page, timeline)
    page.locator("#timeline").focus()
    for keys in (["+"] * 3, ["Shift+ArrowLeft"] * 9, ["+"] * 6, ["Shift+ArrowRight"], ["0"]):
        for key in keys:
            page.keyboard.press(key)
        assert_drawn_as_the_data_say(page, timeline)
    assert (view_of(page)["from"], view_of(page)["to"]) == (0, timeline.total_ns)


def test_page_paints_spans_on_the_canvas(opened: Open) -> None:
    timeline = of_size(30)
    page = opened(timeline)
    boxes = {box["id"]: box for box in boxes_of(page)}
    ground = color_at(page, {"x": 1, "y": view_of(page)["height"] - 3, "height": 0})
    assert ground == (255, 255, 255)
    for span in timeline.spans[1:]:
        if boxes[span.id]["width"] > 8 and span.kind == "work":
            assert color_at(page, boxes[span.id]) != ground
    critical = next(s for s in timeline.spans if s.id == "unit.ssh.service")
    beside = next(s for s in timeline.spans if s.id == "unit.dbus.service")
    assert (critical.critical, beside.critical) == (True, False)
    assert color_at(page, boxes[critical.id]) != color_at(page, boxes[beside.id])


def test_page_hatches_unaccounted_parts(opened: Open) -> None:
    """ACPI early is a frame; most of it, nothing explains."""
    page = opened(recorded())
    page.fill("#search", "kernel.early.ACPI-early")
    page.press("#search", "Enter")
    page.fill("#search", "")
    page.locator("#timeline").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    box = next(box for box in boxes_of(page) if box["id"] == "kernel.early.ACPI-early")
    line = [color_at(page, {**box, "x": box["x"] + 200 + x}) for x in range(40)]
    assert len(set(line)) > 1
    box = next(box for box in boxes_of(page) if box["id"] == "kernel.early.ACPI-early")
    after = [color_at(page, {**box, "x": box["x"] + box["width"] * 0.96 + x}) for x in range(9)]
    assert len(set(after)) == 1, "this part is explained"


def test_page_critical_path_only_hides_other_spans(opened: Open, tmp_path: Path) -> None:
    timeline = recorded()
    page = opened(timeline)
    page.get_by_label("Critical path only").check()
    page.screenshot(path=tmp_path / "critical.png")
    boxes = all_boxes(page)
    on_it = {span.id for span in timeline.spans if span.critical}
    assert set(boxes) == on_it < {span.id for span in timeline.spans}
    expect(page.locator("#rows-shown")).to_have_text(f"100 of {len(on_it):,}")


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_page_theme_follows_the_system_until_chosen(opened: Open, scheme: str) -> None:
    page = opened(of_size(30), scheme=scheme)
    other = "light" if scheme == "dark" else "dark"
    lightness = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert (page.evaluate(lightness) > 128) == (scheme == "light")
    ground = {"x": 1, "y": view_of(page)["height"] - 3, "height": 0}
    before = color_at(page, ground)
    page.get_by_role("button", name=f"{other.title()} theme").click()
    assert (page.evaluate(lightness) > 128) == (other == "light")
    assert color_at(page, ground) != before, "the canvas, too"
    page.emulate_media(color_scheme="dark" if other == "dark" else "light")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert (page.evaluate(lightness) > 128) == (other == "light"), "what was chosen stays"


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_page_text_colors_meet_wcag_contrast(opened: Open, scheme: str) -> None:
    """WCAG AA: 4.5 to 1 between all colours of text and what may lie behind them."""
    page = opened(of_size(30), scheme=scheme)
    colors = page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement);
          const names = ["bg", "panel", "ink", "muted", "accent", "hit", "on-fill", "pale", "host",
            "firmware", "kernel", "initramfs", "userspace", "ssh", "warning-bg"];
          return Object.fromEntries(names.map((n) => [n, style.getPropertyValue(`--${n}`).trim()]));
        }"""
    )
    panel = _rgb(colors["panel"])
    pairs = [("ink", "bg"), ("ink", "panel"), ("muted", "bg"), ("muted", "panel"), ("accent", "bg")]
    ratios = {pair: _contrast(_rgb(colors[pair[0]]), _rgb(colors[pair[1]])) for pair in pairs}
    ratios["ink", "warning"] = _contrast(_rgb(colors["ink"]), _rgb(colors["warning-bg"]))
    for layer in ("host", "firmware", "kernel", "initramfs", "userspace", "ssh"):
        hue = _rgb(colors[layer])
        pale, tint = (_over(hue, panel, part) for part in (float(colors["pale"]), 0.16))
        ratios["on-fill", layer] = _contrast(_rgb(colors["on-fill"]), hue)
        ratios["ink on pale", layer] = _contrast(_rgb(colors["ink"]), pale)
        ratios["muted on tint", layer] = _contrast(_rgb(colors["muted"]), tint)
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))


def _over(color: tuple[float, ...], ground: tuple[float, ...], part: float) -> tuple[float, ...]:
    return tuple(c * part + g * (1 - part) for c, g in zip(color, ground, strict=True))


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    def luminance(color: tuple[float, ...]) -> float:
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_page_printed_fits_on_paper(opened: Open, tmp_path: Path) -> None:
    timeline = replace(of_size(3000), warnings=("the guest told nothing of its units",) * 2)
    facts = {f"fact {number}": "x" * (8 + number) for number in range(8)}
    page = opened(timeline, scheme="dark", facts=facts)
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1039, "height": 710})  # A4 less its margins
    page.screenshot(path=tmp_path / "print.png")
    expect(page.locator("#paper")).to_be_visible()
    for left_out in ("#plot", ".tools", "#card", "#theme", "#more"):
        expect(page.locator(left_out).first).to_be_hidden()
    legend = page.locator("#legend").bounding_box()
    assert legend is not None
    assert legend["y"] + legend["height"] < 710, "the whole picture is on the first page"
    ground = page.evaluate(
        "[...document.getElementById('paper').getContext('2d').getImageData(9, 9, 1, 1).data]"
    )
    assert ground[3] == 255
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("#spans tbody tr").first).to_be_visible()
    page.emulate_media(media="screen")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


_COUNTED_TURNS = """([turns, delta]) => {
  const canvas = document.getElementById("timeline");
  const edge = canvas.getBoundingClientRect();
  const counts = { draws: 0, calls: 0 };
  const context = CanvasRenderingContext2D.prototype;
  const kept = {};
  for (const name of ["setTransform", "fillRect", "fillText", "strokeRect", "strokeText"]) {
    kept[name] = context[name];
    context[name] = function (...given) {
      if (this.canvas === canvas) counts[name === "setTransform" ? "draws" : "calls"]++;
      return kept[name].apply(this, given);
    };
  }
  for (let turn = 0; turn < turns; turn++)
    canvas.dispatchEvent(new WheelEvent("wheel", {
      deltaY: delta, clientX: edge.left + edge.width / 5, clientY: edge.top + 100,
      cancelable: true }));
  return new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
    Object.assign(context, kept);
    done(counts);
  })));
}"""
"""Turn the wheel so often before the next frame; count drawings, and what they call the canvas."""


def test_page_draws_once_a_frame_however_often_the_wheel_turns(opened: Open) -> None:
    page = opened(of_size(3000))
    before = view_of(page)
    assert page.evaluate(_COUNTED_TURNS, [10, -60])["draws"] == 1
    assert view_of(page)["to"] - view_of(page)["from"] < before["to"] - before["from"]


def test_page_drawing_work_is_bounded_by_the_screen(opened: Open) -> None:
    """What is drawn grows with the screen: spans that share a pixel are painted once."""
    calls = {}
    for count in (3000, 12_000):
        page = opened(of_size(count))
        calls[count] = page.evaluate(_COUNTED_TURNS, [1, -6])["calls"]
        assert len(boxes_of(page)) > count / 4, "most of it is in view"
    assert calls[12_000] < 3 * calls[3000]
