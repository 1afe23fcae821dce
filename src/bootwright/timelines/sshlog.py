"""What ssh -v tells of one log-in, each line with the host's time: the spans from the connection to
the first output of the command.

Source: OpenSSH's sshconnect.c, kex.c, sshconnect2.c, ssh.c: the texts of its first debug level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bootwright.timelines.evidence import MarkSeen
from bootwright.timelines.span import Span

STARTED = "bootwright: ssh is started"
OUTPUT = "bootwright: first output"
"""What whoever runs ssh adds: before it is started, and when the first byte of the command's output
comes."""

AUTHENTICATED = ("Authenticated to ", "debug1: Authentication succeeded")
"""How the line begins that tells of the log-in."""

_STEPS = (
    ("connect", "TCP connection", ("debug1: Connection established",)),
    ("banner", "server's greeting", ("debug1: Remote protocol version",)),
    ("kex", "key exchange", ("debug1: SSH2_MSG_NEWKEYS received",)),
    ("auth", "authentication", AUTHENTICATED),
    ("command", "first command", (OUTPUT,)),
)
"""A step's id, its name, and how the line begins that ends it."""


def spans(lines: Sequence[MarkSeen], parent: str, shift_ns: int) -> list[Span]:
    """Return the steps of a log-in.

    Args:
        lines: ssh's, with the host's monotonic clock.
        shift_ns: What is added to the host's clock.

    A step whose line is missing ends with the next one that is there.
    """
    started = _first(lines, (STARTED,))
    if started is None:
        return []
    found = []
    at = started.time_ns + shift_ns
    for name, summary, beginnings in _STEPS:
        line = _first(lines, beginnings)
        if line is None:
            continue
        end = max(at, line.time_ns + shift_ns)
        found.append(
            Span(
                id=f"ssh.{name}",
                parent=parent,
                layer="ssh",
                name=summary,
                kind="work",
                start_ns=at,
                end_ns=end,
                source=f"ssh -v: {line.name.removeprefix('debug1: ')[:80]}",
                critical=True,
                slack_ns=0,
            )
        )
        at = end
    return found


def end_ns(lines: Iterable[MarkSeen]) -> int | None:
    """Return when the first byte of the command's output came; None where none did."""
    return next((line.time_ns for line in lines if line.name == OUTPUT), None)


def _first(lines: Iterable[MarkSeen], beginnings: tuple[str, ...]) -> MarkSeen | None:
    return next((line for line in lines if line.name.startswith(beginnings)), None)
