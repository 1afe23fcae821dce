"""What we read of systemd, held against systemd-analyze inside one boot."""

from __future__ import annotations

import pytest

from bootwright.timelines.span import covered_ns, merged
from bootwright.timelines.userspace.dump import ERROR_NS, parse_dump
from bootwright.timelines.userspace.spans import goal_unit, spans, unit_path
from bootwright.timelines.userspace.units import ASK_MANAGER, ASK_UNITS, parse_show
from tests.boots.harness import Bootwright
from tests.timelines.recorded import blame, chain, milliseconds, sections

pytestmark = pytest.mark.boot

_ASK = f"""
systemctl is-system-running --wait
echo =====show; {ASK_UNITS}
echo =====manager; {ASK_MANAGER}
echo =====blame; systemd-analyze blame --no-pager
echo =====chain; systemd-analyze critical-chain ssh.service --no-pager
echo =====time; systemd-analyze time
echo =====dump; systemd-analyze dump --no-pager
"""


def test_timeline_units_agree_with_systemd_analyze(bootwright: Bootwright, bookworm: str) -> None:
    done = bootwright("run", bookworm, "--", _ASK)
    assert done.returncode == 0, done.stderr
    told = sections(done.stdout)
    shown = parse_show(told["show"], told["manager"])
    assert shown.warnings == ()
    lengths = {
        name: unit.activation_ns // 1_000_000
        for name, unit in shown.units.items()
        if unit.activation_ns
    }
    theirs = {name: round(length) for name, length in blame(told["blame"]).items()}
    assert len(theirs) > 20
    assert theirs == {name: ms for name, ms in lengths.items() if ms or name in theirs}
    dumped = parse_dump(told["dump"])
    # A unit that came and went between the two questions is in one of them only.
    assert len(set(dumped.units) ^ set(shown.units)) < 5
    for name in set(dumped.units) & set(shown.units):
        unit, other = shown.units[name], dumped.units[name]
        assert set(other.after) == set(unit.after), name
        if unit.active_enter_ns is not None and name in theirs:
            assert other.active_enter_ns is not None, name
            assert abs(other.active_enter_ns - unit.active_enter_ns) <= ERROR_NS, name
    begin = shown.manager.system.begin_ns
    assert begin is not None
    kernel_ms = milliseconds(told["time"].partition(" (kernel)")[0])
    assert round(kernel_ms) == begin // 1_000_000
    # The chain is systemd-analyze's, but for what it does not know of.
    goal = goal_unit(shown)
    assert goal == "ssh.service"
    units = [
        id.removeprefix("unit.")
        for id in unit_path(shown, goal, start_ns=begin).chain
        if id.startswith("unit.") and not id.endswith(".start")
    ]
    known = chain(told["chain"])[::-1]
    assert [unit for unit in units if unit in known] == [unit for unit in known if unit in units]
    assert all(unit in known or shown.units[unit].inactive_exit_ns is None for unit in units)
    end = shown.units[goal].up_ns
    assert end is not None
    found = spans(shown, parent="guest", start_ns=begin, end_ns=end)
    explained = merged((span.start_ns, span.end_ns) for span in found if span.kind != "frame")
    assert covered_ns(explained, begin, end) > 0.99 * (end - begin)
    # Without the waits for PID 1, which are long where udev's workers have the processor.
    worked = merged((span.start_ns, span.end_ns) for span in found if span.kind == "work")
    assert covered_ns(worked, begin, end) > 0.75 * (end - begin)
