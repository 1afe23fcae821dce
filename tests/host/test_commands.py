"""Running other programs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bootwright.host import commands


def test_commands_run_returns_output_and_status() -> None:
    done = commands.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)


def test_commands_run_gives_no_input() -> None:
    assert commands.run(["cat"]).stdout == ""


def test_commands_run_replaces_output_that_is_not_utf_8() -> None:
    assert commands.run(["printf", "a\\377b"]).stdout == "a\N{REPLACEMENT CHARACTER}b"


def test_commands_run_splits_no_words(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("content")
    assert commands.run(["cat", tmp_path / "a b"]).stdout == "content"


def test_commands_run_names_a_missing_program() -> None:
    with pytest.raises(FileNotFoundError):
        commands.run(["/no/such/program"])


def test_commands_run_debug_prints_commands_ready_to_paste(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    commands.run(["printf", "%s $HOME", tmp_path / "it's"])
    assert caplog.messages == [f"""+ printf '%s $HOME' '{tmp_path}/it'"'"'s'"""]


def test_commands_announce_is_silent_without_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    commands.announce(["true"])
    assert caplog.messages == []


def test_commands_run_sets_an_english_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert commands.run(["sh", "-c", "echo $LC_ALL"]).stdout in ("C.UTF-8\n", "C\n")
