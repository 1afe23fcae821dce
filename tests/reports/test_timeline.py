"""A timeline as text: its rows, what is cut, what is said below; of real boots and made ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.reports.timeline import text
from bootwright.timelines.assemble import assemble
from bootwright.timelines.evidence import Evidence
from bootwright.timelines.logs import from_logs
from bootwright.timelines.span import Kind, Silence, Span, Timeline
from tests.timelines import evidences, klogs
from tests.timelines.recorded import recorded

MS = 1_000_000
_HEAD = f"{'':40} {'start':>8} {'length':>9} {'unacc.':>9}"


def span(
    id: str,
    start_ms: float,
    end_ms: float,
    *,
    parent: str = "boot",
    name: str = "",
    kind: Kind = "work",
    critical: bool = False,
) -> Span:
    return Span(
        id=id,
        parent=parent,
        layer="userspace",
        name=name or id,
        kind=kind,
        start_ns=round(start_ms * MS),
        end_ns=round(end_ms * MS),
        source="a test",
        critical=critical,
    )


def timeline(*below: Span, ms: float = 1000, **other: Any) -> Timeline:
    root = span("boot", 0, ms, parent="", kind="frame", critical=True)
    made = Timeline(spans=(root, *below), clock="guest", clock_error_ns=0)
    return replace(made, **other)


def rows(made: Timeline) -> list[str]:
    return text(made).partition("\n\n")[0].splitlines()


@pytest.mark.parametrize(
    "make",
    [
        lambda: assemble(evidences.whole()),
        lambda: assemble(Evidence(clean=evidences.tini())),
        lambda: assemble(evidences.virtual()),
        lambda: from_logs(klogs.text("6.12-initcall_debug")),
        lambda: from_logs(klogs.text("6.1-image-journal"), recorded("debian-13")["dump"]),
    ],
    ids=["whole", "tini", "virtual", "log", "log and dump"],
)
def test_timeline_text_of_real_boots_fits_80_columns(make: Callable[[], Timeline]) -> None:
    made = make()
    plain = text(made)
    lines = plain.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert lines == [line.rstrip() for line in lines]
    assert "\x1b" not in plain
    # Colors change nothing but colors.
    assert re.sub("\x1b\\[[0-9]+m", "", text(made, color=True)) == plain


@pytest.mark.parametrize("columns", [20, 60, 72])
def test_timeline_text_is_as_narrow_as_the_terminal(columns: int) -> None:
    made = assemble(evidences.whole())
    for line in text(made, columns=columns).splitlines():
        assert len(line) <= max(60, columns)
        assert "━" not in line


def test_timeline_text_row_has_name_start_length_and_bar() -> None:
    made = timeline(
        span("a", 0, 500, critical=True),
        span("b", 500, 1000),
        span("b1", 600, 700, parent="b", critical=True),
    )
    assert rows(made) == [
        _HEAD,
        f"{' boot':40} {'0.0':>8} {'1000.0':>9} {'-':>9} " + "━" * 10,
        f"{'*  a':40} {'0.0':>8} {'500.0':>9} {'-':>9} " + "━" * 5,
        f"{'   b':40} {'500.0':>8} {'500.0':>9} {'-':>9} " + " " * 5 + "━" * 5,
        f"{'*    b1':40} {'600.0':>8} {'100.0':>9} {'-':>9} " + " " * 6 + "━",
    ]


def test_timeline_text_joins_short_spans_into_one_row() -> None:
    short = [span(f"s{n}", 500 + n, 501 + n, parent="b") for n in range(3)]
    made = timeline(
        span("a", 0, 500), span("b", 500, 1000), span("b1", 600, 700, parent="b"), *short
    )
    assert rows(made)[-1] == f"{'     3 shorter ones, in total':40} {'':>8} {'3.0':>9} {'-':>9}"
    made = timeline(
        span("a", 0, 500), span("b", 500, 1000), span("b1", 600, 700, parent="b"), short[0]
    )
    assert rows(made)[-1] == f"{'     1 shorter one':40} {'':>8} {'1.0':>9} {'-':>9}"


def test_timeline_text_shows_every_span_at_the_top_level() -> None:
    made = timeline(span("a", 0, 0.1), span("b", 1, 900))
    assert [row.split()[0] for row in rows(made)[2:4]] == ["a", "b"]


def test_what_is_unaccounted_is_in_each_row_and_sums_up() -> None:
    made = timeline(
        span("frame", 0, 600, kind="frame"),
        span("inside", 0, 400, parent="frame"),
        span("rest", 600, 995),
    )
    told = [row.split() for row in rows(made)[2:]]
    assert [words[:-1] if "━" in words[-1] else words for words in told] == [
        ["frame", "0.0", "600.0", "200.0"],
        ["inside", "0.0", "400.0", "-"],
        ["rest", "600.0", "395.0", "-"],
    ]
    assert rows(made)[1].split()[1:4] == ["0.0", "1000.0", "205.0"]
    assert "whole 1.000 s, unaccounted 205.0 ms (20.5 %)" in text(made)
    assert text(made).count("unaccounted:") == 1


def test_frames_that_fill_a_frame_leave_it_unaccounted() -> None:
    made = timeline(
        span("frame", 0, 100, kind="frame"),
        span("one", 0, 60, parent="frame", kind="frame"),
        span("two", 60, 100, parent="frame", kind="frame"),
    )
    assert [row.split()[:4] for row in rows(made)[2:]] == [
        ["frame", "0.0", "100.0", "100.0"],
        ["one", "0.0", "60.0", "60.0"],
        ["two", "60.0", "40.0", "40.0"],
    ]


def test_timeline_text_cuts_unit_names_and_keeps_what_follows() -> None:
    unit = "systemd-networkd-persistent-storage.service"
    made = timeline(
        span("a", 0, 500, name=f"{unit}: waits for PID 1", critical=True),
        span("b", 0, 500, name="x" * 70, critical=True),
        span("c", 0, 1000, name=f"x: {'y' * 70}", critical=True),
    )
    assert [row[:40] for row in rows(made)[2:]] == [
        "*  x: " + "y" * 33 + "…",
        "*  systemd-networkd-pe…: waits for PID 1",
        "*  " + "x" * 36 + "…",
    ]
    assert f"  userspace: {unit[:29]}…: waits for PID 1" in text(made)


def test_timeline_text_does_not_repeat_a_units_name_below_it() -> None:
    made = timeline(
        span("u", 0, 1000, name="ssh.service"),
        span("p", 0, 300, name="ssh.service: before its main process", parent="u"),
        span("o", 300, 500, name="ssh.service-2: other", parent="u"),
    )
    names = [row[:40].strip() for row in rows(made)[2:]]
    assert names == ["ssh.service", "before its main process", "ssh.service-2: other"]


def test_timeline_text_names_the_ten_longest_critical_spans() -> None:
    spans = [span(f"c{n}", 0, n, critical=True) for n in range(1, 15)]
    spans += [span("aside", 0, 900), span("none", 3, 3, critical=True)]
    report = text(timeline(*spans))
    _, _, after = report.partition("longest on the critical path:\n")
    named = after.partition("\n\n")[0].splitlines()
    assert [line.split()[1] for line in named] == [f"c{n}" for n in range(14, 4, -1)]
    assert named[0] == f"{'  userspace: c14':60} {'14.0':>9} {'1.4':>5} %"


def test_timeline_text_counts_a_span_without_its_children() -> None:
    """A long initcall with one short probe inside is still the longest."""
    made = timeline(
        span("frame", 0, 900, kind="frame", critical=True),
        span("acpi_init", 0, 500, parent="frame", critical=True),
        span("probe", 100, 150, parent="acpi_init", critical=True),
        span("alone", 900, 1000, kind="frame", critical=True),
        clock="wall",
    )
    _, _, after = text(made).partition("longest on the critical path:\n")
    named = [line.split()[1:3] for line in after.partition("\n\n")[0].splitlines()]
    assert named == [["acpi_init", "450.0"], ["alone", "100.0"], ["probe", "50.0"]]


def test_color_is_for_the_critical_path_and_for_what_is_wholly_unaccounted() -> None:
    report = text(
        timeline(
            span("a", 0, 500, kind="frame", critical=True),
            span("a1", 0, 100, parent="a"),
            span("a2", 100, 300, parent="a", kind="frame"),
        ),
        color=True,
    )
    rows = report.splitlines()
    assert [row[:4] for row in rows[1:5]] == ["\x1b[1m", "\x1b[1m", "    ", "\x1b[2m"]
    assert all(row.endswith("\x1b[0m") == row.startswith("\x1b") for row in rows)


@pytest.mark.parametrize(
    ("other", "line"),
    [
        (
            {"clock": "wall", "clock_error_ns": 848_000},
            "the guest's times may be off by 848 µs against the host's",
        ),
        (
            {"overhead_ns": 55_700_000},
            "initcalls come from a second, instrumented boot; its kernel took 55.7 ms more",
        ),
        (
            {"overhead_ns": -1_167_800_000},
            "initcalls come from a second, instrumented boot; its kernel took 1.168 s less",
        ),
        ({"warnings": ("the log is cut",)}, "warning: the log is cut"),
    ],
)
def test_timeline_text_ends_with_notes_on_the_figures(other: dict[str, Any], line: str) -> None:
    said = text(timeline(span("a", 0, 1000), **other)).splitlines()
    assert line in said
    assert "times in ms; * on the critical path" in said
    plain = text(timeline(span("a", 0, 1000))).splitlines()
    assert [line for line in plain if "off by" in line or "second boot" in line] == []


def test_silent_stretches_have_a_table_with_the_lines_round_them() -> None:
    silence = Silence(
        start_ns=100 * MS,
        end_ns=350 * MS,
        before="a line\x1b[2J",
        after="x" * 90,
        before_line=3,
        after_line=4,
        known="what such a line is known for",
        source="a file",
    )
    made = timeline(
        span("kernel", 0, 1000, kind="frame", critical=True),
        span("kernel.silent.x", 100, 350, parent="kernel", kind="frame", critical=True),
        silences=(silence,),
    )
    _, _, told = text(made).partition("longest first:\n")
    assert told.splitlines()[:4] == [
        "     250.0  25.0 % a line [2J",
        " " * 19 + "x" * 60 + "…",
        " " * 19 + "known to mean: what such a line is known for",
        "",
    ]
    assert "longest on the critical path" not in text(made)


def test_a_hint_says_which_look_would_explain_more() -> None:
    made = timeline(span("kernel", 0, 1000, kind="frame"), clock="virtual")
    assert "hint: --sample boots once more to see where the vCPU was in that time" in text(made)


def test_timeline_text_wraps_a_long_warning() -> None:
    said = text(timeline(warnings=(f"what {'is long ' * 20}",))).splitlines()
    assert said[-3].startswith("warning: what is long")
    assert said[-1].startswith("  long ") or said[-1].startswith("  is long")
    assert max(len(line) for line in said) <= 80


def test_timeline_text_of_an_empty_timeline() -> None:
    assert text(timeline(ms=0)).splitlines() == [
        _HEAD,
        f"{' boot':40} {'0.0':>8} {'0.0':>9} {'-':>9}",
        "",
        "whole 0 µs, unaccounted 0 µs (0.0 %)",
        "times in ms; * on the critical path",
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.text(max_size=90).map(lambda name: re.sub(r"\s", " ", name)),
            st.integers(0, 10**7),
            st.integers(0, 10**7),
            st.sampled_from(["frame", "work", "wait"]),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_timeline_text_of_any_timeline_fits(
    made: list[tuple[int, str, int, int, Kind, bool]],
) -> None:
    spans: list[Span] = []
    for number, (above, name, start, length, kind, critical) in enumerate(made):
        parent = f"s{above}" if above < number else "boot"
        spans.append(
            span(
                f"s{number}",
                start / 10,
                (start + length) / 10,
                parent=parent,
                name=name,
                kind=kind,
                critical=critical,
            )
        )
    lines = text(timeline(*spans, ms=2 * 10**6)).split("\n")
    assert max(len(line) for line in lines) <= 80
