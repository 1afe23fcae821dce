"""bootwright ssh: what ssh is told, and that its status is ours; ssh is a fake."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bootwright.home import Home
from bootwright.machines import control
from tests.machines.fakes import FakeMonitor, held_elsewhere, program
from tests.machines.samples import STATUS, at_rest

Cli = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), ["root@127.0.0.1"]),
        (("--", "ps aux | wc -l"), ["root@127.0.0.1", "--", "ps aux | wc -l"]),
        (("--", "echo", "a b", "--json"), ["root@127.0.0.1", "--", "echo 'a b' --json"]),
    ],
)
def test_ssh_runs_ssh_with_the_guests_address_and_returns_its_status(
    words: tuple[str, ...], told: list[str], home: Home, tmp_path: Path
) -> None:
    program(tmp_path / "bin", "ssh", 'for word; do echo "$word"; done\nexit 7')
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with FakeMonitor(at_rest(home)).running():
        done = subprocess.run(
            [sys.executable, "-m", "bootwright", "ssh", "web", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    said = done.stdout.splitlines()
    assert said[-len(told) :] == told
    assert said[said.index("-p") + 1] == "40001"
    assert "-t" not in said
    assert (done.returncode, done.stderr) == (7, "")


def assert_fails(bootwright: Cli, message: str, hint: str) -> None:
    done = bootwright("ssh", "web", "--", "true")
    assert done.err == f"bootwright: error: {message}\n  hint: {hint}\n"
    assert (done.status, done.out) == (125, "")


def test_ssh_refuses_machines_that_cannot_be_reached(
    bootwright: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_fails(
        *(bootwright, "no machine is called 'web'"),
        "there are no machines; bootwright run makes one",
    )
    folder = at_rest(home)
    assert_fails(bootwright, "machine 'web' is not running", "bootwright start web")
    with FakeMonitor(folder, status=structs.replace(STATUS, ports={})).running():
        assert_fails(bootwright, "machine 'web' has no network", "bootwright logs web")
    with held_elsewhere(folder.lock):
        assert_fails(
            *(bootwright, "the monitor of machine 'web' does not answer"),
            "try again, or end it by force: bootwright rm --force web",
        )
    monkeypatch.setattr(control, "_ANSWER_S", 0.05)
    with FakeMonitor(folder, status=None).running():
        assert_fails(
            *(bootwright, "the monitor of machine 'web' does not answer"),
            "try again, or end it by force: bootwright rm --force web",
        )
