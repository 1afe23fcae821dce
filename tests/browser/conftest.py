"""Debian's chromium, and pages open in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from bootwright.reports.page import page as page_of
from bootwright.timelines.span import Timeline

_CHROMIUM = "/usr/bin/chromium"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser for the tests of one module.

    No longer than that: while playwright runs, its event loop does, and tests of async code that
    come later in this process would find it.
    """
    assert Path(_CHROMIUM).exists(), "make setup-tests installs Debian's chromium"
    with sync_playwright() as playwright:
        # Its sandbox does not work for root, and the pages are ours.
        started = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Return what opens a timeline's page; at the end, nothing may have been complained about."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        complaints.append(f"{message.type}: {message.text}")

    def open_(
        timeline: Timeline,
        *,
        size: str = "desktop",
        scheme: str = "light",
        flame: tuple[tuple[tuple[str, ...], int], ...] = (),
        facts: dict[str, str] | None = None,
    ) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            device_scale_factor=2 if size == "phone" else 1,
            has_touch=size == "phone",
            is_mobile=size == "phone",
        )
        contexts.append(context)
        file = tmp_path / f"{len(contexts)}.html"
        file.write_text(page_of(timeline, title="web", flame=flame, facts=facts or {}))
        opened = context.new_page()
        opened.on("console", heard)
        opened.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        opened.on("request", lambda request: complaints.extend(_outside(request.url)))
        opened.goto(file.as_uri())
        opened.wait_for_function("window.bootwright !== undefined")
        return opened

    yield open_
    for context in contexts:
        with suppress(Exception):
            context.close()
    assert complaints == []


def _outside(url: str) -> list[str]:
    return [] if url.startswith(("file:", "data:")) else [f"asked for {url}"]
