"""A whole timeline of a fresh boot, on either clock."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bootwright.timelines.span import ROOT, Span, Timeline
from tests.boots.harness import Bootwright
from tests.boots.test_virtual_clock import busy_host

pytestmark = pytest.mark.boot

LAYERS = {"host", "firmware", "kernel", "initramfs", "userspace", "ssh"}


def timeline(told: dict[str, Any]) -> Timeline:
    """Read what --json printed as the timeline that it was."""
    assert told["version"] == 1
    read = Timeline(
        spans=msgspec.convert(told["spans"], tuple[Span, ...]),
        clock=told["clock"],
        clock_error_ns=told["clock_error_ns"],
        overhead_ns=told["overhead_ns"],
        warnings=tuple(told["warnings"]),
    )
    assert read.total_ns == told["total_ns"]
    assert read.unaccounted_ns()[ROOT] == told["unaccounted_ns"]
    return read


def test_timeline_explains_nearly_all_of_a_stock_boot(
    bootwright: Bootwright, bookworm: str, kernel: str
) -> None:
    read = timeline(bootwright.json("timeline", bookworm, "--kernel", kernel, "--stock"))
    assert (read.clock, read.warnings) == ("wall", ())
    spans = {span.id: span for span in read.spans}
    assert {span.layer for span in read.spans} == LAYERS
    assert [span.id for span in read.children()[ROOT]] == [
        *("host", "vmm", "firmware", "kernel", "initramfs", "pid1", "ssh"),
    ]
    unaccounted = read.unaccounted_ns()
    # On an idle machine 0.3 % and 1.1 %. On a busy one looks at the vCPU are too far apart to tell
    # what lies between them.
    assert unaccounted[ROOT] < 0.05 * read.total_ns
    assert unaccounted["kernel"] < 0.25 * spans["kernel"].duration_ns
    assert read.overhead_ns is not None
    critical = {span.id for span in read.spans if span.critical}
    assert "kernel.initcall.crypto_algapi_init" in critical
    assert {"pid1.generators", "unit.ssh.service", "ssh.auth", "host.disk"} <= critical
    assert any(span.layer == "userspace" and not span.critical for span in read.spans)
    # The first row of the path to the prompt begins it, and the last one ends it.
    assert spans["host.python"].start_ns == 0
    assert spans["ssh.command"].end_ns == read.total_ns


def test_timeline_on_the_virtual_clock_is_repeatable_on_a_busy_host(
    bootwright: Bootwright, bookworm: str, kernel: str
) -> None:
    words = (
        *("timeline", bookworm, "--kernel", kernel, "--clock", "virtual", "--seed", "1"),
        *("--without", "cryptomgr.notests"),
    )
    quiet = bootwright.json(*words)
    with busy_host():
        looked = bootwright.json(*words, "--sample")
    # A guest that is stopped for every look takes the same time, to the microsecond.
    assert [s for s in looked["spans"] if ".sampled." not in s["id"]] == quiet["spans"]
    assert looked["accesses"] == quiet["accesses"]
    read = timeline(looked)
    assert read.unaccounted_ns()["kernel"] < 0.05 * read.children()[ROOT][0].duration_ns
    read = timeline(quiet)
    assert (read.clock, read.clock_error_ns) == ("virtual", 0)
    assert {span.layer for span in read.spans[1:]} == {"kernel", "initramfs", "userspace", "ssh"}
    assert "kernel.initcall.crypto_algapi_init" in {s.id for s in read.spans if s.critical}


def test_timeline_tiny_on_the_virtual_clock(bootwright: Bootwright, kernel: str) -> None:
    words = ("timeline", "--tiny", "--kernel", kernel, "--clock", "virtual")
    told = bootwright.json(*words)
    with busy_host():
        assert bootwright.json(*words)["spans"] == told["spans"]
    read = timeline(told)
    assert [span.id for span in read.children()[ROOT]] == ["kernel", "initramfs"]
    assert "kernel.initcall.default_bdi_init" in {span.id for span in read.spans}
    assert told["accesses"]
