"""Other inits than the image's own: each makes a computer, of images that know nothing of us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.boots.broken_guests import changed_image
from tests.boots.harness import Bootwright

pytestmark = pytest.mark.boot

_FACTS = """
echo "pid1 $(cat /proc/1/comm)"
echo "tty $(script -qec tty /dev/null | tr -d '\\r')"
echo "processes $(ps aux | wc -l)"
echo "mounts $(findmnt -rno TARGET | tr '\\n' ' ')"
echo "ptmx $(stat -c %a /dev/pts/ptmx) tmp $(stat -c %a /tmp) shm $(stat -c %a /dev/shm)"
echo "name $(hostname) lo $(cat /sys/class/net/lo/operstate) $(ip -br address show eth0)"
for i in $(seq 50); do (sleep 0.3 &); done
sleep 1.5
echo "zombies $(ps -eo stat= | grep -c ^Z)"
"""


def _facts(output: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in output.splitlines() if " " in line)


def _check(facts: dict[str, str], name: str) -> None:
    assert facts["tty"] == "/dev/pts/0"
    assert int(facts["processes"]) > 10
    for target in ("/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run", "/sys/fs/cgroup"):
        assert target in facts["mounts"].split()
    assert facts["ptmx"] == "666 tmp 1777 shm 1777"
    assert facts["name"].split()[:6] == [name, "lo", "unknown", "eth0", "UP", "10.0.2.15/24"]
    assert facts["zombies"] == "0"


@pytest.mark.parametrize("image", ["bookworm", "trixie"])
def test_init_tini_boots_a_machine_that_can_be_kept(
    bootwright: Bootwright, image: str, request: pytest.FixtureRequest
) -> None:
    kernel = {"bookworm": "kernel", "trixie": "debian_13_kernel"}[image]
    options = ("--kernel", request.getfixturevalue(kernel), "--init", "tini", "--name", "small")
    request.getfixturevalue(image)
    done = bootwright("run", image, *options, "--keep", "--", _FACTS + "echo kept >/root/x")
    assert done.returncode == 0, done.stderr
    facts = _facts(done.stdout)
    assert facts["pid1"] == "tini"
    _check(facts, "small")
    # It was shut down in good order, and starts again as what it was.
    [row] = bootwright.json("ps")
    assert (row["state"], row["detail"]) == ("stopped", "")
    assert bootwright("start", "small").returncode == 0
    assert bootwright("ssh", "small", "--", "cat /root/x; exit 3").stdout == "kept\n"
    assert "small: stopped" in bootwright("stop", "small").stderr
    [row] = bootwright.json("ps")
    assert (row["state"], row["detail"]) == ("stopped", "")
    assert bootwright("rm", "small").returncode == 0


def test_init_bare_runs_one_command_and_returns_its_status(
    bootwright: Bootwright, bookworm: str
) -> None:
    done = bootwright(
        "run", bookworm, "--init", "bare", "--name", "one", "--json", "--", _FACTS + "exit 5"
    )
    assert done.returncode == 5, done.stderr
    result = json.loads(done.stdout)
    assert [phase["end_mark"] for phase in result["phases"]][-3:] == [
        "command.start",
        "command.end",
        "machine.gone",
    ]
    facts = _facts(result["output"])
    assert facts["pid1"] == "bare"
    _check(facts, "one")
    assert bootwright.json("ps") == []


def test_init_tini_runs_a_command_in_an_image_without_systemd(
    bootwright: Bootwright, kernel: str, tmp_path: Path
) -> None:
    assert (
        bootwright("image", "build", "least", "--debian", "bookworm", "--minimal").returncode == 0
    )
    done = bootwright("run", "least", "--init", "bare", "--", "cat /etc/debian_version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12.")
    refused = bootwright("run", "least", "--init", "tini", "--", "true")
    assert refused.returncode == 125
    assert "the guest could not start: the image has no /usr/sbin/sshd" in refused.stderr


def test_init_tini_quotes_an_ssh_server_that_fails(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    broken = {"/etc/ssh/sshd_config.d/broken.conf": "Nonsense yes\n"}
    with changed_image(bootwright, bookworm, "broken-tini", tmp_path, broken) as image:
        done = bootwright("run", image, "--init", "tini", "--", "true")
    assert done.returncode == 125
    assert "its SSH server ended instead of listening (exit status 255)" in done.stderr
    assert "Bad configuration option: Nonsense" in done.stderr
