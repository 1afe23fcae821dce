"""A boot as it happens."""

from __future__ import annotations

import pytest

from bootwright.cli.live import LivePhases, phases_shown
from bootwright.events import Notice, Progress
from bootwright.machines.events import MarkReached
from bootwright.timelines.phases import START, START_UP
from bootwright.timelines.recorder import Mark


def _mark(name: str, time_ms: int) -> Mark:
    return Mark(name=name, time_ns=time_ms * 1_000_000)


def test_live_phases_grow_and_name_what_is_awaited() -> None:
    live = LivePhases(START_UP)
    for name, time_ms in ((START, 0), ("vmm.exec", 200), ("vmm.running", 300)):
        live.take(_mark(name, time_ms))
    early, late = live.text(400_000_000), live.text(1_300_000_000)
    assert [line.split("  ")[0] for line in early.splitlines()] == [
        "host preparation",
        "VMM start",
        "firmware and kernel",
        "so far",
        "waiting for the kernel to start the initramfs",
    ]
    assert "firmware and kernel     100.0" in early
    assert "firmware and kernel    1000.0" in late
    live.say("again, otherwise")
    assert live.text(1_300_000_000).endswith("\nagain, otherwise")


def test_live_phases_are_empty_before_the_first_mark() -> None:
    assert LivePhases(START_UP).text(5) == ""


EVENTS = (
    MarkReached(name=START, time_ns=0 * 1_000_000),
    Notice(text="the host is busy"),
    MarkReached(name="vmm.exec", time_ns=200 * 1_000_000),
    MarkReached(name="vmm.ready", time_ns=250 * 1_000_000),
    MarkReached(name="vmm.running", time_ns=300 * 1_000_000),
    Progress(step="again"),
)


def test_phases_shown_off_a_terminal_prints_a_line_for_each_phase(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with phases_shown(START_UP, quiet=False) as observe:
        for event in EVENTS:
            observe(event)
    assert capsys.readouterr().err.splitlines() == [
        "the host is busy",
        "host preparation: 200.0 ms",
        "VMM start: 100.0 ms",
        "again",
    ]


def test_quiet_says_nothing_but_notices(capsys: pytest.CaptureFixture[str]) -> None:
    with phases_shown(START_UP, quiet=True) as observe:
        for event in EVENTS:
            observe(event)
    assert capsys.readouterr().err == "the host is busy\n"


def test_on_a_terminal_phases_grow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with phases_shown(START_UP, quiet=False) as observe:
        for event in EVENTS:
            observe(event)
    said = capsys.readouterr()
    assert said.out == ""
    assert "firmware and kernel" in said.err
    assert "the host is busy" in said.err
