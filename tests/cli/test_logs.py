"""bootwright logs: of this run, the one before, one that is gone, and one that goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from bootwright.home import Home
from bootwright.machines.messages import AttachConsole
from tests.machines.fakes import FakeMonitor
from tests.machines.samples import at_rest, made

Cli = Callable[..., Any]

PRINTED = "Linux version 6.1\nweb login: "


@pytest.mark.parametrize("options", [(), ("--follow",), ("-f", "--previous"), ("--previous",)])
def test_logs_print_all_of_a_stopped_machine(
    options: tuple[str, ...], bootwright: Cli, home: Home
) -> None:
    folder = at_rest(home)
    folder.console_log.write_text("this run")
    folder.previous_console_log.write_text("the run before")
    done = bootwright("logs", *options, "web")
    expected = "the run before" if "--previous" in options else "this run"
    assert (done.status, done.out, done.err) == (0, expected, "")


def test_logs_do_not_ask_the_monitor_of_a_running_machine(bootwright: Cli, home: Home) -> None:
    folder = at_rest(home)
    folder.console_log.write_text(PRINTED)
    with FakeMonitor(folder).running() as monitor:
        assert bootwright("logs", "web").out == PRINTED
    assert monitor.heard == []


def test_logs_follow_begins_at_the_first_byte(bootwright: Cli, home: Home) -> None:
    text = PRINTED * 20_000  # more than is read at once
    with FakeMonitor(at_rest(home), console=text.encode()).running() as monitor:
        done = bootwright("logs", "--follow", "web")
    assert (done.status, done.out, done.err) == (0, text, "")
    assert monitor.heard == [AttachConsole(from_byte=0)]


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            (),
            "machine 'web' has written nothing yet",
            "follow it: bootwright logs -f web",
        ),
        (("--previous",), "machine 'web' has no earlier run", "leave out --previous"),
    ],
)
def test_logs_of_a_run_without_a_log(
    options: tuple[str, ...], message: str, hint: str, bootwright: Cli, home: Home
) -> None:
    at_rest(home)
    done = bootwright("logs", *options, "web")
    assert done.err == f"bootwright: error: {message}\n  hint: {hint}\n"
    assert (done.status, done.out) == (2, "")


def test_logs_of_a_removed_machine_are_its_newest_saved_console(
    bootwright: Cli, home: Home
) -> None:
    home.logs.mkdir(parents=True)
    stamps = ("20260101T000000-9", "20260102T000000-7", "20251231T000000-8")
    for age, stamp in enumerate(stamps):
        saved = home.logs / f"web-{stamp}.console"
        saved.write_text(f"console {stamp}")
        os.utime(saved, (1_700_000_000 - age, 1_700_000_000 - age))
    (home.logs / "other-20270101T000000-1.console").write_text("another machine's")
    made(home, "web").console_log.write_text("dead, and removed now")
    done = bootwright("logs", "web")
    saved = home.logs / f"web-{stamps[0]}.console"
    assert (done.status, done.out) == (0, f"console {stamps[0]}")
    assert done.err == f"machine 'web' is gone; this is {saved}\n"


def test_logs_refuse_an_unknown_name(bootwright: Cli, home: Home) -> None:
    at_rest(home, "db")
    done = bootwright("logs", "web")
    assert (done.status, done.out) == (2, "")
    assert done.err == "bootwright: error: no machine is called 'web'\n  hint: there are: db\n"


ESCAPES = b"\x1b[32mOK\x1b[0m\x1b[6n\x1b]0;t\x07\x1b[2J ready\r\nweb login: "


def test_logs_are_plain_text_when_piped(bootwright: Cli, home: Home) -> None:
    folder = at_rest(home)
    folder.console_log.write_bytes(ESCAPES)
    assert bootwright("logs", "web").out == "OK ready\nweb login: "
    with FakeMonitor(folder, console=ESCAPES).running():
        assert bootwright("logs", "-f", "web").out == "OK ready\nweb login: "


def test_logs_keep_colours_alone_on_a_terminal(
    bootwright: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_rest(home).console_log.write_bytes(ESCAPES)
    monkeypatch.setattr("bootwright.cli.screen.has_colours", lambda: True)
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    assert bootwright("logs", "web").out == "\x1b[32mOK\x1b[0m ready\nweb login: "
