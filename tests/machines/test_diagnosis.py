"""What kept a guest from becoming ready: each cause has its words and its hint."""

from __future__ import annotations

import pytest

from bootwright.errors import GuestError
from bootwright.machines.diagnosis import not_ready

LOOK = "raise --timeout, or look at its console below"
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
            "its disk is full (see below)",
            FULL_HINT,
            id="printed of a full disk",
        ),
        pytest.param(
            HANDED_OVER | {"sshd.failed": "exit-code, exit status 255", "console.prompt": ""},
            "web login: ",
            "its SSH server ended instead of listening (exit-code, exit status 255)",
            "its log is below; bootwright console shows more",
            id="sshd failed",
        ),
        pytest.param(
            HANDED_OVER | {"console.prompt": ""},
            "You are in Emergency Mode. After logging in, type...",
            "systemd went into emergency mode",
            "its console below says why",
            id="emergency mode",
        ),
        pytest.param(
            HANDED_OVER,
            "You are in rescue mode.",
            "systemd went into emergency mode",
            "its console below says why",
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
