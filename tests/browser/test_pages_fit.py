"""All pages in a real browser: they fit, are read in both themes, and work with a keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.reports.pages import EXAMPLES

pytestmark = pytest.mark.browser

Shown = Callable[..., Page]


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Shown]:
    """Return what opens one of the pages; nothing may be complained about or fetched."""
    complaints: list[str] = []
    opened: list[Page] = []

    def show(name: str, *, width: int = 1280, scheme: str = "light") -> Page:
        file = tmp_path / "page.html"
        file.write_text(EXAMPLES[name]())
        page = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        opened.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(_outside(request.url)))
        page.goto(file.as_uri())
        return page

    yield show
    for page in opened:
        with suppress(Exception):
            page.close()
    assert complaints == []


def _outside(url: str) -> list[str]:
    return [] if url.startswith(("file:", "data:")) else [f"asked for {url}"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_page_fits_any_width_and_begins_with_a_picture(shown: Shown, name: str) -> None:
    page = shown(name)
    for width in (1280, 800, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    assert page.evaluate("document.querySelector('main').firstElementChild.tagName") == "FIGURE"
    for fact in ("date", "kernel", "host") if name != "trend of none" else ():
        expect(page.locator(".facts dt", has_text=fact).first).to_be_visible()


@pytest.mark.parametrize("name", ["comparison", "trend", "two boots"])
def test_page_text_has_contrast_in_both_themes(shown: Shown, name: str) -> None:
    page = shown(name)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        assert page.evaluate(_LEAST_CONTRAST) >= 4.5, theme


_LEAST_CONTRAST = """() => {
  const part = (value) => {
    const share = value / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const style = getComputedStyle(document.documentElement);
  const made = document.body.appendChild(document.createElement("i"));
  const colors = (name) => {
    made.style.cssText = "";
    made.style.color = style.getPropertyValue(`--${name}`).trim();
    return light(getComputedStyle(made).color);
  };
  const ratios = [];
  for (const ground of ["panel", "bg"]) {
    for (const ink of ["ink", "muted", "less", "more"]) {
      const [low, high] = [colors(ground), colors(ink)].sort((a, b) => a - b);
      ratios.push((high + 0.05) / (low + 0.05));
    }
  }
  made.remove();
  return Math.min(...ratios);
}"""


def test_theme_button_changes_the_theme_and_its_name(shown: Shown) -> None:
    page = shown("comparison")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate(ground) != light
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(ground) == light


def test_page_prints_light(shown: Shown) -> None:
    page = shown("comparison", scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 29, 33)"


def test_marks_show_a_card_to_mouse_and_keyboard(shown: Shown) -> None:
    page = shown("comparison")
    card = page.locator("#card")
    expect(card).to_be_hidden()
    page.locator(".row.whole .mark").first.hover()
    expect(card).to_contain_text("whole: faster")
    page.mouse.move(1, 1)
    expect(card).to_be_hidden()
    first = page.locator(".chart").first.locator(".mark")
    first.first.focus()
    expect(card).to_contain_text("whole: faster")
    page.keyboard.press("ArrowRight")
    expect(card).to_contain_text("pair")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    assert page.locator(".chart").first.locator('.mark[tabindex="0"]').count() == 1


def test_table_of_two_boots_is_sorted_by_its_heads(shown: Shown) -> None:
    page = shown("two boots")
    changes = "[...document.querySelectorAll('td:nth-child(3)')].map((c) => +c.dataset.value)"
    largest = page.evaluate(changes)
    assert largest == sorted(largest, reverse=True)
    page.get_by_role("button", name="Own change").click()
    assert page.evaluate(changes) == sorted(largest)


def test_pictures_of_two_boots_are_drawn_for_the_width(shown: Shown) -> None:
    page = shown("two boots")
    for width, seen in ((1280, "wide-1200"), (800, "wide-740"), (390, "wide-360")):
        page.set_viewport_size({"width": width, "height": 900})
        visible = page.locator(".pictures > div:visible")
        expect(visible).to_have_count(1)
        expect(visible).to_have_class(seen)
