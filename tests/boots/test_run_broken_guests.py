"""Guests that go wrong: each is found in bounded time and reported as what it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.boots.broken_guests import changed_image, full_image, hanging_kernel
from tests.boots.harness import Bootwright, until

pytestmark = pytest.mark.boot


def _log_of(done: subprocess.CompletedProcess[str], bootwright: Bootwright) -> str:
    """Return the whole console that the message says where to find."""
    [console] = bootwright.logs.glob("*.console")
    assert f"the whole console is in {console}" in done.stderr
    return console.read_text(errors="replace")


def test_run_reports_a_kernel_that_hangs_before_its_console(
    bootwright: Bootwright, tmp_path: Path
) -> None:
    kernel = hanging_kernel(tmp_path / "vmlinux")
    assert bootwright("kernel", "add", kernel, "--name", "hangs").returncode == 0
    try:
        done = bootwright("run", "--tiny", "--kernel", "hangs", "--timeout", "3", "--", "true")
    finally:
        bootwright("kernel", "rm", "hangs")
    assert done.returncode == 125
    assert "not ready after 3 s; its last mark was vmm.running" in done.stderr
    assert "its kernel printed nothing: it hangs before its console" in done.stderr
    assert _log_of(done, bootwright) == ""


def test_run_reports_a_kernel_panic(bootwright: Bootwright, kernel: str) -> None:
    done = bootwright(
        "run", "--tiny", "--kernel", kernel, "--", "echo c >/proc/sysrq-trigger; sleep 60"
    )
    assert done.returncode == 125
    assert "the guest's kernel panicked: sysrq triggered crash" in done.stderr
    assert "sysrq triggered crash" in _log_of(done, bootwright)


def test_run_tiny_reports_a_guest_that_powers_off_early(
    bootwright: Bootwright, kernel: str
) -> None:
    # q35, as microvm without ACPI has nothing that a guest could switch off.
    options = ("--kernel", kernel, "--machine-type", "q35", "--name", "leaves")
    done = bootwright("run", "--tiny", *options, "--", "poweroff -f")
    assert done.returncode == 125
    assert "the guest powered itself off before anybody logged in" in done.stderr
    _log_of(done, bootwright)
    # The console of a machine that is gone can still be asked for by its name.
    logs = bootwright("logs", "leaves")
    assert logs.returncode == 0
    assert "machine 'leaves' is gone; this is " in logs.stderr


def test_run_reports_a_guest_that_powers_off_during_its_boot(
    bootwright: Bootwright, bookworm: str
) -> None:
    done = bootwright("run", bookworm, "--append", "systemd.unit=poweroff.target", "--", "true")
    assert done.returncode == 125
    assert "the guest powered itself off before anybody logged in" in done.stderr
    assert "Traceback" not in done.stderr
    _log_of(done, bootwright)


def test_run_reports_a_guest_whose_ssh_server_never_starts(
    bootwright: Bootwright, bookworm: str
) -> None:
    # The console's prompt shows that all else is up; a fifth of the time is given from there on.
    masked = ("--append", "systemd.mask=ssh.service", "--timeout", "100")
    done = bootwright("run", bookworm, *masked, "--", "true")
    assert done.returncode == 125
    assert "the system is up (its console shows a login prompt)" in done.stderr
    assert "its SSH server does not listen" in done.stderr
    assert "login:" in _log_of(done, bootwright)


def test_run_quotes_an_ssh_server_that_fails(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    broken = {"/etc/ssh/sshd_config.d/broken.conf": "Nonsense yes\n"}
    with changed_image(bootwright, bookworm, "broken", tmp_path, broken) as image:
        done = bootwright("run", image, "--", "true")
    assert done.returncode == 125
    assert "its SSH server ended instead of listening (exit-code)" in done.stderr
    assert "Bad configuration option: Nonsense" in done.stderr


def test_run_reports_a_guest_that_refuses_the_key(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    closed = {"/etc/ssh/sshd_config.d/closed.conf": "DenyUsers root\n"}
    with changed_image(bootwright, bookworm, "closed", tmp_path, closed) as image:
        done = bootwright("run", image, "--", "true")
    assert done.returncode == 125
    assert "the guest refused bootwright's SSH key" in done.stderr
    assert "Permission denied" in done.stderr
    _log_of(done, bootwright)


def test_run_reports_a_guest_that_asks_for_a_password_at_once(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    asking = (
        "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n"
        "ExecStart=systemd-ask-password --timeout=0 "
        "'Please enter passphrase for disk vda2_crypt:'\n"
    )
    # A unit that every boot starts, and whose start waits for the answer.
    files = {"/lib/systemd/system/systemd-sysctl.service": asking}
    with changed_image(bootwright, bookworm, "asks", tmp_path, files) as image:
        done = bootwright("run", image, "--timeout", "200", "--", "true")
    assert done.returncode == 125
    assert "it asks for a password on its console, where nobody types" in done.stderr
    assert "Please enter passphrase for disk vda2_crypt" in done.stderr
    assert "/etc/crypttab" in done.stderr
    assert "Please enter passphrase" in _log_of(done, bootwright)


def test_run_names_an_image_without_an_ssh_server(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    with changed_image(bootwright, bookworm, "mute", tmp_path, {"/usr/sbin/sshd": None}) as image:
        done = bootwright("run", image, "--", "true")
    assert done.returncode == 125
    assert "the guest could not start: the image has no /usr/sbin/sshd" in done.stderr


def test_run_reports_a_guest_whose_disk_is_full(
    bootwright: Bootwright, bookworm: str, tmp_path: Path
) -> None:
    with full_image(bootwright, bookworm, "full", tmp_path) as image:
        done = bootwright("run", image, "--", "echo x >/root/x")
    assert "the guest's root filesystem is full (" in done.stderr
    assert "Traceback" not in done.stderr
    # It still lets us in, and the command's own failure is passed on.
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return what makes a small disk, or changes its size."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)

    def resize(size: str) -> Path:
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
        return folder

    yield resize
    subprocess.run(["umount", folder], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which needs root")
def test_run_reports_a_host_disk_that_runs_full(
    bootwright: Bootwright, bookworm: str, small: Callable[[str], Path]
) -> None:
    folder = small("70m")
    own = Bootwright(
        environment={**bootwright.environment, "XDG_STATE_HOME": str(folder)},
        machines=folder / "bootwright/machines",
        logs=folder / "bootwright/logs",
    )
    # In mid-boot, with more written to the disk than there is room for.
    filler = folder / "filler"
    process = own.start("run", bookworm, "--name", "early", "--", "true")
    until((own.machines / "early/disk.qcow2").exists, "the machine's disk")
    filler.write_bytes(bytes(66 << 20))
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 125, output
    assert b"is full: the guest cannot write to its own disk any more" in output
    assert own.json("ps") == []
    filler.unlink()
    # While a command runs: the machine pauses, and goes on when there is room.
    process = own.start(
        *("run", bookworm, "--name", "late", "--"),
        "dd if=/dev/urandom of=/root/big bs=1M count=100 conv=fsync && echo written",
    )
    until(lambda: [row["state"] for row in own.json("ps")] == ["paused"], "the pause", 120)
    [row] = own.json("ps")
    assert row["detail"] == f"the disk of {own.machines / 'late'} is full"
    small("400m")
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert b"paused, the disk of" in output
    assert b"written" in output
    assert own.json("ps") == []
    assert own.processes() == []
