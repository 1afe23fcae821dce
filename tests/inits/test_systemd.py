"""What the initramfs carries for systemd, compared with what it copies and what phases wait for.

That sshd and systemd take these files is shown by the boots.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.guest import initramfs
from bootwright.guest.identity import Identity
from bootwright.guest.initramfs import InitSettings, RootMount
from bootwright.home import Home
from bootwright.inits import systemd
from bootwright.inits.sshd import SERVER
from bootwright.timelines.phases import START_UP
from tests.machines.fakes import program

Told = Callable[..., list[str]]
UNITS = "/bootwright/run/systemd/system"


@pytest.fixture
def texts() -> dict[str, str]:
    return {path: content.decode() for path, (content, _) in systemd.guest_files().items()}


def test_systemd_guest_files_lie_in_run_and_are_readable() -> None:
    files = systemd.guest_files()
    assert all(path.startswith("/bootwright/run/") for path in files)
    assert {mode for _, mode in files.values()} == {0o644}


def test_systemd_guest_files_cover_ssh_sshd_and_their_socket(texts: dict[str, str]) -> None:
    drop_ins = {path.removeprefix(f"{UNITS}/") for path in texts if path.startswith(UNITS)}
    assert drop_ins == {
        "bootwright-ssh-given-up.service",
        *(f"{mode}.service.d/50-bootwright.conf" for mode in ("emergency", "rescue")),
    } | {
        f"{name}{kind}.d/50-bootwright.conf"
        for name in ("ssh", "sshd")
        for kind in (".service", ".socket", "@.service")
    }


def test_systemd_sshd_config_includes_the_images_after_ours(texts: dict[str, str]) -> None:
    lines = texts["/bootwright/run/bootwright/sshd_config"].splitlines()
    assert lines[-1] == "Include /etc/ssh/sshd_config"
    assert "PasswordAuthentication no" in lines
    assert "KbdInteractiveAuthentication no" in lines
    assert "PermitRootLogin prohibit-password" in lines


def test_systemd_paths_below_run_are_all_provided(texts: dict[str, str], home: Home) -> None:
    named = initramfs.store_guest_files(home, systemd.guest_files())
    identity = Identity(
        hostname="h", machine_id="m", mac="", token="t", host_key="k", host_key_public="p"
    )
    packed = initramfs.pack_initramfs(
        home, named, identity, InitSettings(root=RootMount(device="/dev/vda"))
    )
    done = subprocess.run(["busybox", "cpio", "-t"], input=packed, capture_output=True, check=True)
    laid = set(done.stdout.decode().splitlines())
    used = {path for text in texts.values() for path in re.findall(r"/run/bootwright/[\w-]+", text)}
    assert {path.rpartition("/")[2] for path in used} == {
        *("authorized_keys", "emergency", "mark", "sshd-failed", "sshd_config"),
        *("ssh_host_ed25519_key", "token"),
    }
    assert {f"bootwright{path}" for path in used} <= laid


@pytest.mark.parametrize("unit", ["ssh.service", "sshd.service", "ssh@.service"])
def test_systemd_drop_in_replaces_the_config_of_sshd(unit: str, texts: dict[str, str]) -> None:
    lines = texts[f"{UNITS}/{unit}.d/50-bootwright.conf"].splitlines()
    starts = [line for line in lines if line.startswith("ExecStart=")]
    assert starts[0] == "ExecStart="  # forgets the unit's own
    assert len(starts) == 2
    assert "-f /run/bootwright/sshd_config" in starts[1]
    assert f"{SERVER} " in starts[1]


@pytest.mark.parametrize("unit", ["ssh.service", "sshd.service"])
def test_systemd_drop_in_checks_the_config_before_the_start(
    unit: str, texts: dict[str, str]
) -> None:
    lines = texts[f"{UNITS}/{unit}.d/50-bootwright.conf"].splitlines()
    assert [line for line in lines if line.startswith("ExecStartPre=")] == [
        "ExecStartPre=",  # forgets the unit's own, which tests another file
        f"ExecStartPre={SERVER} -t -f /run/bootwright/sshd_config",
    ]


@pytest.mark.parametrize("unit", ["ssh", "sshd"])
def test_systemd_drop_in_reports_only_the_servers_own_end(unit: str, texts: dict[str, str]) -> None:
    tell = "ExecStopPost=-/bin/sh /run/bootwright/sshd-failed %n"
    assert tell in texts[f"{UNITS}/{unit}.service.d/50-bootwright.conf"].splitlines()
    for kind in (".socket", "@.service"):
        assert "ExecStopPost" not in texts[f"{UNITS}/{unit}{kind}.d/50-bootwright.conf"]


@pytest.mark.parametrize("unit", ["ssh.service", "ssh.socket", "sshd.service", "sshd.socket"])
def test_systemd_drop_in_sends_the_mark_after_the_start(unit: str, texts: dict[str, str]) -> None:
    awaited = {mark for phase in START_UP for mark in phase.ends}
    found = re.search(
        r"^ExecStartPost=-/bin/sh /run/bootwright/mark (\S+)$",
        texts[f"{UNITS}/{unit}.d/50-bootwright.conf"],
        re.MULTILINE,
    )
    assert found is not None
    assert found.group(1) in awaited


def test_mark_script_begins_its_line_with_the_token(texts: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("feedface")  # as the initramfs writes it: without a newline
    script = texts["/bootwright/run/bootwright/mark"]
    assert initramfs.MARK_PORT in script
    script = script.replace("/run/bootwright", str(tmp_path))
    script = script.replace(initramfs.MARK_PORT, str(tmp_path / "port"))
    done = subprocess.run(["sh", "-s", "--", "sshd.listening", "now"], input=script.encode())
    assert done.returncode == 0
    assert (tmp_path / "port").read_text() == "feedface sshd.listening now\n"


@pytest.fixture
def told(texts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return what runs the script for a server that has ended, and gives the marks it wrote."""
    (tmp_path / "token").write_text("feedface")
    for name in ("mark", "sshd-failed"):
        script = texts[f"/bootwright/run/bootwright/{name}"].replace(
            "/run/bootwright", str(tmp_path)
        )
        (tmp_path / name).write_text(script.replace(initramfs.MARK_PORT, str(tmp_path / "port")))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    def tell(journalctl: str, result: str, exit_status: str = "255") -> list[str]:
        program(tmp_path / "bin", "journalctl", f'echo "$@" >{tmp_path}/asked\n{journalctl}')
        # Every echo opens the port anew; a serial port is not cut short by that, but a file is.
        (tmp_path / "mark").write_text((tmp_path / "mark").read_text().replace(" >", " >>"))
        environment = {**os.environ, "SERVICE_RESULT": result, "EXIT_STATUS": exit_status}
        argv = ["sh", str(tmp_path / "sshd-failed"), "ssh.service"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        port = tmp_path / "port"
        return port.read_text().splitlines() if port.exists() else []

    return tell


def test_stop_script_ignores_a_server_that_was_stopped(told: Told, tmp_path: Path) -> None:
    assert told("echo something", "success") == []
    assert not (tmp_path / "asked").exists()


def test_stop_script_sends_what_a_failed_server_printed(told: Told, tmp_path: Path) -> None:
    said = (
        r"""printf '%s\n' 'line 3: Bad configuration option: $(touch x)' '  terminating, "1" *'"""
    )
    assert told(said, "exit-code") == [
        "feedface sshd.log line 3: Bad configuration option: $(touch x)",
        'feedface sshd.log terminating, "1" *',
        "feedface sshd.failed exit-code, exit status 255",
    ]
    assert (tmp_path / "asked").read_text() == (
        "--boot --unit ssh.service --lines 5 --output cat --no-pager\n"
    )


@pytest.mark.parametrize("journalctl", ["exit 1", "exit 0"])
def test_stop_script_sends_a_failure_without_output(journalctl: str, told: Told) -> None:
    assert told(journalctl, "signal") == ["feedface sshd.failed signal, exit status 255"]


def test_stop_script_of_a_server_that_never_ran(told: Told) -> None:
    assert told("exit 0", "start-limit-hit", "") == [
        "feedface sshd.failed start-limit-hit",
        "feedface sshd.given-up",
    ]
