"""The timeline of a boot of which only marks are known."""

from __future__ import annotations

import msgspec
import pytest

from bootwright.errors import FormatError
from bootwright.reports import timeline as report
from bootwright.timelines import host, outline
from bootwright.timelines.evidence import Evidence, MarkSeen, Pass
from bootwright.timelines.span import ROOT
from tests.history.samples import STEP_NS, TINY, VIRTUAL, evidence


def test_outline_phases_are_frames_that_add_up() -> None:
    timeline = outline.outline(evidence())
    assert [span.id for span in timeline.children()[ROOT]] == [
        *("host", "vmm", "kernel", "initramfs", "pid1", "ssh")
    ]
    assert timeline.total_ns == 6 * STEP_NS, "the start-up, without what came after it"
    assert sum(span.duration_ns for span in timeline.children()[ROOT]) == timeline.total_ns
    assert {span.kind for span in timeline.spans} == {"frame"}
    assert timeline.unaccounted_ns()[ROOT] == timeline.total_ns
    assert "this boot has only marks" in timeline.warnings[0]
    assert "PID 1 to sshd" in report.text(timeline)


def test_outline_has_the_hosts_steps_when_marked() -> None:
    names = [*host.MARKS, "initramfs.start", "command.start", "command.end"]
    marks = tuple(MarkSeen(name, 100 + 10 * number) for number, name in enumerate(names))
    told = msgspec.structs.replace(evidence(TINY), clean=Pass(marks=marks))
    timeline = outline.outline(told)
    below = timeline.children()
    assert [span.id for span in below["host"]][:2] == ["host.python", "host.recipe"]
    assert timeline.unaccounted_ns()["host"] == 0
    assert [span.name for span in below[ROOT]][2:] == ["firmware and kernel", "initramfs"]


def test_outline_on_the_virtual_clock_warns_of_host_times() -> None:
    timeline = outline.outline(evidence(VIRTUAL))
    assert timeline.clock == "wall"
    assert timeline.warnings[1].startswith("these are the host's times")


def test_outline_of_an_incomplete_boot_is_none() -> None:
    whole = evidence()
    for count in range(6):
        marks = whole.clean.marks[:count]
        with pytest.raises(FormatError, match="has no start or no end of the boot"):
            outline.outline(msgspec.structs.replace(whole, clean=Pass(marks=marks)))
    assert outline.start_up(Evidence()) == ()


def test_timeline_of_a_boot_with_a_kernel_log_is_a_full_timeline() -> None:
    log = (
        "[    0.000000] Linux version 6.1.0\n"
        "[    1.500000] Run /init as init process\n"
        "[    2.000000] bootwright: sshd.accepting\n"
    )
    whole = outline.timeline_of(evidence(VIRTUAL, kernel_log=log))
    assert (whole.clock, whole.total_ns) == ("virtual", 2_000_000_000)
    assert outline.timeline_of(evidence()) == outline.outline(evidence())
