"""What kept a guest from becoming ready: each cause has its words and its hint."""

from __future__ import annotations

import pytest

from bootwright.errors import GuestError
from bootwright.machines.diagnosis import is_stuck, not_ready, not_started, prompt

EMERGENCY = "its console says why; --append systemd.unit=multi-user.target may skip it"
LOOK = "raise --timeout, or look at its console"
HANDED_OVER = {"vmm.running": "", "initramfs.start": "", "initramfs.done": ""}
FULL_HINT = "use a larger disk, such as --disk-size 8G"


def diagnosed(seen: dict[str, str], printed: str = "", server_log: str = "") -> GuestError:
    return not_ready(
        waited_s=60.0, seen=seen, last_mark="a.mark", printed=printed, server_log=server_log
    )


@pytest.mark.parametrize(
    ("seen", "printed", "what", "hint"),
    [
        pytest.param(
            HANDED_OVER
            | {"root.full": "7 KiB are free", "sshd.failed": "exit-code, exit status 1"},
            "login: ",
            "its disk is full (7 KiB are free)",
            FULL_HINT,
            id="told of a full disk",
        ),
        pytest.param(
            HANDED_OVER,
            "cp: write error: No space left on device",
            "its disk is full (its console says so)",
            FULL_HINT,
            id="printed of a full disk",
        ),
        pytest.param(
            HANDED_OVER | {"sshd.failed": "exit-code, exit status 255", "console.prompt": ""},
            "web login: ",
            "its SSH server ended instead of listening (exit-code, exit status 255)",
            "its log says why; bootwright console shows more",
            id="sshd failed",
        ),
        pytest.param(
            HANDED_OVER | {"sshd.failed": "exit-code", "sshd.given-up": ""},
            "web login: ",
            "its SSH server ended instead of listening (exit-code)",
            "correct /etc/ssh/sshd_config in the image, as its log says",
            id="sshd given up",
        ),
        pytest.param(
            HANDED_OVER | {"emergency.mode": ""},
            "[FAILED] Failed to mount srv-data\\x2d1.mount - /srv/data-1.\n"
            "[DEPEND] Dependency failed for local-fs.target - Local File Systems.",
            "systemd went into emergency mode: srv-data\\x2d1.mount could not be mounted",
            "boot without it: --append 'systemd.mask=srv-data\\x2d1.mount'; or write nofail into "
            "its line in the image's /etc/fstab",
            id="a mount failed",
        ),
        pytest.param(
            HANDED_OVER | {"emergency.mode": ""},
            "[DEPEND] Dependency failed for home.mount - /home.\n"
            "[DEPEND] Dependency failed for srv.mount - /srv.\n"
            "[DEPEND] Dependency failed for home.mount - /home.",
            "systemd went into emergency mode: home.mount and srv.mount could not be mounted",
            "boot without them: --append 'systemd.mask=home.mount systemd.mask=srv.mount'; or "
            "write nofail into their lines in the image's /etc/fstab",
            id="two mounts failed",
        ),
        pytest.param(
            HANDED_OVER | {"console.emergency": ""},
            "[FAILED] Failed to start systemd-fsck@dev-vdb1.service - File System Check",
            "systemd went into emergency mode: a filesystem has errors that its check does not "
            "repair",
            "repair it before it is imported (e2fsck -f); --append fsck.mode=skip skips the check",
            id="a check failed",
        ),
        pytest.param(
            HANDED_OVER | {"console.password": ""},
            "Please enter passphrase for disk vda2_crypt: ",
            "it asks for a password on its console, where nobody types",
            "take the encrypted disk out of the image's /etc/crypttab and /etc/fstab",
            id="a passphrase",
        ),
        pytest.param(
            HANDED_OVER | {"console.prompt": ""},
            "You are in Emergency Mode. After logging in, type...",
            "systemd went into emergency mode",
            EMERGENCY,
            id="emergency mode",
        ),
        pytest.param(
            HANDED_OVER,
            "You are in rescue mode.",
            "systemd went into emergency mode",
            EMERGENCY,
            id="rescue mode",
        ),
        pytest.param(
            HANDED_OVER | {"console.prompt": ""},
            "web login: ",
            "the system is up (its console shows a login prompt), but its SSH server does "
            "not listen",
            "is openssh-server installed and its unit enabled in the image?",
            id="no sshd",
        ),
        pytest.param(
            HANDED_OVER,
            "[  OK  ] Reached target",
            "its init runs, but its SSH server does not listen yet",
            LOOK,
            id="slow init",
        ),
        pytest.param(
            {"vmm.running": "", "initramfs.start": ""},
            "emergency mode",
            "the initramfs has not handed over to the image's init",
            LOOK,
            id="initramfs",
        ),
        pytest.param(
            {"vmm.running": ""},
            "Linux version 6.1",
            "its kernel runs, but has not reached the initramfs",
            LOOK,
            id="kernel",
        ),
        pytest.param(
            {"vmm.running": ""},
            "",
            "its kernel printed nothing: it hangs before its console, or the kernel argument quiet "
            "hides its progress",
            "raise --timeout, or boot once with --append 'loglevel=8 earlyprintk=ttyS0'",
            id="silence",
        ),
    ],
)
def test_not_ready_names_each_cause_with_a_hint(
    seen: dict[str, str], printed: str, what: str, hint: str
) -> None:
    error = diagnosed(seen, printed)
    assert str(error) == (f"the guest was not ready after 60 s; its last mark was a.mark: {what}")
    assert error.hint == hint
    assert error.evidence == printed


