"""Running other programs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bootwright.host import commands


def test_output_and_status_are_for_the_caller() -> None:
    done = commands.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)


def test_a_program_gets_no_input() -> None:
    assert commands.run(["cat"]).stdout == ""


def test_output_that_is_no_utf_8_is_kept_as_far_as_it_goes() -> None:
    assert commands.run(["printf", "a\\377b"]).stdout == "a\N{REPLACEMENT CHARACTER}b"


def test_words_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("content")
    assert commands.run(["cat", tmp_path / "a b"]).stdout == "content"


def test_a_missing_program_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        commands.run(["/no/such/program"])


def test_each_command_can_be_pasted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    commands.run(["printf", "%s $HOME", tmp_path / "it's"])
    assert caplog.messages == [f"""+ printf '%s $HOME' '{tmp_path}/it'"'"'s'"""]


def test_nothing_is_said_unless_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    commands.announce(["true"])
    assert caplog.messages == []


def test_programs_speak_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert commands.run(["sh", "-c", "echo $LC_ALL"]).stdout in ("C.UTF-8\n", "C\n")
