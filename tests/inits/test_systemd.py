"""What the seed carries for systemd, held against what the seed lays down and what phases wait for.

That sshd and systemd take these files is shown by the boots.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bootwright.guest import seed
from bootwright.guest.identity import Identity
from bootwright.guest.seed import Wiring
from bootwright.home import Home
from bootwright.inits import systemd
from bootwright.timeline.phases import START_UP

UNITS = "/seed/run/systemd/system"


@pytest.fixture
def texts() -> dict[str, str]:
    return {path: content.decode() for path, (content, _) in systemd.guest_files().items()}


def test_all_is_laid_into_run_and_readable() -> None:
    files = systemd.guest_files()
    assert all(path.startswith("/seed/run/") for path in files)
    assert {mode for _, mode in files.values()} == {0o644}


def test_ssh_is_reached_under_both_names_and_by_socket(texts: dict[str, str]) -> None:
    drop_ins = {path.removeprefix(f"{UNITS}/") for path in texts if path.startswith(UNITS)}
    assert drop_ins == {
        f"{name}{kind}.d/50-bootwright.conf"
        for name in ("ssh", "sshd")
        for kind in (".service", ".socket", "@.service")
    }


def test_our_own_settings_come_before_the_images(texts: dict[str, str]) -> None:
    lines = texts["/seed/run/bootwright/sshd_config"].splitlines()
    assert lines[-1] == "Include /etc/ssh/sshd_config"
    assert "PasswordAuthentication no" in lines
    assert "KbdInteractiveAuthentication no" in lines
    assert "PermitRootLogin prohibit-password" in lines


def test_every_path_below_run_is_one_that_is_laid_there(texts: dict[str, str], home: Home) -> None:
    named = seed.remember(home, systemd.guest_files())
    identity = Identity(
        hostname="h", machine_id="m", mac="", token="t", host_key="k", host_key_public="p"
    )
    packed = seed.pack(home, named, identity, Wiring(root="/dev/vda"))
    done = subprocess.run(["busybox", "cpio", "-t"], input=packed, capture_output=True, check=True)
    laid = set(done.stdout.decode().splitlines())
    used = {path for text in texts.values() for path in re.findall(r"/run/bootwright/\w+", text)}
    assert {path.rpartition("/")[2] for path in used} == {
        *("authorized_keys", "mark", "sshd_config", "ssh_host_ed25519_key", "token")
    }
    assert {f"seed{path}" for path in used} <= laid


@pytest.mark.parametrize("unit", ["ssh.service", "sshd.service", "ssh@.service"])
def test_a_service_is_given_our_config_in_place_of_its_own(
    unit: str, texts: dict[str, str]
) -> None:
    lines = texts[f"{UNITS}/{unit}.d/50-bootwright.conf"].splitlines()
    starts = [line for line in lines if line.startswith("ExecStart=")]
    assert starts[0] == "ExecStart="  # forgets the unit's own
    assert len(starts) == 2
    assert "-f /run/bootwright/sshd_config" in starts[1]


@pytest.mark.parametrize("unit", ["ssh.service", "ssh.socket", "sshd.service", "sshd.socket"])
def test_the_mark_that_ends_a_phase_is_told_after_the_start(
    unit: str, texts: dict[str, str]
) -> None:
    awaited = {mark for phase in START_UP for mark in phase.ends}
    found = re.search(
        r"^ExecStartPost=-/bin/sh /run/bootwright/mark (\S+)$",
        texts[f"{UNITS}/{unit}.d/50-bootwright.conf"],
        re.MULTILINE,
    )
    assert found is not None
    assert found.group(1) in awaited


def test_the_mark_script_begins_its_line_with_the_token(
    texts: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("feedface")  # as the seed writes it: without a newline
    script = texts["/seed/run/bootwright/mark"]
    assert seed.MARK_PORT in script
    script = script.replace("/run/bootwright", str(tmp_path))
    script = script.replace(seed.MARK_PORT, str(tmp_path / "port"))
    done = subprocess.run(["sh", "-s", "--", "sshd.listening", "now"], input=script.encode())
    assert done.returncode == 0
    assert (tmp_path / "port").read_text() == "feedface sshd.listening now\n"
