"""Every cheap command with standard streams that are closed, full, or cannot show every letter."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping

import pytest

from bootwright.home import Home
from tests.machines.samples import at_rest

COMMANDS = [
    *("", "--version", "nosuch", "ps --json", "logs web", "console web", "ssh nosuch", "rm nosuch"),
    *(
        "image list",
        "history list",
        "run nosuch --dry-run",
        "recipe show --tiny",
        "prune --dry-run",
    ),
]

PLACES = {
    "stdout closed": ">&-",
    "stderr closed": "2>&-",
    "stdin closed": "<&-",
    "all closed": "<&- >&- 2>&-",
    "stdout full": ">/dev/full",
    "stderr full": "2>/dev/full",
    "nobody reads": "| head -c 1",
}


def carried_out(
    command: str, place: str = "", environment: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Let a shell carry out a command; return its status and what it printed."""
    script = f"{shlex.quote(sys.executable)} -m bootwright {command} {place}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("command", ["", "ps --json", "logs web", "logs nosuch"])
def test_streams_that_fail(command: str, place: str, home: Home) -> None:
    at_rest(home).console_log.write_text("web login: " * 10_000)
    status, out, err = carried_out(command)
    got, _, said = carried_out(command, place)
    assert "Traceback" not in said
    assert "Exception" not in said
    if out and place in (">&-", "<&- >&- 2>&-", ">/dev/full"):
        assert got != 0
        if "2>" not in place:
            assert said.endswith("error: cannot write to standard output: " + said.split(": ")[-1])
            assert len(said.splitlines()) == len(err.splitlines()) + 1
    elif "|" not in place:
        assert got == status


ENVIRONMENTS = {
    "C": {"LC_ALL": "C", "LANG": "C"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
    "no locale": {"LC_ALL": "", "LANG": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "dumb": {"TERM": "dumb"},
    "no terminal": {"TERM": ""},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_streams_that_lack_letters(environment: dict[str, str], home: Home) -> None:
    at_rest(home).console_log.write_bytes("web ✓ café \udcff login:".encode("utf-8", "replace"))
    script = "from bootwright.cli.streams import prepare; prepare();"
    script += r"print('\u2713 \u2500 \xe9 \udcff \u4e00')"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    if environment.get("PYTHONIOENCODING") == "ascii":
        assert done.stdout == b"+ - ? \\xff ?\n"
    for command in ("logs web", "run nosuch"):
        status, _, said = carried_out(command)
        got, _, err = carried_out(command, environment=environment)
        assert got == status
        assert "Traceback" not in err
        assert len(err.splitlines()) == len(said.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_with_all_streams_closed(command: str, home: Home) -> None:
    """A descriptor that is free must not become somebody's file and get what is printed."""
    at_rest(home)
    script = f"{shlex.quote(sys.executable)} -m bootwright {command} <&- >&- 2>{home.data}.err"
    subprocess.run(["sh", "-c", script])
    with open(f"{home.data}.err") as said:
        assert "Traceback" not in said.read()
