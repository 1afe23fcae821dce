"""The page: one file that needs nothing else, holds the timeline; no name becomes markup."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.reports.page import page
from bootwright.timelines.span import ROOT, Silence, Span, Timeline, merged
from tests.reports.timelines import of_size, recorded

_HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "\"'>&amp;<b>",
    "]]>\u2028\u2029\x00\x7f",
    "$title ${data} \\u003c \\",
    "",
)


class _Parsed(HTMLParser):
    """The elements of a page with their attributes, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside.append(tag)
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside.append("")
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data

    def texts_of(self, tag: str) -> list[str]:
        return [text for name, text in zip(self.inside, self.texts, strict=True) if name == tag]


def _embedded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_Parsed(text).texts_of("script")[0])
    return found


def _named(name: str) -> Timeline:
    root = Span(
        id=ROOT,
        parent="",
        layer="host",
        name="boot",
        kind="frame",
        start_ns=0,
        end_ns=2_000_000,
        source="marks",
    )
    child = replace(
        root, id=f"x{name}", parent=ROOT, name=name, kind="work", source=name, end_ns=1_500_000
    )
    return Timeline(spans=(root, child), clock="wall", clock_error_ns=1000, warnings=(name,))


def test_page_embeds_the_timeline() -> None:
    timeline = recorded()
    data = _embedded(page(timeline, title="web"))
    assert len(data["spans"]) == 1755
    ids = [span.id for span in timeline.spans]
    unaccounted = timeline.unaccounted_ns()
    for row, span in zip(data["spans"], timeline.spans, strict=True):
        parent, layer, kind, start, end, open_ns, critical, slack, *words = row
        assert words == [span.id, span.name, span.source]
        assert (ids[parent] if parent >= 0 else "") == span.parent
        assert (data["layers"][layer], data["kinds"][kind]) == (span.layer, span.kind)
        assert (start, end, slack) == (span.start_ns, span.end_ns, span.slack_ns)
        assert (critical == 1, open_ns) == (span.critical, unaccounted[span.id])


def test_page_gaps_are_what_is_unaccounted() -> None:
    timeline = recorded()
    gaps = _embedded(page(timeline, title="web"))["gaps"]
    assert sum(end - start for start, end in gaps) == timeline.unaccounted_ns()[ROOT] > 0
    assert merged((start, end) for start, end in gaps) == [tuple(gap) for gap in gaps]


def test_page_loads_nothing_from_outside() -> None:
    text = page(recorded(), title="web", facts={"image": "web"}, flame=[(("a", "b"), 3)])
    assert re.findall(r"https?:|//[a-z]+\.|url\(|@import|import\(|fetch\(", text) == []
    for tag, attributes in _Parsed(text).elements:
        assert attributes.get("src") is None, tag
        assert attributes.get("href") in (None, "data:,"), tag
        assert [name for name in attributes if name.startswith("on") or name == "style"] == []


def test_page_policy_allows_only_its_own_script_and_style() -> None:
    parsed = _Parsed(page(recorded(), title="web"))
    policies = [
        attributes["content"]
        for tag, attributes in parsed.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    _, script = parsed.texts_of("script")
    (style,) = parsed.texts_of("style")
    for kind, text in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in str(policies[0])
    assert str(policies[0]).startswith("default-src 'none'; ")


@pytest.mark.parametrize("name", _HOSTILE)
def test_page_escapes_hostile_names(name: str) -> None:
    harmless = page(_named("x"), title="x", facts={"x": "x"}, flame=[(("x",), 1)])
    text = page(_named(name), title=name, facts={name: name}, flame=[((name,), 1)])
    parsed = _Parsed(text)
    assert parsed.inside == _Parsed(harmless).inside
    data = _embedded(text)
    assert data["spans"][1][8:] == [f"x{name}", name, name]
    assert data["flame"] == [[[name], 1]]
    assert html.escape(name) in text


@settings(deadline=None)  # it builds a whole page each time
@given(st.text())
def test_page_keeps_any_name(name: str) -> None:
    text = page(_named("x"), title="x", flame=[((name,), 1)])
    assert _embedded(text)["flame"] == [[[name], 1]]


def test_page_shows_facts_and_warnings() -> None:
    timeline = replace(recorded(), warnings=("units: none",), overhead_ns=-1_250_000)
    text = page(timeline, title="web", facts={"kernel": "6.1", "accelerator": "tcg"})
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text)
    assert facts == [
        ("kernel", "6.1"),
        ("accelerator", "tcg"),
        ("clock", "wall, the host&#x27;s monotonic"),
        ("clock error", "± 417 µs"),
        ("instrumentation", "\N{MINUS SIGN}1.2 ms, in a second boot"),
    ]
    assert '<p class="warning">units: none</p>' in text
    assert "<strong>15.853 s</strong> <span>219.2 ms unaccounted (1.4 %)</span>" in text


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        ("virtual", "virtual, 1 ns per instruction"),
        ("guest", "the guest&#x27;s, from its logs"),
    ],
)
def test_page_of_clocks_without_an_error(clock: Any, told: str) -> None:
    timeline = replace(of_size(30), clock=clock, clock_error_ns=0, overhead_ns=None)
    text = page(timeline, title="web")
    assert re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text) == [("clock", told)]


def test_page_without_spans() -> None:
    text = page(Timeline(spans=(), clock="wall", clock_error_ns=0), title="none")
    assert "<strong>no spans</strong> <span>nothing was recorded</span>" in text
    assert _embedded(text)["spans"] == _embedded(text)["gaps"] == []


def test_page_of_a_boot_that_took_no_time() -> None:
    root = replace(recorded().root, start_ns=0, end_ns=0)
    text = page(Timeline(spans=(root,), clock="guest", clock_error_ns=0), title="none")
    assert "<strong>0 µs</strong> <span>0 µs unaccounted (0.0 %)</span>" in text


@pytest.mark.parametrize("hostile", _HOSTILE)
def test_page_has_a_table_of_what_a_log_is_silent_about(hostile: str) -> None:
    silence = Silence(
        start_ns=100_000_000,
        end_ns=350_000_000,
        before=f"first{hostile}",
        after="second",
        before_line=3,
        after_line=4,
        known=f"known{hostile}",
    )
    made = replace(of_size(2), silences=(silence,))
    text = page(made, title="x")
    _, _, table = text.partition('<table id="silences"')
    table = table.partition("</table>")[0]
    assert "<td>250.0 ms</td>" in table
    assert html.escape("4: second") in table
    assert f"<td>{html.escape(f'known{hostile}')}</td>" in table
    assert "<script" not in table
    assert "alert(1)</script>" not in table


def test_page_of_a_boot_without_silences_has_no_table_of_them() -> None:
    assert 'id="silences"' not in page(of_size(2), title="x")
