"""How fast a timeline's page of many spans loads and zooms in Debian's chromium.

Run by hand or by `make bench`; never a test. The times are the page's own, without the browser's
start, and without a graphics card.

    python -m benchmarks.pages [SPANS]
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bootwright.reports.page import page as page_of
from bootwright.timelines.span import ROOT, Layer, Span, Timeline

CHROMIUM = "/usr/bin/chromium"
LOADS, TURNS = 5, 60
WANTED_LOAD_MS, WANTED_DRAW_MS = 1000, 33
_MS = 1_000_000
_LAYERS: tuple[Layer, ...] = ("host", "firmware", "kernel", "initramfs", "userspace", "ssh")


def made_up_timeline(count: int) -> Timeline:
    """Return a boot of 10 s with *count* spans: six phases of units of three parts."""
    total_ns = 10_000 * _MS
    phase_ns = total_ns // len(_LAYERS)
    spans = [_span(ROOT, "", "userspace", 0, total_ns)]
    spans += [
        _span(layer, ROOT, layer, n * phase_ns, (n + 1) * phase_ns)
        for n, layer in enumerate(_LAYERS)
    ]
    for number in range(max(0, (count - len(spans)) // 4)):
        phase = number % len(_LAYERS)
        start_ns = phase * phase_ns + number * 7_919_777 % (phase_ns * 3 // 4)
        end_ns = start_ns + phase_ns // 9
        unit, layer = f"unit-{number}", _LAYERS[phase]
        spans.append(_span(unit, layer, layer, start_ns, end_ns))
        third_ns = (end_ns - start_ns) // 3
        for part in range(3):
            part_ns = start_ns + part * third_ns
            spans.append(_span(f"{unit}.{part}", unit, layer, part_ns, part_ns + third_ns))
    return Timeline(spans=tuple(spans), clock="wall", clock_error_ns=0)


def _span(id: str, parent: str, layer: Layer, start_ns: int, end_ns: int) -> Span:
    return Span(
        id=id,
        parent=parent,
        layer=layer,
        name=f"{id} of a boot",
        kind="work",
        start_ns=start_ns,
        end_ns=end_ns,
        source="made up",
    )


def load_ms(page: Page, url: str) -> float:
    """Return how long the page's script runs until the page is ready."""
    page.goto(url)
    page.wait_for_function("window.bootwright !== undefined")
    timing = page.evaluate("bootwright.timing()")
    return float(timing["scriptMs"])


def draws_ms(page: Page) -> list[float]:
    """Zoom in and out by the wheel; return how long each drawing takes."""
    found: list[float] = page.evaluate(
        """async (turns) => {
          const canvas = document.getElementById("timeline");
          const edge = canvas.getBoundingClientRect();
          const times = [];
          for (let turn = 0; turn < turns; turn++) {
            canvas.dispatchEvent(new WheelEvent("wheel", {
              deltaY: turn < turns / 2 ? -60 : 60, clientX: edge.left + edge.width / 5,
              clientY: edge.top + 100, cancelable: true }));
            await new Promise(requestAnimationFrame);
            times.push(bootwright.timing().lastDrawMs);
          }
          return times;
        }""",
        TURNS,
    )
    return found


def _row(name: str, samples: list[float], wanted_ms: float) -> str:
    low, middle, high = min(samples), statistics.median(samples), max(samples)
    return f"{name:<24}{low:>9.1f}{middle:>9.1f}{high:>9.1f}{wanted_ms:>9.0f}"


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    timeline = made_up_timeline(count)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "page.html"
        file.write_text(page_of(timeline, title="benchmark"))
        # Its sandbox does not work for root, and the page is ours.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        loads = [load_ms(page, file.as_uri()) for _ in range(LOADS)]
        draws = draws_ms(page)
        print(
            f"host: {platform.node()}, {os.cpu_count()} CPUs, chromium {browser.version}, ", end=""
        )
        browser.close()
    print(f"load {os.getloadavg()[0]:.2f}; {len(timeline.spans)} spans")
    print(f"{'milliseconds':<24}{'min':>9}{'median':>9}{'max':>9}{'wanted':>9}")
    print(_row(f"load, n = {LOADS}", loads, WANTED_LOAD_MS))
    print(_row(f"drawing, n = {TURNS}", draws, WANTED_DRAW_MS))


if __name__ == "__main__":
    main()
