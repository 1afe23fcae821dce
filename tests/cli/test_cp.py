"""bootwright cp: which side is the guest's, and what scp is told; scp is a fake."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.home import Home
from tests.machines.fakes import FakeMonitor, program
from tests.machines.samples import at_rest

Cli = Callable[..., Any]


@pytest.mark.parametrize(
    "paths",
    [
        ("a", "b"),
        ("./a:b", "/c:d"),
        ("web:/a", "web:/b"),
        ("web:/a", "db:/b", "here"),
        ("web:/a", "b", "here"),
        ("a", "web:/b", "db:/c"),
    ],
)
def test_cp_needs_a_machine_on_exactly_one_side(paths: tuple[str, ...], bootwright: Cli) -> None:
    done = bootwright("cp", *paths)
    assert done.err == (
        f"bootwright: error: cannot copy {' '.join(paths[:-1])} to {paths[-1]}\n"
        "  hint: give one machine, on one side: cp FILE... NAME:PATH, or cp NAME:PATH... FOLDER\n"
    )
    assert (done.status, done.out) == (2, "")


def test_cp_needs_a_target(bootwright: Cli) -> None:
    done = bootwright("cp", "web:/a")
    assert done.err == (
        "bootwright: error: cp needs a source and a target\n  hint: bootwright cp FILE NAME:/PATH\n"
    )
    assert done.status == 2


def test_cp_refuses_an_unknown_machine(bootwright: Cli) -> None:
    done = bootwright("cp", "file", "web:/file")
    assert done.err.startswith("bootwright: error: no machine is called 'web'\n  hint: ")
    assert done.status == 2


def test_cp_refuses_a_stopped_machine(bootwright: Cli, home: Home) -> None:
    at_rest(home)
    done = bootwright("cp", "file", "web:/file")
    assert done.err == (
        "bootwright: error: machine 'web' is not running\n  hint: bootwright start web\n"
    )
    assert done.status == 2


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (("app.conf", "web:/etc/app.conf"), ["./app.conf", "root@127.0.0.1:/etc/app.conf"]),
        (("web:/var/log", "./logs"), ["root@127.0.0.1:/var/log", "./logs"]),
        (("web:a", "web:b:c", "d"), ["root@127.0.0.1:a", "root@127.0.0.1:b:c", "./d"]),
        (("--", "-f", "/x:y", "web:"), ["./-f", "/x:y", "root@127.0.0.1:"]),
    ],
)
def test_cp_runs_scp_with_the_guests_address_and_returns_its_status(
    paths: tuple[str, ...], told: list[str], home: Home, tmp_path: Path
) -> None:
    program(tmp_path / "bin", "scp", 'for word; do echo "$word"; done\nexit 7')
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    folder = at_rest(home)
    with FakeMonitor(folder).running():
        # In a process of its own, as it becomes scp.
        done = subprocess.run(
            [sys.executable, "-m", "bootwright", "cp", *paths],
            env=environment,
            capture_output=True,
            text=True,
        )
    words = done.stdout.splitlines()
    assert words[words.index("--") + 1 :] == told
    assert words[words.index("-P") + 1] == "40001"
    assert f'IdentityFile="{home.keys}/id_ed25519"' in words
    assert f'UserKnownHostsFile="{folder.known_hosts}"' in words
    assert (done.returncode, done.stderr) == (7, "")
