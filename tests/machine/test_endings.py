"""How a machine ended: what the VMM told, with what was asked of it, becomes words and an error."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from bootwright.errors import BootwrightError, GuestError, VmmError
from bootwright.home import Home
from bootwright.machine import endings
from bootwright.machine.endings import Circumstances
from bootwright.machine.folder import MachineFolder
from bootwright.machine.spec import LastEnd
from bootwright.vmms.protocol import Ending, EndReason
from tests.machine.samples import at_rest, made

PRINTED = "[    0.0] Linux version 6.1\r\n"
KILLED = "somebody killed it; the kernel does when memory runs out (see dmesg)"


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
    reason: EndReason,
    exit_status: int = 0,
    **circumstances: bool,
) -> tuple[LastEnd, BootwrightError | None]:
    ending = Ending(reason=reason, exit_status=exit_status)
    return endings.judge(ending, folder, Circumstances(**circumstances), home.logs)


@pytest.mark.parametrize(
    ("reason", "circumstances", "last", "text"),
    [
        ("told-to-quit", {}, "ended", "ended at once, when told to, without shutting down"),
        (
            "told-to-quit",
            {"stopped": True},
            "ended",
            "did not shut down in time and was ended",
        ),
        ("powered-off", {"stopped": True}, "stopped", "shut down when told to"),
        ("powered-off", {"let_in": True}, "powered-off", "the guest powered itself off"),
        ("powered-off", {"finished": True}, "powered-off", "the guest powered itself off"),
    ],
)
def test_a_good_end_has_no_error_and_leaves_no_console(
    reason: EndReason,
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


def test_a_guest_that_powers_off_before_it_was_of_use(home: Home, folder: MachineFolder) -> None:
    ended, error = judged(home, folder, "powered-off")
    assert type(error) is GuestError
    assert str(error) == (
        "the guest powered itself off before it let anybody in, or its command had ended"
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
def test_a_panic_is_one_whatever_was_asked(
    printed: str, text: str, stopped: bool, home: Home, folder: MachineFolder
) -> None:
    folder.console_log.write_text(PRINTED + printed)
    ended, error = judged(home, folder, "reset", let_in=True, stopped=stopped)
    assert type(error) is GuestError
    assert str(error) == text
    assert error.evidence == (PRINTED + printed).strip().replace("\r", "")
    assert (ended.reason, ended.text) == ("panicked", text)


@pytest.mark.parametrize(("exit_status", "hint"), [(1, ""), (-11, ""), (-9, KILLED)])
def test_a_vmm_that_died_is_quoted_with_its_status(
    exit_status: int, hint: str, home: Home, folder: MachineFolder
) -> None:
    folder.vmm_log.write_text("x" * 2000 + "qemu: KVM internal error\n")
    ended, error = judged(home, folder, "died", exit_status, let_in=True)
    assert type(error) is VmmError
    assert str(error) == f"the VMM died (exit status {exit_status})"
    assert error.hint == "; ".join(filter(None, [hint, f"the whole console is in {ended.console}"]))
    assert error.evidence.endswith("x" * 100 + "qemu: KVM internal error")
    assert len(error.evidence) == 1500
    assert (ended.reason, ended.text) == ("vmm-died", str(error))


def test_a_vmm_that_said_nothing_is_explained_by_the_console(
    home: Home, folder: MachineFolder
) -> None:
    _, error = judged(home, folder, "died", 1)
    assert error is not None
    assert error.evidence == PRINTED.strip()


def test_the_console_of_a_failed_machine_outlives_it(home: Home, folder: MachineFolder) -> None:
    ended, error = judged(home, folder, "reset")
    console = Path(ended.console)
    assert console.parent == home.logs
    assert re.fullmatch(r"web-\d{8}T\d{6}-\d+\.console", console.name)
    assert console.read_bytes() == PRINTED.encode()
    assert error is not None
    assert error.hint == f"the whole console is in {console}"


def test_the_console_is_saved_for_who_takes_it_for_failed(
    home: Home, folder: MachineFolder
) -> None:
    ended, error = judged(home, folder, "told-to-quit", save_console=True)
    assert error is None
    assert Path(ended.console).read_bytes() == PRINTED.encode()


def test_a_kept_machine_keeps_its_console_itself(home: Home) -> None:
    folder = at_rest(home)
    folder.console_log.write_text(PRINTED)
    ended, error = judged(home, folder, "reset")
    assert ended.console == str(folder.console_log)
    assert error is not None
    assert error.hint == f"the whole console is in {folder.console_log}"
    assert not home.logs.exists()


@pytest.mark.parametrize("obstacle", ["no log", "no folder for it", "damaged"])
def test_without_room_for_the_console_the_end_is_told_all_the_same(
    obstacle: str, home: Home, folder: MachineFolder
) -> None:
    folder.console_log.write_text("Kernel panic - not syncing: x")
    match obstacle:
        case "no log":
            folder.console_log.unlink()
        case "no folder for it":
            home.logs.touch()
        case "damaged":
            folder.note_let_in()
            (folder.path / "machine.json").write_text("{")
    reason: EndReason = "died" if obstacle == "no log" else "reset"
    ended, error = judged(home, folder, reason)
    assert ended.console == ""
    assert error is not None
    assert error.hint == ""


@pytest.mark.parametrize(
    ("why", "reason", "text"),
    [
        ("QEMU did not start", "vmm-died", "it did not start: QEMU did not start"),
        ("", "ended", "it was ended before it had started"),
    ],
)
def test_a_machine_whose_guest_never_ran(why: str, reason: str, text: str) -> None:
    before_s = int(time.time())
    last = endings.not_started(why)
    assert (last.reason, last.text, last.console) == (reason, text, "")
    assert before_s <= last.ended_s <= time.time()


def test_what_is_written_down_beforehand_is_a_lost_machine() -> None:
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
def test_only_an_end_that_came_unasked_is_a_crash(reason: Any, is_crash: bool) -> None:
    assert LastEnd(reason=reason, text="", ended_s=0).is_crash is is_crash
