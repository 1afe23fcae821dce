"""What ssh -v tells of a log-in."""

from __future__ import annotations

from bootwright.timelines import sshlog
from bootwright.timelines.evidence import MarkSeen

_LINES = (
    MarkSeen(sshlog.STARTED, 1_000),
    MarkSeen("OpenSSH_9.2p1 Debian", 1_010),
    MarkSeen("debug1: Connection established.", 1_100),
    MarkSeen("debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1", 1_300),
    MarkSeen("debug1: SSH2_MSG_KEXINIT sent", 1_310),
    MarkSeen("debug1: SSH2_MSG_NEWKEYS received", 1_700),
    MarkSeen('Authenticated to 127.0.0.1 ([127.0.0.1]:2222) using "publickey".', 1_900),
    MarkSeen(sshlog.OUTPUT, 2_000),
)


def test_sshlog_spans_of_a_login() -> None:
    spans = sshlog.spans(_LINES, "ssh", -1_000)
    assert [(s.id, s.start_ns, s.end_ns) for s in spans] == [
        ("ssh.connect", 0, 100),
        ("ssh.banner", 100, 300),
        ("ssh.kex", 300, 700),
        ("ssh.auth", 700, 900),
        ("ssh.command", 900, 1_000),
    ]
    assert {span.parent for span in spans} == {"ssh"}
    assert spans[2].source == "ssh -v: SSH2_MSG_NEWKEYS received"
    assert sshlog.end_ns(_LINES) == 2_000


def test_sshlog_spans_without_a_line_end_with_the_next() -> None:
    lines = [line for line in _LINES if "NEWKEYS" not in line.name]
    spans = sshlog.spans(lines, "ssh", 0)
    assert [s.id for s in spans] == ["ssh.connect", "ssh.banner", "ssh.auth", "ssh.command"]
    assert (spans[2].start_ns, spans[2].end_ns) == (1_300, 1_900)


def test_sshlog_spans_of_an_empty_log() -> None:
    assert sshlog.spans([], "ssh", 0) == []
    assert sshlog.end_ns([]) is None
