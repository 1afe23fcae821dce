"""A machine that stays: what people do with it from other commands."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boots.harness import Bootwright

pytestmark = pytest.mark.boot


@pytest.fixture
def machine(bootwright: Bootwright, bookworm: str) -> Iterator[str]:
    done = bootwright(
        *("run", bookworm, "--detach", "--name", "db"),
        *("--publish", "0:22", "--disk-size", "5G"),
    )
    assert (done.returncode, done.stdout) == (0, "db\n"), done.stderr
    yield "db"
    bootwright("rm", "--force", "db")


def test_run_detach_ps_ssh_and_stop_of_one_machine(
    bootwright: Bootwright, bookworm: str, machine: str, tmp_path: Path
) -> None:
    [row] = bootwright.json("ps")
    assert (row["name"], row["state"], row["image"]) == ("db", "running", "bookworm")
    [port] = row["ports"].values()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        assert connection.recv(4) == b"SSH-"
    _listens_on_loopback_only(port)

    # Commands, and their statuses.
    done = bootwright("ssh", machine, "--", "sh", "-c", 'echo "$1"; exit 4', "sh", "two words")
    assert (done.returncode, done.stdout) == (4, "two words\n")
    size = bootwright("ssh", machine, "--", "df --output=size -BM / | tail -1").stdout
    assert int(size.strip().rstrip("M")) > 4600

    # Files, both ways.
    (tmp_path / "given").write_text("from the host\n")
    assert bootwright("cp", tmp_path / "given", f"{machine}:/root/given").returncode == 0
    assert bootwright("cp", f"{machine}:/root/given", tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_text() == "from the host\n"
    assert "login:" in bootwright("logs", machine).stdout

    # It is in the way of what would harm it.
    second = bootwright("run", bookworm, "--name", "db", "--", "true")
    assert second.returncode == 125
    assert "a machine named 'db' already exists" in second.stderr
    assert "is running" in bootwright("rm", "db").stderr
    assert "used by machine db" in bootwright("image", "rm", bookworm).stderr
    assert "already running" in bootwright("start", "db").stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        refused = bootwright("run", bookworm, "--publish", f"{busy}:80", "--", "true")
    assert refused.returncode == 125
    assert f"port {busy} of 127.0.0.1 is already in use" in refused.stderr

    # It stops, stays, and starts again as what it was.
    assert "db: stopped" in bootwright("stop", "db").stderr
    assert bootwright.json("ps")[0]["state"] == "stopped"
    assert "machine 'db' is not running" in bootwright("ssh", "db").stderr
    started = bootwright("start", "db", "--json")
    assert started.returncode == 0, started.stderr
    assert len(json.loads(started.stdout)["phases"]) == 7
    done = bootwright("ssh", "db", "--", "cat", "/root/given", "/etc/hostname")
    assert done.stdout == "from the host\ndb\n"
    assert bootwright("rm", "--force", "db").returncode == 0
    assert bootwright.json("ps") == []


def test_console_shows_output_and_sends_keys(bootwright: Bootwright, machine: str) -> None:
    # A name and no password: the guest's own log-in program answers, and lets nobody in.
    with bootwright.start("console", machine) as console:
        console.terminate()
    done = bootwright("console", machine, input=b"\rroot\r\x1d")
    assert done.returncode == 0
    assert "Ctrl-] leaves it" in done.stderr


def test_run_keep_stops_the_machine_and_start_boots_it_again(
    bootwright: Bootwright, bookworm: str
) -> None:
    done = bootwright("run", bookworm, "--keep", "--name", "kept", "--", "echo x >/root/x")
    assert done.returncode == 0, done.stderr
    assert bootwright.json("ps")[0]["state"] == "stopped"
    assert bootwright("start", "kept").returncode == 0
    assert bootwright("ssh", "kept", "--", "cat /root/x").stdout == "x\n"
    assert bootwright("rm", "-f", "kept").returncode == 0


def _listens_on_loopback_only(port: int) -> None:
    """Look the port up among the host's listening sockets. Source: proc(5), /proc/net/tcp."""
    addresses = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, hexadecimal = local.partition(":")
            if state == "0A" and int(hexadecimal, 16) == port:
                addresses.append(address)
    assert addresses == ["0100007F"]
