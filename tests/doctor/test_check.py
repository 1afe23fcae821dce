"""A fact that cannot be found out is a finding, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.doctor.check import Check, run_check
from bootwright.errors import HostError

_OK = Check(area="host", name="CPUs", state="ok", text="2")


def test_run_check_returns_the_checks() -> None:
    assert run_check("CPUs", lambda: [_OK, _OK]) == [_OK, _OK]
    assert run_check("CPUs", list) == []


def _unread(path: Path) -> Iterator[Check]:
    yield _OK
    path.read_text()


def test_run_check_turns_a_missing_file_into_a_note(tmp_path: Path) -> None:
    path = tmp_path / "file-nr"
    assert run_check("open files", lambda: _unread(path)) == [
        Check(
            area="host",
            name="open files",
            state="note",
            text=f"cannot check: {path}: No such file or directory",
        )
    ]


def _raises(error: Exception) -> list[Check]:
    raise error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(5, "Input/output error"), "Input/output error"),
        (OSError("in a word"), "in a word"),
        (
            ValueError("invalid literal for int(): 'x'"),
            "ValueError: invalid literal for int(): 'x'",
        ),
        (IndexError("list index out of range"), "IndexError: list index out of range"),
    ],
)
def test_run_check_gives_the_reason_of_other_errors(error: Exception, why: str) -> None:
    [check] = run_check("keys", lambda: _raises(error), area="bootwright")
    assert (check.area, check.name, check.state) == ("bootwright", "keys", "note")
    assert check.text == f"cannot check: {why}"
    assert check.hint == ""


def test_run_check_keeps_the_hint_of_an_error() -> None:
    error = HostError("/proc/meminfo cannot be read", hint="mount -t proc proc /proc")
    [check] = run_check("memory", lambda: _raises(error))
    assert check.text == "cannot check: /proc/meminfo cannot be read"
    assert check.hint == "mount -t proc proc /proc"


def test_run_check_does_not_hide_programming_errors() -> None:
    with pytest.raises(TypeError):
        run_check("CPUs", lambda: _raises(TypeError("a bug")))
