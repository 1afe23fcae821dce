"""Why a guest did not become ready, judged by its marks and its console. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bootwright.errors import GuestError
from bootwright.timelines.marks import MarkName

_LOOK = "raise --timeout, or look at its console below"


def not_ready(
    *, waited_s: float, seen: Mapping[str, str], last_mark: str, printed: str, server_log: str
) -> GuestError:
    """Return the error for a guest that did not become ready.

    Args:
        waited_s: How long it had.
        seen: Its marks and their details.
        last_mark: The last mark.
        printed: The last lines of its console.
        server_log: The last lines that its SSH server logged, if that failed.
    """
    what, hint = _explain(seen, printed)
    evidence = "\n".join(filter(None, [server_log, printed]))
    return GuestError(
        f"the guest was not ready after {waited_s:g} s; its last mark was {last_mark}: {what}",
        hint=hint,
        evidence=evidence,
    )


def _explain(seen: Mapping[str, str], printed: str) -> tuple[str, str]:
    """Return the likely cause, and what to try."""
    if MarkName.ROOT_FULL in seen or "No space left on device" in printed:
        return (
            f"its disk is full ({seen.get('root.full', 'see below')})",
            "use a larger disk, such as --disk-size 8G",
        )
    if MarkName.SSHD_FAILED in seen:
        return (
            f"its SSH server ended instead of listening ({seen['sshd.failed']})",
            "its log is below; bootwright console shows more",
        )
    if MarkName.INITRAMFS_DONE in seen:
        if re.search(r"emergency mode|rescue mode", printed, re.IGNORECASE):
            return "systemd went into emergency mode", "its console below says why"
        if MarkName.CONSOLE_PROMPT in seen:
            return (
                "the system is up (its console shows a login prompt), but its SSH server does "
                "not listen",
                "is openssh-server installed and its unit enabled in the image?",
            )
        return "its init runs, but its SSH server does not listen yet", _LOOK
    if MarkName.INITRAMFS_START in seen:
        return "the initramfs has not handed over to the image's init", _LOOK
    if printed:
        return "its kernel runs, but has not reached the initramfs", _LOOK
    return (
        "its kernel printed nothing: it hangs before its console, or the kernel argument quiet "
        "hides its progress",
        "raise --timeout, or boot once with --append 'loglevel=8 earlyprintk=ttyS0'",
    )
