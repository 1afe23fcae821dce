"""Tables: their width, the side of numbers, and colours."""

from __future__ import annotations

import re

import pytest

from bootwright.cli import tables

HEADER = ["NAME", "SIZE", "KERNEL", "SOURCE"]
ROWS = [
    ["web", "377.8 MiB", "debian", "Debian bookworm with nginx and postgresql and htop"],
    ["a-long-name", "5.0 MiB", "debian-trixie", "/srv/disk.raw"],
]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)


def test_table_in_a_pipe_has_one_line_for_each_row() -> None:
    assert tables.table(HEADER, ROWS).splitlines() == [
        "NAME              SIZE  KERNEL         SOURCE",
        "web          377.8 MiB  debian         Debian bookworm with nginx and postgresql and htop",
        "a-long-name    5.0 MiB  debian-trixie  /srv/disk.raw",
    ]


def test_table_on_a_narrow_terminal_drops_and_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert tables.table(HEADER, ROWS, optional=("KERNEL",)).splitlines() == [
        "NAME              SIZE  SOURCE",
        "web          377.8 MiB  Debian bookworm with nginx and",
        "                        postgresql and htop",
        "a-long-name    5.0 MiB  /srv/disk.raw",
    ]


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_table_is_never_wider_than_the_terminal(columns: int) -> None:
    text = tables.table(HEADER, ROWS, columns=columns)
    assert max(map(len, text.splitlines())) <= max(columns, 4 * 10 + 6)
    assert re.sub(r"\s", "", text).count("postgresql") == 1


def test_table_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    rows = [["1", "12.0 ms", "1"], ["12", "-", "x"], ["", "3 s", "3"]]
    assert tables.table(["ID", "T", "U"], rows).splitlines() == [
        "ID        T  U",
        " 1  12.0 ms  1",
        "12        -  x",
        "        3 s  3",
    ]


@pytest.mark.parametrize(
    ("variables", "colored"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"CLICOLOR_FORCE": "1"}, True),
        ({"CLICOLOR_FORCE": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colors_follow_the_environment(
    variables: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tables.colors() is colored
    text = tables.table(["NAME", "STATE"], [["web", "running"]])
    assert ("\x1b[32mrunning\x1b[0m" in text) is colored


@pytest.mark.parametrize(
    ("variables", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"CLICOLOR": "0"}, False)],
)
def test_colors_on_a_terminal(
    variables: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tables.colors() is colored
