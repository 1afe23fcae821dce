"""What is said of two boots, as text, as JSON and as a page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
from hypothesis import given, settings

from bootwright.reports.diff import ONE_EACH, signed, text, values
from bootwright.reports.diff_page import page
from bootwright.timelines.diff import Ran, diff
from bootwright.timelines.span import Timeline
from tests.reports.boots import HOSTILE, MS, boot, boots, hostile, small


def faster() -> Timeline:
    """Return the small boot without host and unit.a, and 200 ms shorter."""
    spans = [s for s in small().spans if s.id not in ("host", "unit.a")]
    cut = [replace(s, end_ns=800 * MS) if s.id in ("boot", "pid1") else s for s in spans]
    return boot(*(s for s in cut if s.id != "ssh"))


def test_diff_text_word_by_word() -> None:
    told = text(diff(small(), faster()), names=("before", "after"))
    assert max(map(len, told.splitlines())) <= 80
    assert told == "\n".join(
        (
            "part of the boot, ms                               before      after     change",
            " boot                                              1000.0      800.0     -200.0",
            "*  host                                             100.0          -     -100.0",
            "*  ssh                                              100.0          -     -100.0",
            "*  pid1                                             500.0      400.0     -100.0",
            "*    a                                              300.0          -     -300.0",
            "     b                                                  -      130.0     +130.0",
            "       inner                                            -       80.0      +80.0",
            "       itself                                           -       50.0      +50.0",
            "     c                                               20.0      140.0     +120.0",
            "     itself                                         180.0      130.0      -50.0",
            "*  kernel                                           300.0      300.0       +0.0",
            "   itself                                               -      100.0     +100.0",
            "",
            "largest changes, each moment counted once:",
            "     -300.0 * vanished  userspace: a",
            "     +120.0   more      userspace: c",
            "     +100.0 * more      host: boot",
            "     -100.0 * vanished  host: host",
            "     -100.0 * vanished  ssh: ssh",
            "      +80.0   more      userspace: inner",
            "      -50.0 * less      userspace: pid1",
            "      +50.0   more      userspace: b",
            "",
            "before: 1.000 s; after: 800.0 ms; change: -200.0 ms",
            "spans, by 0.1 ms or more: 0 appeared, 3 vanished, 0 grew, 2 shrank",
            "a moment counts for the innermost span, preferably on the critical path",
            "* on the critical path of either boot",
            ONE_EACH,
        )
    )


@settings(max_examples=50)
@given(boots(), boots())
def test_diff_text_fits_80_columns(a: Timeline, b: Timeline) -> None:
    names = ("a boot with a long name", "x")
    assert all(len(line) <= 80 for line in text(diff(a, b), names=names).splitlines())


def test_diff_warnings_are_in_text_page_and_values() -> None:
    found = diff(small(), faster(), ran_a=Ran(accelerator="kvm"), ran_b=Ran(accelerator="tcg"))
    (warning,) = found.warnings
    assert f"warning: {warning}" in text(found)
    assert values(found).warnings == (warning,)
    assert warning in page(found, small(), faster())


def test_differences_of_microseconds_are_no_changes() -> None:
    shifted = [
        replace(s, end_ns=s.end_ns + 40_000) if s.id == "kernel.early.a" else s
        for s in small().spans
    ]
    found = diff(small(), boot(*shifted))
    assert "0 appeared, 0 vanished, 0 grew, 0 shrank" in text(found)
    assert "no span changed its part of the boot" in text(found)
    assert "<td title=" not in page(found, small(), boot(*shifted))


def test_on_the_virtual_clock_nothing_is_by_chance() -> None:
    a, b = replace(small(), clock="virtual"), replace(faster(), clock="virtual")
    assert ONE_EACH not in text(diff(a, b))
    assert ONE_EACH not in page(diff(a, b), a, b)


def test_a_page_with_a_measurement_gives_its_figures_alone() -> None:
    a, b = small(), faster()
    whole = page(diff(a, b), a, b, report="B is faster by 7 ms, p 0.008")
    assert "B is faster by 7 ms, p 0.008" in whole
    assert ONE_EACH not in whole
    assert 'class="big"' not in whole
    assert "below: one instrumented boot of each" in whole


def test_diff_values() -> None:
    told = msgspec.json.decode(msgspec.json.encode(values(diff(small(), faster()))))
    assert {name: told[name] for name in ("clock", "boots_each", "before_ns", "change_ns")} == {
        "clock": "wall",
        "boots_each": 1,
        "before_ns": 1000 * MS,
        "change_ns": -200 * MS,
    }
    assert sum(change["own_change_ns"] for change in told["changes"]) == told["change_ns"]
    assert next(change for change in told["changes"] if change["id"] == "unit.a") == {
        "id": "unit.a",
        "parent": "pid1",
        "layer": "userspace",
        "name": "a",
        "what": "vanished",
        "length_change_ns": -300 * MS,
        "part_change_ns": -300 * MS,
        "own_change_ns": -300 * MS,
        "before": {
            **dict.fromkeys(("length_ns", "part_ns", "own_ns"), 300 * MS),
            "critical": True,
        },
        "after": {"length_ns": 0, "part_ns": 0, "own_ns": 0, "critical": False},
    }


def test_signed_prints_changes_with_their_sign() -> None:
    assert [signed(n) for n in (-1_250_000_000, 8_200_000, 0)] == ["-1.250 s", "+8.2 ms", "0 µs"]


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1] and self.lasttag in ("td", "span"):
            self.rows[-1][-1] += data


def test_diff_page_holds_both_boots() -> None:
    a, b = small(), faster()
    whole = page(diff(a, b), a, b, names=("before", "after"))
    seen = Page(whole)
    assert seen.tags.count("svg") == 2
    assert seen.tags.count("script") == 1
    assert len(seen.ids) == len(set(seen.ids)) == 2
    assert seen.links == []
    assert ONE_EACH in whole
    assert "<![CDATA[" not in whole
    assert "<?xml" not in whole
    first = [cell.strip() for cell in seen.rows[1]]
    assert first == [
        "a * userspace",
        "vanished",
        "-300.0 ms",
        "-300.0 ms",
        "300.0 ms",
        "\N{EN DASH}",
        "-300.0 ms",
    ]
    widths = [
        float(width)
        for name in ("late",)
        for width in re.findall(rf'<title>{name}: .*?class="box".*?width="([\d.]+)"', whole, re.S)
    ]
    assert len(widths) == 2
    assert widths[0] == widths[1], "both pictures have one scale"


def test_diff_page_escapes_hostile_names() -> None:
    a, b = hostile(), small()
    whole = page(diff(a, b), a, b, names=(HOSTILE[0], HOSTILE[2]))
    seen = Page(whole)
    assert seen.tags.count("script") == 1
    assert seen.tags.count("svg") == 2
    assert seen.handlers == []
    assert "\ud800" not in whole
    assert "\x00" not in whole
