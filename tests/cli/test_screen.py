"""What is printed for people and for programs; this test's stderr is no terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootwright.cli import screen
from bootwright.events import Event, Notice, Progress
from bootwright.timelines.recorder import Mark


def test_screen_say_prints_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    screen.say("done")
    assert capsys.readouterr() == ("", "done\n")


def test_screen_progress_off_a_terminal_prints_a_line_for_each_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with screen.progress("image") as advance:
        for step, share in (("downloading", 0.1), ("downloading", 0.5), ("unpacking", 0.9)):
            advance(step, share)
    assert capsys.readouterr() == ("", "image: downloading\nimage: unpacking\n")


def test_screen_progress_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.progress("image", quiet=True) as advance:
        advance("downloading", 0.1)
    with screen.status("web: VMM start") as show:
        show("web: initramfs")
    assert capsys.readouterr() == ("", "")


def test_screen_progress_on_a_terminal_draws_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with screen.status("web: VMM start") as show:
        show("web: initramfs")
    with screen.progress("image") as advance:
        advance("unpacking", 0.9)
    said = capsys.readouterr()
    assert said.out == ""
    assert "web: initramfs" in said.err
    assert "unpacking" in said.err


def test_observer_shows_notices_and_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.observer("kernel") as observe:
        observe(Progress(step="waiting"))  # a status line, of which there is none off a terminal
        for share in (0.1, 0.2):
            observe(Progress(step="fetching", share=share))
        observe(Notice(text="warning: it is old"))
        observe(Event())
    assert capsys.readouterr() == ("", "kernel: fetching\nwarning: it is old\n")


def test_quiet_observer_shows_notices_only(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.observer("kernel", quiet=True) as observe:
        observe(Progress(step="fetching", share=0.1))
        observe(Notice(text="note: it is old"))
    assert capsys.readouterr() == ("", "note: it is old\n")


def test_patient_observer_shows_no_progress_of_what_is_quick(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with screen.observer("prune", patience_s=3600) as observe:
        observe(Progress(step="fetching", share=0.1))
    assert capsys.readouterr() == ("", "")


def test_observer_on_a_terminal_goes_from_a_status_line_to_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with screen.observer("web") as observe:
        observe(Progress(step="booting"))
        observe(Progress(step="copying", share=0.5))
        observe(Progress(step="log-in"))
    said = capsys.readouterr()
    assert said.out == ""
    for words in ("web: booting", "copying", "web: log-in"):
        assert words in said.err


def test_fields_are_lines() -> None:
    assert screen.fields(Mark(name="vmm.exec", time_ns=5)) == (
        "name:        vmm.exec\ntime_ns:     5"
    )


def test_screen_table_columns_fit_their_content() -> None:
    rows = [["web", "running", "2 hours ago"], ["a-long-name", "", "x"]]
    assert screen.table(["NAME", "STATE", "AGE"], rows).splitlines() == [
        "NAME         STATE    AGE",
        "web          running  2 hours ago",
        "a-long-name           x",
    ]
    assert screen.table(["NAME", "AGE"], []) == "NAME  AGE"


def test_screen_print_json_prints_to_stdout_and_reads_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen.print_json({"marks": (Mark(name="ü", time_ns=1),), "path": Path("/x")})
    said = capsys.readouterr()
    assert json.loads(said.out) == {"marks": [{"name": "ü", "time_ns": 1}], "path": "/x"}
    assert said.out.endswith("}\n")
    assert said.err == ""
