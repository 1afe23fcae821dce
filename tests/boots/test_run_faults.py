"""What goes wrong, and that nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.boots.harness import Bootwright, until
from tests.boots.kills import MONITOR, pids

pytestmark = pytest.mark.boot


def _start_long(bootwright: Bootwright, kernel: str) -> subprocess.Popen[bytes]:
    """Start a tiny guest that runs for long; return when its command runs."""
    process = bootwright.start(
        *("run", "--tiny", "--kernel", kernel, "--name", "long", "--"),
        "echo the command runs; sleep 600",
    )
    assert process.stdout is not None
    seen = b""
    while b"the command runs" not in seen:
        data = os.read(process.stdout.fileno(), 4096)
        assert data, seen
        seen += data
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_interrupted_ends_its_machine(
    bootwright: Bootwright, kernel: str, number: signal.Signals
) -> None:
    process = _start_long(bootwright, kernel)
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert b"Traceback" not in output
    assert output.count(b"nothing is left") == 1
    assert list(bootwright.logs.glob("*.console")) == []


@pytest.mark.parametrize("delay_s", [0.05, 0.2, 0.3, 0.6])
def test_run_interrupted_during_start_up_leaves_nothing(
    bootwright: Bootwright, kernel: str, delay_s: float
) -> None:
    process = bootwright.start("run", "--tiny", "--kernel", kernel, "--", "sleep 600")
    time.sleep(delay_s)  # this is the case itself: an interrupt at some point of the start
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    if b"Traceback" in output and b", in main" not in output:
        return  # Python itself was still starting, and answers so before anything of ours runs
    # Before Python has set up its handlers, the signal's own effect ends the process.
    assert process.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in output


def test_image_build_interrupted_leaves_no_image(
    bootwright: Bootwright, kernel: str, tmp_path: Path
) -> None:
    store = {"XDG_DATA_HOME": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    alone = Bootwright(
        environment={**bootwright.environment, **store},
        machines=bootwright.machines,
        logs=bootwright.logs,
    )
    process = alone.start("image", "build", "x", "--debian", "bookworm", "--minimal")
    assert process.stdout is not None
    seen = b""
    while b"installing essential packages" not in seen:
        data = os.read(process.stdout.fileno(), 4096)
        assert data, seen
        seen += data
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in output
    images = tmp_path / "data" / "bootwright" / "images"
    assert sorted(p.name for p in images.iterdir()) == ["staging"]
    assert list((images / "staging").iterdir()) == []
    assert alone.json("image", "list") == []


def test_run_killed_ends_its_machine(bootwright: Bootwright, kernel: str) -> None:
    process = _start_long(bootwright, kernel)
    process.kill()
    process.communicate()
    until(lambda: not bootwright.processes(), "the monitor to give everything back")
    assert bootwright.json("ps") == []


def test_run_with_a_killed_monitor_ends_the_vmm_and_is_cleaned_up(
    bootwright: Bootwright, kernel: str
) -> None:
    process = _start_long(bootwright, kernel)
    [monitor] = pids(bootwright, MONITOR)
    os.kill(monitor, signal.SIGKILL)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 125
    assert b"the monitor of machine 'long' died" in output
    until(lambda: not pids(bootwright, "qemu-system"), "QEMU to end")
    assert bootwright.json("ps") == []


def test_run_reports_a_killed_vmm(bootwright: Bootwright, kernel: str) -> None:
    process = _start_long(bootwright, kernel)
    [vmm] = pids(bootwright, "qemu-system")
    os.kill(vmm, signal.SIGKILL)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 125
    assert b"the VMM died (exit status -9)" in output


def test_run_reports_a_guest_that_powers_off_during_its_command(
    bootwright: Bootwright, bookworm: str
) -> None:
    done = bootwright("run", bookworm, "--", "poweroff -f & sleep 60")
    assert done.returncode == 255
    assert "went away while the command ran" in done.stderr


def test_run_timeout_says_how_far_the_boot_came(bootwright: Bootwright, bookworm: str) -> None:
    done = bootwright("run", bookworm, "--timeout", "1", "--", "true")
    assert done.returncode == 125
    assert "the guest was not ready after 1 s; its last mark was vmm.running" in done.stderr
    assert "--timeout" in done.stderr


def test_run_names_an_image_without_an_init(
    bootwright: Bootwright, kernel: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    disk = folder / "empty.ext4"
    (folder / "tree/etc").mkdir(parents=True)
    command: list[str | Path] = [
        "/sbin/mke2fs",
        "-q",
        "-t",
        "ext4",
        "-d",
        folder / "tree",
        disk,
        "16M",
    ]
    subprocess.run(command, check=True)
    imported = bootwright("image", "import", "empty", disk)
    assert imported.returncode == 0
    assert "has no /sbin/init and no /usr/sbin/sshd" in imported.stderr
    assert "bootwright run empty --init bare" in imported.stderr
    try:
        done = bootwright("run", "empty", "--kernel", kernel, "--", "true")
    finally:
        bootwright("image", "rm", "empty")
    assert done.returncode == 125
    assert "the guest could not start: the image has no /sbin/init" in done.stderr
    assert "--init bare runs one command without an init" in done.stderr


def test_run_names_missing_programs(bootwright: Bootwright, kernel: str, tmp_path: Path) -> None:
    poor = Bootwright(
        environment={**bootwright.environment, "PATH": str(tmp_path)},
        machines=bootwright.machines,
        logs=bootwright.logs,
    )
    done = poor("run", "--tiny", "--kernel", kernel, "--", "true")
    assert done.returncode == 125
    assert "not installed here: qemu-system-x86_64 (boots machines)" in done.stderr
    assert "sudo apt-get install qemu-system-x86" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which needs root")
def test_run_names_a_full_disk(bootwright: Bootwright, kernel: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", small], check=True)
    try:
        environment = {**bootwright.environment, "XDG_STATE_HOME": str(small)}
        crowded = Bootwright(environment=environment, machines=small / "m", logs=small / "l")
        done = crowded("run", "--tiny", "--kernel", kernel, "--", "true")
        assert done.returncode == 125
        assert "needs 64 MiB, but" in done.stderr
        environment["XDG_DATA_HOME"] = str(small)
        for command in (
            ("image", "build", "x", "--debian", "bookworm"),
            ("kernel", "add", "debian"),
        ):
            done = crowded(*command)
            assert done.returncode == 1
            assert "MiB free" in done.stderr
        assert not list(small.rglob("sha256-*"))
    finally:
        subprocess.run(["umount", small], check=True)
