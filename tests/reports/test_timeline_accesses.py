"""Accesses to devices, in a timeline's text."""

from __future__ import annotations

from bootwright.reports.timeline import text
from bootwright.timelines.evidence import DeviceAccess
from bootwright.timelines.span import ROOT, Timeline
from tests.reports.boots import span


def shown(*accesses: DeviceAccess) -> list[str]:
    root = span(ROOT, "", 0, 1000, "frame", "host")
    timeline = Timeline(spans=(root,), clock="virtual", clock_error_ns=0, accesses=accesses)
    lines = text(timeline).splitlines()
    assert max(map(len, lines)) <= 80
    return lines


TITLE = "accesses by device; on real hardware each is a VM exit"


def test_text_shows_accesses_after_the_longest_spans() -> None:
    lines = shown(
        DeviceAccess("UART ttyS0 (console)", 83, 239, 322),
        DeviceAccess("HPET", 400_070, 400_026, 3_200_384),
    )
    begin = lines.index(TITLE)
    assert lines[begin - 1] == ""
    assert lines[begin + 1 : begin + 6] == [
        f"  {'':<40}       reads      writes        bytes",
        f"  {'UART ttyS0 (console)':<40}          83         239          322",
        f"  {'HPET':<40}      400070      400026      3200384",
        "  loops that poll a clock (HPET, PM timer, PIT) run more often here",
        "",
    ]


def test_text_sums_rare_accesses_and_cuts_long_names() -> None:
    many = [DeviceAccess(f"device {n}", 2, 1, 12) for n in range(13)]
    lines = shown(DeviceAccess("x" * 60, 10**10, 10**10, 10**11), *many)
    begin = lines.index(TITLE)
    assert lines[begin + 2].startswith("  " + "x" * 39 + "… ")
    assert lines[begin + 14] == f"  {'2 others, in total':<40}           4           2           24"


def test_text_without_access_counts_has_no_table() -> None:
    assert TITLE not in shown()
