"""How a machine ended: what the VMM told, with what was asked of it, becomes words and an error."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from bootwright.errors import BootwrightError, GuestError, VmmError
from bootwright.home import Home
from bootwright.machines import endings
from bootwright.machines.endings import Circumstances
from bootwright.machines.folder import MachineFolder
from bootwright.machines.spec import LastEnd
from bootwright.vmms.protocol import VmmExit, VmmExitReason
from tests.machines.samples import at_rest, made

PRINTED = "[    0.0] Linux version 6.1\r\n"
KILLED = "it was killed; the kernel does this when memory runs out (see dmesg)"


@pytest.fixture
def folder(home: Home) -> MachineFolder:
    """A machine that is not kept and has run."""
    folder = made(home)
    folder.console_log.write_text(PRINTED)
    folder.vmm_log.write_text("")
    return folder


def judged(
    home: Home,
    folder: MachineFolder,
    reason: VmmExitReason,
    exit_status: int = 0,
    **circumstances: bool,
) -> tuple[LastEnd, BootwrightError | None]:
    ending = VmmExit(reason=reason, exit_status=exit_status)
    return endings.judge(ending, folder, Circumstances(**circumstances), home.logs)


@pytest.mark.parametrize(
    ("reason", "circumstances", "last", "text"),
    [
        ("quit-requested", {}, "ended", "ended at once as requested, without a shutdown"),
        (
            "quit-requested",
            {"stopped": True},
            "ended",
            "did not shut down in time and was ended",
        ),
        ("powered-off", {"stopped": True}, "stopped", "shut down as requested"),
        ("powered-off", {"logged_in": True}, "powered-off", "the guest powered itself off"),
        ("powered-off", {"finished": True}, "powered-off", "the guest powered itself off"),
    ],
)
def test_judge_good_end_has_no_error_and_no_console(
    reason: VmmExitReason,
    circumstances: dict[str, Any],
    last: str,
    text: str,
    home: Home,
    folder: MachineFolder,
) -> None:
    before = int(time.time())
    ended, error = judged(home, folder, reason, **circumstances)
    assert error is None
    assert (ended.reason, ended.text, ended.console) == (last, text, "")
    assert before <= ended.ended_s <= time.time()
    assert not home.logs.exists()


def test_judge_guest_that_powers_off_too_early(home: Home, folder: MachineFolder) -> None:
    ended, error = judged(home, folder, "powered-off")
    assert type(error) is GuestError
    assert str(error) == (
        "the guest powered itself off before anybody logged in or its command ended"
    )
    assert error.evidence == PRINTED.strip()
    assert (ended.reason, ended.text) == ("powered-off", "the guest powered itself off")


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (
            "Kernel panic - not syncing: VFS: Unable to mount root fs\r\nCPU: 0 PID: 1\r\n",
            "the guest's kernel panicked: VFS: Unable to mount root fs",
        ),
        ("reboot: Restarting system\r\n", "the guest reset itself"),
    ],
)
@pytest.mark.parametrize("stopped", [True, False])
def test_judge_panic_whatever_was_requested(
    printed: str, text: str, stopped: bool, home: Home, folder: MachineFolder
) -> None:
    folder.console_log.write_text(PRINTED + printed)
    ended, error = judged(home, folder, "reset", logged_in=True, stopped=stopped)
    assert type(error) is GuestError
    assert str(error) == text
    assert error.evidence == (PRINTED + printed).strip().replace("\r", "")
    assert (ended.reason, ended.text) == ("panicked", text)


@pytest.mark.parametrize(("exit_status", "hint"), [(1, ""), (-11, ""), (-9, KILLED)])
def test_judge_dead_vmm_is_quoted_with_its_status(
    exit_status: int, hint: str, home: Home, folder: MachineFolder
) -> None:
    folder.vmm_log.write_text("x" * 2000 + "qemu: KVM internal error\n")
    ended, error = judged(home, folder, "died", exit_status, logged_in=True)
    assert type(error) is VmmError
    assert str(error) == f"the VMM died (exit status {exit_status})"
    assert error.hint == "; ".join(filter(None, [hint, f"the whole console is in {ended.console}"]))
    assert error.evidence.endswith("x" * 100 + "qemu: KVM internal error")
    assert len(error.evidence) == 1500
    assert (ended.reason, ended.text) == ("vmm-died", str(error))


def test_judge_silent_vmm_is_explained_by_the_console(home: Home, folder: MachineFolder) -> None:
    _, error = judged(home, folder, "died", 1)
    assert error is not None
    assert error.evidence == PRINTED.strip()


def test_judge_saves_the_console_of_a_failed_machine(home: Home, folder: MachineFolder) -> None:
    ended, error = judged(home, folder, "reset")
    console = Path(ended.console)
    assert console.parent == home.logs
    assert re.fullmatch(r"web-\d{8}T\d{6}-\d+\.console", console.name)
    assert console.read_bytes() == PRINTED.encode()
    assert error is not None
    assert error.hint == f"the whole console is in {console}"


def test_judge_saves_the_console_when_the_client_fails(home: Home, folder: MachineFolder) -> None:
    ended, error = judged(home, folder, "quit-requested", save_console=True)
    assert error is None
    assert Path(ended.console).read_bytes() == PRINTED.encode()


def test_judge_leaves_the_console_in_a_kept_machine(home: Home) -> None:
    folder = at_rest(home)
    folder.console_log.write_text(PRINTED)
    ended, error = judged(home, folder, "reset")
    assert ended.console == str(folder.console_log)
    assert error is not None
    assert error.hint == f"the whole console is in {folder.console_log}"
    assert not home.logs.exists()


@pytest.mark.parametrize("obstacle", ["no log", "no folder for it", "damaged"])
def test_judge_without_space_for_the_console(
    obstacle: str, home: Home, folder: MachineFolder
) -> None:
    folder.console_log.write_text("Kernel panic - not syncing: x")
    match obstacle:
        case "no log":
            folder.console_log.unlink()
        case "no folder for it":
            home.logs.touch()
        case "damaged":
            folder.note_login()
            (folder.path / "machine.json").write_text("{")
    reason: VmmExitReason = "died" if obstacle == "no log" else "reset"
    ended, error = judged(home, folder, reason)
    assert ended.console == ""
    assert error is not None
    assert error.hint == ""


@pytest.mark.parametrize(
    ("why", "reason", "text"),
    [
        ("QEMU did not start", "vmm-died", "it did not start: QEMU did not start"),
        ("", "ended", "it was ended before it started"),
    ],
)
def test_not_started_is_an_end_with_its_reason(why: str, reason: str, text: str) -> None:
    before_s = int(time.time())
    last = endings.not_started(why)
    assert (last.reason, last.text, last.console) == (reason, text, "")
    assert before_s <= last.ended_s <= time.time()


def test_lost_is_written_before_the_machine_runs() -> None:
    assert endings.lost(1_700_000_000) == LastEnd(
        reason="lost",
        text="its monitor was killed, or the host went down, while it ran",
        ended_s=1_700_000_000,
    )


@pytest.mark.parametrize(
    ("reason", "is_crash"),
    [
        ("stopped", False),
        ("powered-off", False),
        ("ended", False),
        ("panicked", True),
        ("vmm-died", True),
        ("lost", True),
    ],
)
def test_last_end_is_crash_only_when_unrequested(reason: Any, is_crash: bool) -> None:
    assert LastEnd(reason=reason, text="", ended_s=0).is_crash is is_crash
