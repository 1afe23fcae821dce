"""Text for people."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.reports import text
from bootwright.timelines.phases import START, START_UP, Phase


def made(*durations_ms: float) -> list[Phase]:
    """Return a boot's phases with these durations."""
    found: list[Phase] = []
    start, start_mark = 0, START
    for spec, milliseconds in zip(START_UP, durations_ms, strict=False):
        duration = int(milliseconds * 1e6)
        found.append(
            Phase(
                name=spec.name,
                start_mark=start_mark,
                end_mark=spec.ends[0],
                start_ns=start,
                duration_ns=duration,
            )
        )
        start += duration
        start_mark = spec.ends[0]
    return found


@pytest.mark.parametrize(
    ("time_ns", "said"),
    [
        (0, "0 µs"),
        (120_000, "120 µs"),
        (1_000_000, "1.0 ms"),
        (8_240_000, "8.2 ms"),
        (1_000_000_000, "1.000 s"),
        (21_304_400_000, "21.304 s"),
    ],
)
def test_duration_uses_the_most_readable_unit(time_ns: int, said: str) -> None:
    assert text.duration(time_ns) == said


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (4 << 30, "4.0 GiB"),
        (3 << 40, "3072.0 GiB"),
    ],
)
def test_size_uses_binary_units(size_bytes: int, said: str) -> None:
    assert text.size(size_bytes) == said


def test_phase_table_word_by_word() -> None:
    assert text.phase_table(made(50, 150), "start-up").splitlines() == [
        "host preparation      50.0 ━━━━              command.entered → vmm.exec",
        "VMM start            150.0     ━━━━━━━━━━━━━ vmm.exec → vmm.running",
        "start-up             200.0 ms",
    ]


def test_phase_table_of_no_time() -> None:
    lines = text.phase_table(made(0, 0), "start-up").splitlines()
    assert "━" not in "".join(lines)
    assert lines[-1] == "start-up               0.0 ms"


@given(st.lists(st.floats(min_value=0, max_value=300_000), min_size=1, max_size=6))
def test_phase_table_bars_and_lines_fit(times: list[float]) -> None:
    phases = made(*times)
    *rows, total = text.phase_table(phases, "start-up").splitlines()
    column = max(len("start-up"), *(len(phase.name) for phase in phases)) + 11
    for row, phase in zip(rows, phases, strict=True):
        assert len(row) <= 80
        assert row[column : column + 18].strip("━ ") == ""
        assert row[column + 18 :] == f"{phase.start_mark} → {phase.end_mark}"
    assert total.split()[1] == f"{sum(phase.duration_ns for phase in phases) / 1e6:.1f}"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 seconds ago"),
        (0, "0 seconds ago"),
        (119, "119 seconds ago"),
        (120, "2 minutes ago"),
        (7199, "119 minutes ago"),
        (7200, "2 hours ago"),
        (172799, "47 hours ago"),
        (172800, time.strftime("%Y-%m-%d %H:%M", time.localtime(1_000_000))),
    ],
)
def test_age_uses_the_largest_unit(seconds: int, said: str) -> None:
    assert text.age(1_000_000, 1_000_000 + seconds) == said
