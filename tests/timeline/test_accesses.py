"""Accesses to devices, from a watched pass into the timeline."""

from __future__ import annotations

import msgspec

from bootwright.timeline.assemble import assemble
from bootwright.timeline.evidence import Access, Evidence, Pass

LOG = """\
[    0.000000] Linux version 6.1.0 (gcc) #1 SMP
[    0.500000] Run /init as init process
[    0.600000] bootwright: seed.start
[    0.700000] bootwright: seed.done
[    0.800000] bootwright: sshd.listening
[    0.900000] bootwright: sshd.accepting
"""
UART = Access("UART ttyS0 (console)", 83, 239, 322)
NONE = "QEMU told of no access to a device; was it built to trace to a log?"


def of(clock: str, instrumented: Pass | None) -> Evidence:
    return Evidence(clock=clock, clean=Pass(kernel_log=LOG), instrumented=instrumented)


def test_they_come_from_the_pass_that_was_watched() -> None:
    timeline = assemble(of("virtual", Pass(kernel_log=LOG, accesses=(UART,))))
    assert timeline.accesses == (UART,)
    assert NONE not in timeline.warnings


def test_a_qemu_that_tells_of_none_is_warned_of() -> None:
    timeline = assemble(of("virtual", Pass(kernel_log=LOG)))
    assert timeline.accesses == ()
    assert NONE in timeline.warnings


def test_without_a_second_pass_nobody_looked() -> None:
    timeline = assemble(of("virtual", None))
    assert timeline.accesses == ()
    assert NONE not in timeline.warnings


def test_they_are_kept_with_the_evidence() -> None:
    evidence = of("virtual", Pass(accesses=(UART,)))
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence) == evidence
    older = b'{"version": 1, "instrumented": {"kernel_log": ""}}'
    assert msgspec.json.decode(older, type=Evidence).instrumented == Pass()
