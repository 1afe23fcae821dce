"""Evidence of boots: real logs and real units, joined by marks, exchanges and ssh lines of ours.

The kernel log is a whole Debian 12's of one boot and the units are another one's; the marks that
the log lacks are written into it where they would stand. The guest's clock began OFFSET_NS after
the host's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import msgspec

from bootwright.timelines import host, sshlog
from bootwright.timelines.evidence import Evidence, Exchange, MarkSeen, Pass, ResolvedSample
from tests.timelines import klogs
from tests.timelines.recorded import STRETCH, recorded

MS = 1_000_000
OFFSET_NS = 50_001 * MS
ENTERED_NS = OFFSET_NS - 1_400 * MS
"""The guest's clock starts 1.4 s after the command was entered, 400 ms after vmm.running."""
DELAY_NS = 300_000
"""How long a mark is under way."""
LOG_IN_NS = 500 * MS
_BEHIND_NS = 2 * MS
"""By how much the log's clock is behind CLOCK_MONOTONIC."""

_DONE_NS, _LISTENING_NS = (at - _BEHIND_NS for at in STRETCH["debian-12"])
GUEST_MARKS = {
    "initramfs.start": 1_760 * MS,
    "initramfs.modules": 2_500 * MS,
    "initramfs.done": _DONE_NS,
    "sshd.listening": _LISTENING_NS,
}
_TIME = re.compile(r"\[ *(\d+)\.(\d{6})")


def with_lines(log: str, added: Mapping[str, int], prefix: str = "bootwright: ") -> str:
    """Return a log of dmesg's with lines of bootwright's added where their times belong."""
    lines = [
        (int(found[1]) * 10**9 + int(found[2]) * 1000 if (found := _TIME.match(line)) else 0, line)
        for line in log.splitlines()
    ]
    lines += [
        (at, f"[{at // 10**9:5}.{at % 10**9 // 1000:06}] {prefix}{name}")
        for name, at in added.items()
    ]
    lines.sort(key=lambda pair: pair[0])
    return "".join(f"{line}\n" for _, line in lines)


@cache
def clean() -> Pass:
    """Return the clean pass of a boot with systemd."""
    asked_ns = _LISTENING_NS + 900 * MS
    looks = {f"exchange {n}": asked_ns + n * 5 * MS for n in range(20)}
    now_ns = asked_ns + 200 * MS
    told = recorded("debian-12")
    return Pass(
        marks=_marks(GUEST_MARKS, OFFSET_NS),
        kernel_log=with_lines(
            klogs.text("6.1-image-clean"),
            {
                **GUEST_MARKS,
                **looks,
                "monotonic begin": now_ns - MS,
                "monotonic end": now_ns + MS,
            },
        ),
        monotonic=f"now at {now_ns + _BEHIND_NS} nsecs\n",
        manager=told["manager"],
        units=told["show"],
        processes=told["stat"],
        exchanges=_exchanges(looks, OFFSET_NS),
        ssh=ssh_lines(_LISTENING_NS + OFFSET_NS),
    )


@cache
def instrumented() -> Pass:
    """Return the instrumented pass of that boot, on another day of the host's clock."""
    offset_ns = 2 * OFFSET_NS
    marks = {name: at + 90 * MS for name, at in GUEST_MARKS.items()}
    looks = {"exchange 0": 23_000 * MS, "exchange 1": 23_005 * MS}
    return Pass(
        marks=_marks(marks, offset_ns),
        kernel_log=with_lines(klogs.text("6.1-image-initcall_debug"), {**marks, **looks}),
        exchanges=_exchanges(looks, offset_ns),
        samples=samples(offset_ns - 400 * MS, marks["initramfs.done"] + offset_ns),
    )


@cache
def tini() -> Pass:
    """Return the clean pass of a boot with tini: its processes are all that PID 1 tells."""
    done_ns, listening_ns = 2_050 * MS, 2_584 * MS
    marks = {
        "initramfs.start": 1_760 * MS,
        "initramfs.modules": 2_000 * MS,
        "initramfs.done": done_ns,
        "sshd.listening": listening_ns,
    }
    looks = {"exchange 0": 3_500 * MS, "exchange 1": 3_600 * MS}
    return Pass(
        marks=_marks(marks, OFFSET_NS),
        kernel_log=with_lines(
            klogs.text("6.1-clean"),
            {**marks, **looks, "monotonic begin": 3_700 * MS, "monotonic end": 3_702 * MS},
        ),
        monotonic=f"now at {3_701 * MS} nsecs\n",
        processes=recorded("tini")["stat"],
        exchanges=_exchanges(looks, OFFSET_NS),
        ssh=ssh_lines(listening_ns + OFFSET_NS),
    )


