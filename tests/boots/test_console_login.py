"""A root shell on the console of a guest that boots systemd, for who asked for one."""

from __future__ import annotations

import os
import pty
import select
import subprocess

import pytest

from tests.boots.harness import PROGRAM, Bootwright

pytestmark = pytest.mark.boot


def _read_until(file: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        assert select.select([file], [], [], 120)[0], f"waited for {wanted!r} after {seen!r}"
        seen += os.read(file, 1 << 16)
    return seen


def test_console_login_is_a_root_shell(bootwright: Bootwright, bookworm: str) -> None:
    done = bootwright("run", bookworm, "--detach", "--name", "web", "--console-login")
    assert done.returncode == 0, done.stderr
    assert "a root shell without a password: bootwright console web\n" in done.stderr
    master, slave = pty.openpty()
    attached = subprocess.Popen(
        [PROGRAM, "console", "web"],
        env={**bootwright.environment, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        seen = _read_until(master, b"the machine runs on")
        os.write(master, b"\r")
        seen += _read_until(master, b"root@web:~# ")
        assert b"\x1b[6n" not in seen
        os.write(master, b"echo $(id -u)-$(tty)\r")
        seen = _read_until(master, b"0-/dev/ttyS0")
        assert b"Password" not in seen
        os.write(master, b"\x1d")
        assert b"bootwright console web returns to it" in _read_until(master, b"returns to it")
        assert attached.wait(timeout=30) == 0
    finally:
        os.close(master)
    # Nothing of it lies on the disk, and other terminals ask for a password as before.
    left = bootwright(
        "ssh", "web", "--", "grep -rl autologin /etc /usr/lib/systemd/system | wc -l; hostname"
    )
    assert left.stdout == "0\nweb\n"
    assert bootwright("stop", "web").returncode == 0
    done = bootwright("start", "web", "--no-console-login")
    assert done.returncode == 0, done.stderr
    shown = bootwright("ssh", "web", "--", "systemctl cat serial-getty@ttyS0.service")
    assert "--autologin" not in shown.stdout
    assert bootwright("rm", "--force", "web").returncode == 0
