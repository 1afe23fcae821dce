"""A boot as it happens."""

from __future__ import annotations

import pytest

from bootwright.cli.live import LivePhases, phases_shown
from bootwright.timeline.phases import START, START_UP
from bootwright.timeline.recorder import Recorder


def _recorder(*marks: tuple[str, int]) -> Recorder:
    recorder = Recorder()
    for name, time_ms in marks:
        recorder.mark(name, time_ms * 1_000_000)
    return recorder


def test_live_phases_grow_and_name_what_is_awaited() -> None:
    live = LivePhases(_recorder((START, 0), ("vmm.exec", 200), ("vmm.running", 300)), START_UP)
    early, late = live.text(400_000_000), live.text(1_300_000_000)
    assert [line.split("  ")[0] for line in early.splitlines()] == [
        "host preparation",
        "VMM start",
        "firmware and kernel",
        "so far",
        "waiting for the kernel to start the seed",
    ]
    assert "firmware and kernel     100.0" in early
    assert "firmware and kernel    1000.0" in late
    live.say("again, otherwise")
    assert live.text(1_300_000_000).endswith("\nagain, otherwise")


def test_live_phases_are_empty_before_the_first_mark() -> None:
    assert LivePhases(Recorder(), START_UP).text(5) == ""


def test_phases_shown_off_a_terminal_prints_a_line_for_each_phase(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorder = _recorder((START, 0))
    with phases_shown(recorder, START_UP, quiet=False) as say:
        recorder.mark("vmm.exec", 200_000_000)
        recorder.mark("vmm.ready", 250_000_000)
        recorder.mark("vmm.running", 300_000_000)
        say("again")
    assert capsys.readouterr().err.splitlines() == [
        "host preparation: 200.0 ms",
        "VMM start: 100.0 ms",
        "again",
    ]


def test_phases_shown_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = _recorder((START, 0))
    with phases_shown(recorder, START_UP, quiet=True) as say:
        recorder.mark("vmm.exec", 200_000_000)
        say("again")
    assert capsys.readouterr().err == ""
