"""Why a guest did not become ready, judged by its marks and its console. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from bootwright.errors import GuestError
from bootwright.timelines.marks import MarkName

_LOOK = "raise --timeout, or look at its console"

# What a console shows when somebody is to type there, and the mark that says so; the first that
# fits counts. Source: systemd's sulogin-shell.c and emergency.service; sulogin(8); cryptsetup(8)
# and systemd-ask-password(1).
_PROMPTS = (
    (MarkName.CONSOLE_PROMPT, re.compile(rb"login: ?$")),
    (
        MarkName.CONSOLE_EMERGENCY,
        re.compile(
            rb"You are in (?:emergency|rescue) mode|"
            rb"(?:Give root password|Press Enter) for (?:system )?maintenance|"
            rb"the root account is locked"
        ),
    ),
    (
        MarkName.CONSOLE_PASSWORD,
        re.compile(rb"(?i)(?:pass(?:phrase|word)|PIN|recovery key) for [^\r\n]*: ?[^\r\n:]*$"),
    ),
)
_STUCK = frozenset(
    (
        MarkName.EMERGENCY_MODE,
        MarkName.CONSOLE_EMERGENCY,
        MarkName.CONSOLE_PASSWORD,
        MarkName.SSHD_GIVEN_UP,
    )
)


def prompt(end: bytes) -> str:
    """Return the mark for what the console asks for at its end; empty: nothing.

    Args:
        end: The last bytes that it printed.
    """
    return next((mark for mark, pattern in _PROMPTS if pattern.search(end)), "")


def is_stuck(seen: Collection[str]) -> bool:
    """Say whether a guest waits for somebody at its console, or has given up its SSH server."""
    return not _STUCK.isdisjoint(seen)


def not_started(why: str, *, printed: str) -> GuestError:
    """Return the error for a guest whose initramfs gave up.

    Args:
        why: What its mark said.
        printed: The last lines of its console.
    """
    lacks = why.startswith("the image has no /")
    return GuestError(
        f"the guest could not start: {why}",
        hint="--init bare runs one command without an init or an SSH server" if lacks else "",
        evidence=printed,
    )


def not_ready(
    *, waited_s: float, seen: Mapping[str, str], last_mark: str, printed: str, server_log: str
) -> GuestError:
    """Return the error for a guest that did not become ready.

    Args:
        waited_s: How long it had.
        seen: Its marks and their details.
        last_mark: The last mark.
        printed: The last lines of its console.
        server_log: The last lines that it logged before its SSH server failed, or before emergency
            mode.
    """
    what, hint = _explain(seen, printed, server_log)
    evidence = "\n".join(filter(None, [server_log, printed]))
    return GuestError(
        f"the guest was not ready after {waited_s:g} s; its last mark was {last_mark}: {what}",
        hint=hint,
        evidence=evidence,
    )


def _explain(seen: Mapping[str, str], printed: str, logged: str) -> tuple[str, str]:
    """Return the likely cause, and what to try."""
    if MarkName.ROOT_FULL in seen or "No space left on device" in printed:
        return (
            f"its disk is full ({seen.get('root.full', 'its console says so')})",
            "use a larger disk, such as --disk-size 8G",
        )
    if MarkName.SSHD_FAILED in seen:
        return (
            f"its SSH server ended instead of listening ({seen['sshd.failed']})",
            "correct /etc/ssh/sshd_config in the image, as its log says"
            if MarkName.SSHD_GIVEN_UP in seen
            else "its log says why; bootwright console shows more",
        )
    if MarkName.CONSOLE_PASSWORD in seen:
        return (
            "it asks for a password on its console, where nobody types",
            "take the encrypted disk out of the image's /etc/crypttab and /etc/fstab",
        )
    if MarkName.INITRAMFS_DONE in seen:
        in_emergency = {MarkName.EMERGENCY_MODE, MarkName.CONSOLE_EMERGENCY} & set(seen)
        if in_emergency or re.search(r"emergency mode|rescue mode", printed, re.IGNORECASE):
            return _emergency(f"{logged}\n{printed}")
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


_FAILED_MOUNT = re.compile(r"\b([\w\\.@-]+\.mount)\b")
_MOST_UNITS = 4
_FAILED_CHECK = re.compile(r"\bsystemd-fsck(?:-root|@[\w\\.-]+)?\.service\b")


def _emergency(said: str) -> tuple[str, str]:
    """Return why systemd went into emergency mode, and the cure.

    Source: local-fs.target, whose OnFailure= is emergency.target.
    """
    what = "systemd went into emergency mode"
    failed = "\n".join(line for line in said.splitlines() if re.search(r"(?i)fail|timed out", line))
    if _FAILED_CHECK.search(failed):
        return (
            f"{what}: a filesystem has errors that its check does not repair",
            "repair it before it is imported (e2fsck -f); --append fsck.mode=skip skips the check",
        )
    if units := list(dict.fromkeys(_FAILED_MOUNT.findall(failed)))[:_MOST_UNITS]:
        masks = " ".join(f"systemd.mask={unit}" for unit in units)
        them, lines = ("it", "its line") if len(units) == 1 else ("them", "their lines")
        return (
            f"{what}: {' and '.join(units)} could not be mounted",
            f"boot without {them}: --append '{masks}'; or write nofail into {lines} in the "
            "image's /etc/fstab",
        )
    return what, "its console says why; --append systemd.unit=multi-user.target may skip it"