@cache
def whole() -> Evidence:
    """Return the evidence of a boot with nothing missing."""
    return Evidence(bootwright="0", clean=clean(), instrumented=instrumented())


@cache
def virtual() -> Evidence:
    """Return the evidence of a boot on the virtual clock: nothing but what the guest sent."""
    marks = {**GUEST_MARKS, "sshd.accepting": _LISTENING_NS + 40 * MS}
    passes = [
        Pass(
            marks=_marks({}, OFFSET_NS),
            kernel_log=with_lines(klogs.text(f"6.1-image-{kind}"), marks),
            manager=recorded("debian-12")["manager"],
            units=recorded("debian-12")["show"],
        )
        for kind in ("clean", "initcall_debug")
    ]
    return Evidence(clock="virtual", clean=passes[0], instrumented=passes[1])


def thinned(seen: Pass) -> Pass:
    """Return a pass with a sixth of what it tells, for tests that read it many times."""
    return msgspec.structs.replace(
        seen,
        kernel_log=thinned_log(seen.kernel_log),
        units=thinned_units(seen.units),
        samples=seen.samples[::6],
    )


def thinned_log(log: str) -> str:
    """Return ten of each sixty lines of a log, and those that tell where its parts begin."""
    return "".join(
        line
        for number, line in enumerate(log.splitlines(keepends=True))
        if number % 60 < 10 or "bootwright: " in line or "Run /" in line
    )


def thinned_units(units: str) -> str:
    """Return every sixth unit of what ``systemctl show`` or ``systemd-analyze dump`` printed.

    Those that a log-in waits for are all there.
    """
    blocks = re.split(r"(?=^-> Unit )|(?<=\n)(?=\n)", units, flags=re.MULTILINE)
    return "".join(block for n, block in enumerate(blocks) if n % 6 == 0 or "ssh" in block)


def samples(start_ns: int, end_ns: int, step_ns: int = 4 * MS) -> tuple[ResolvedSample, ...]:
    """Return looks at a vCPU: in the firmware at first, halted now and then."""
    found = []
    for number, at in enumerate(range(start_ns, end_ns, step_ns)):
        where = "firmware" if at < start_ns + 300 * MS else f"function_{number // 5 % 7}"
        found.append(ResolvedSample(at, where, number % 11 == 10))
    return tuple(found)


def ssh_lines(listening_ns: int) -> tuple[MarkSeen, ...]:
    """Return what ssh tells of a log-in that takes LOG_IN_NS from *listening_ns* on."""
    told = (
        (0.01, sshlog.STARTED),
        (0.02, "OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025"),
        (0.05, "debug1: Connection established."),
        (0.20, "debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1"),
        (0.60, "debug1: SSH2_MSG_NEWKEYS received"),
        (0.80, 'Authenticated to 127.0.0.1 ([127.0.0.1]:40001) using "publickey".'),
        (1.00, sshlog.OUTPUT),
    )
    return tuple(MarkSeen(line, listening_ns + int(at * LOG_IN_NS)) for at, line in told)


def _marks(guest: Mapping[str, int], offset_ns: int) -> tuple[MarkSeen, ...]:
    """Return the host's marks, the last of which is 1 s after the first, and the guest's."""
    step_ns = 1_000 * MS // (len(host.MARKS) - 1)
    entered_ns = offset_ns - 1_400 * MS
    own = [MarkSeen(name, entered_ns + n * step_ns) for n, name in enumerate(host.MARKS)]
    return (*own, *(MarkSeen(name, at + offset_ns + DELAY_NS) for name, at in guest.items()))


def _exchanges(looks: Mapping[str, int], offset_ns: int) -> tuple[Exchange, ...]:
    """Return looks at the guest's clock, each some 400 us from the question to the answer."""
    return tuple(
        Exchange(int(name.split()[1]), at + offset_ns - 250_000, at + offset_ns + 150_000)
        for name, at in looks.items()
    )