def test_not_ready_quotes_the_ssh_server_before_the_console() -> None:
    seen = HANDED_OVER | {"sshd.failed": "exit-code"}
    said = "bad option: Foo\nterminating"
    assert diagnosed(seen, "login: ", said).evidence == f"{said}\nlogin: "
    assert diagnosed(seen, "", said).evidence == said


@pytest.mark.parametrize(("waited_s", "said"), [(0.5, "0.5 s"), (12.0, "12 s"), (61.3, "61.3 s")])
def test_not_ready_says_how_long_it_waited(waited_s: float, said: str) -> None:
    error = not_ready(waited_s=waited_s, seen={}, last_mark="vmm.exec", printed="", server_log="")
    assert str(error).startswith(
        f"the guest was not ready after {said}; its last mark was vmm.exec: "
    )


@pytest.mark.parametrize(
    ("end", "mark"),
    [
        (b"\r\nDebian GNU/Linux 12 web ttyS0\r\n\r\nweb login: ", "console.prompt"),
        (
            b'You are in emergency mode. After logging in, type "journalctl -xb"',
            "console.emergency",
        ),
        (b"Cannot open access to console, the root account is locked.\r\n", "console.emergency"),
        (
            b"Give root password for maintenance\r\n(or press Control-D to continue): ",
            "console.emergency",
        ),
        (b"Press Enter for maintenance", "console.emergency"),
        (b"Please enter passphrase for disk data (data_crypt): ", "console.password"),
        (b"Please enter passphrase for disk data: (press TAB for no echo) ", "console.password"),
        (b"\r\nEnter passphrase for /dev/vda3: ", "console.password"),
        (b"Password: ", ""),
        (b"pam: no password for user x was set. Going on\r\n[    9.1] next line", ""),
        (b"[  OK  ] Stopped target emergency.target - Emergency Mode.", ""),
        (b"", ""),
    ],
)
def test_prompt_returns_the_mark(end: bytes, mark: str) -> None:
    assert prompt(end) == mark


@pytest.mark.parametrize(
    "mark", ["emergency.mode", "console.emergency", "console.password", "sshd.given-up"]
)
def test_is_stuck_while_a_guest_waits_for_input(mark: str) -> None:
    assert is_stuck(HANDED_OVER | {mark: ""})
    assert not is_stuck(HANDED_OVER | {"console.prompt": "", "sshd.failed": "exit-code"})


def test_not_started_names_the_init_that_needs_nothing() -> None:
    error = not_started("the image has no /sbin/init", printed="initramfs: x")
    assert str(error) == "the guest could not start: the image has no /sbin/init"
    assert error.hint == "--init bare runs one command without an init or an SSH server"
    assert error.evidence == "initramfs: x"
    assert not_started("cannot mount /run", printed="").hint == ""
