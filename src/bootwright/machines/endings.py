"""How a machine ended: the VMM's exit, judged by what was requested."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from bootwright.errors import BootwrightError, FormatError, GuestError, VmmError
from bootwright.machines.folder import MachineFolder
from bootwright.machines.spec import EndReason, LastEnd
from bootwright.vmms.protocol import VmmExit


@dataclass(slots=True, kw_only=True)
class Circumstances:
    """What happened during one run of a machine."""

    logged_in: bool = False
    """Somebody logged in."""
    finished: bool = False
    """The tiny guest's command ended."""
    stopped: bool = False
    """The guest was asked to shut down."""
    save_console: bool = False
    """The command considers it failed."""


def lost(started_s: int) -> LastEnd:
    """Return the end recorded before a run, which remains if the monitor is killed."""
    return LastEnd(
        reason="lost",
        text="its monitor was killed, or the host went down, while it ran",
        ended_s=started_s,
    )


def not_started(why: str) -> LastEnd:
    """Return the end of a machine that was cancelled or failed before its guest ran."""
    return LastEnd(
        reason="vmm-died" if why else "ended",
        text=f"it did not start: {why}" if why else "it was ended before it started",
        ended_s=int(time.time()),
    )


def judge(
    ending: VmmExit, folder: MachineFolder, circumstances: Circumstances, logs: Path
) -> tuple[LastEnd, BootwrightError | None]:
    """Return how a machine ended, and the error if it failed.

    The console of a machine that failed and is about to be removed is copied to *logs*.
    """
    reason, text, error = _judged(ending, folder, circumstances)
    console = ""
    if error is not None or circumstances.save_console:
        console = _kept_console(folder, logs)
    if error is not None and console:
        error.hint = "; ".join(filter(None, [error.hint, f"the whole console is in {console}"]))
    return LastEnd(reason=reason, text=text, ended_s=int(time.time()), console=console), error


def _judged(
    ending: VmmExit, folder: MachineFolder, circumstances: Circumstances
) -> tuple[EndReason, str, BootwrightError | None]:
    from bootwright.machines.console import panic, tail  # here: it imports asyncio

    printed = tail(folder.console_log)
    match ending.reason:
        case "quit-requested" if circumstances.stopped:
            return "ended", "did not shut down in time and was ended", None
        case "quit-requested":
            return "ended", "ended at once as requested, without a shutdown", None
        case "powered-off" if circumstances.stopped:
            return "stopped", "shut down as requested", None
        case "powered-off":
            text = "the guest powered itself off"
            if circumstances.logged_in or circumstances.finished:
                return "powered-off", text, None
            before = " before anybody logged in or its command ended"
            return "powered-off", text, GuestError(text + before, evidence=printed)
        case "reset":
            reason = panic(folder.console_log)
            text = f"the guest's kernel panicked: {reason}" if reason else "the guest reset itself"
            return "panicked", text, GuestError(text, evidence=printed)
        case "died":
            text = f"the VMM died (exit status {ending.exit_status})"
            output = folder.vmm_log.read_text(errors="replace").strip()
            hint = ""
            if ending.exit_status == -signal.SIGKILL:
                hint = "it was killed; the kernel does this when memory runs out (see dmesg)"
            return "vmm-died", text, VmmError(text, hint=hint, evidence=output[-1500:] or printed)


def _kept_console(folder: MachineFolder, logs: Path) -> str:
    """Save the console's log and return its path; "" if there is none, or no space."""
    try:
        if folder.is_worth_keeping():
            return str(folder.console_log)
        logs.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S")
        target = logs / f"{folder.name}-{stamp}-{os.getpid()}.console"
        import shutil  # here: few machines fail

        shutil.copyfile(folder.console_log, target)
    except (OSError, FormatError):
        return ""
    return str(target)
