"""A fact that cannot be found out is a finding, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootwright.doctor.check import Check, asked
from bootwright.errors import HostError

_OK = Check(area="host", name="CPUs", state="ok", text="2")


def test_asked_returns_the_checks() -> None:
    assert asked("CPUs", lambda: [_OK, _OK]) == [_OK, _OK]
    assert asked("CPUs", list) == []


def _unread(path: Path) -> Iterator[Check]:
    yield _OK
    path.read_text()


def test_asked_turns_a_missing_file_into_a_note(tmp_path: Path) -> None:
    path = tmp_path / "file-nr"
    assert asked("open files", lambda: _unread(path)) == [
        Check(
            area="host",
            name="open files",
            state="note",
            text=f"this could not be found out: {path}: No such file or directory",
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
def test_asked_gives_the_reason_of_other_errors(error: Exception, why: str) -> None:
    [check] = asked("keys", lambda: _raises(error), area="ours")
    assert (check.area, check.name, check.state) == ("ours", "keys", "note")
    assert check.text == f"this could not be found out: {why}"
    assert check.hint == ""


def test_asked_keeps_the_hint_of_an_error() -> None:
    error = HostError("/proc/meminfo cannot be read", hint="mount -t proc proc /proc")
    [check] = asked("memory", lambda: _raises(error))
    assert check.text == "this could not be found out: /proc/meminfo cannot be read"
    assert check.hint == "mount -t proc proc /proc"


def test_asked_does_not_hide_programming_errors() -> None:
    with pytest.raises(TypeError):
        asked("CPUs", lambda: _raises(TypeError("a bug")))
