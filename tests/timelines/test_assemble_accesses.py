"""Accesses to devices, from a watched pass into the timeline."""

from __future__ import annotations

import msgspec

from bootwright.timelines.assemble import assemble
from bootwright.timelines.evidence import DeviceAccess, Evidence, Pass

LOG = """\
[    0.000000] Linux version 6.1.0 (gcc) #1 SMP
[    0.500000] Run /init as init process
[    0.600000] bootwright: initramfs.start
[    0.700000] bootwright: initramfs.done
[    0.800000] bootwright: sshd.listening
[    0.900000] bootwright: sshd.accepting
"""
UART = DeviceAccess("UART ttyS0 (console)", 83, 239, 322)
NONE = "QEMU reported no device access; does it have the log trace backend?"


def of(clock: str, instrumented: Pass | None) -> Evidence:
    return Evidence(clock=clock, clean=Pass(kernel_log=LOG), instrumented=instrumented)


def test_assemble_takes_accesses_from_the_watched_pass() -> None:
    timeline = assemble(of("virtual", Pass(kernel_log=LOG, accesses=(UART,))))
    assert timeline.accesses == (UART,)
    assert NONE not in timeline.warnings


def test_assemble_warns_of_a_qemu_that_counted_no_accesses() -> None:
    timeline = assemble(of("virtual", Pass(kernel_log=LOG)))
    assert timeline.accesses == ()
    assert NONE in timeline.warnings


def test_assemble_without_a_second_pass_has_no_accesses() -> None:
    timeline = assemble(of("virtual", None))
    assert timeline.accesses == ()
    assert NONE not in timeline.warnings


def test_evidence_keeps_accesses() -> None:
    evidence = of("virtual", Pass(accesses=(UART,)))
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence) == evidence
    older = b'{"version": 1, "instrumented": {"kernel_log": ""}}'
    assert msgspec.json.decode(older, type=Evidence).instrumented == Pass()
