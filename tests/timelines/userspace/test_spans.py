"""PID 1's stretch: real boots, what is explained of them, and any boot at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.critical import critical_path
from bootwright.timelines.span import Span, Timeline
from bootwright.timelines.userspace.dump import parse_dump
from bootwright.timelines.userspace.spans import activities, goal_unit, spans, unit_path
from bootwright.timelines.userspace.units import Manager, Stages, Systemd, Unit, parse_show
from tests.timelines.recorded import STRETCH, SYSTEMD, chain, recorded


def _systemd(name: str) -> Systemd:
    texts = recorded(name)
    return parse_show(texts["show"], texts["manager"])


def _spans(name: str) -> dict[str, Span]:
    start, end = STRETCH[name]
    return {
        span.id: span for span in spans(_systemd(name), parent="guest", start_ns=start, end_ns=end)
    }


def _timeline(found: list[Span], start_ns: int, end_ns: int) -> Timeline:
    root = Span(
        id="guest",
        parent="",
        layer="host",
        name="",
        kind="frame",
        start_ns=start_ns,
        end_ns=end_ns,
        source="",
    )
    return Timeline(spans=(root, *found), clock="guest", clock_error_ns=0)


def _assert_well_formed(found: list[Span], parent: str) -> None:
    seen = {parent: (-(10**30), 10**30)}
    for span in found:
        assert span.id not in seen, span.id
        start, end = seen[span.parent]
        assert start <= span.start_ns <= span.end_ns <= end, span.id
        assert span.source
        seen[span.id] = (span.start_ns, span.end_ns)
    assert found[0].id == "pid1"


@pytest.mark.parametrize("name", SYSTEMD)
def test_unit_spans_of_a_real_boot_are_well_formed(name: str) -> None:
    start, end = STRETCH[name]
    systemd = _systemd(name)
    _assert_well_formed(spans(systemd, parent="guest", start_ns=start, end_ns=end), "guest")
    whole = spans(systemd, parent="guest", start_ns=start)
    _assert_well_formed(whole, "guest")
    # All that blame tells of is there, as long as blame says.
    lengths = {span.id: span.duration_ns for span in whole}
    for unit in systemd.units.values():
        if unit.activation_ns and unit.type != "device":
            assert lengths[f"unit.{unit.name}"] == unit.activation_ns


@pytest.mark.parametrize(("name", "limit"), [("debian-12", 0.005), ("debian-13", 0.012)])
def test_unit_spans_explain_nearly_all(name: str, limit: float) -> None:
    start, end = STRETCH[name]
    found = spans(_systemd(name), parent="guest", start_ns=start, end_ns=end)
    # Not by a wait for PID 1, and not by a device that something else waited for.
    worked = [span for span in found if span.kind != "wait"]
    assert _timeline(worked, start, end).unaccounted_ns()["pid1"] < limit * (end - start)
    assert not any(span.kind == "wait" and span.id.endswith(".device") for span in found)
    assert _timeline(found, start, end).unaccounted_ns()["pid1"] < 0.002 * (end - start)


def test_unit_spans_stages_are_the_managers_times() -> None:
    found = _spans("debian-12")
    stages = [(id, s.start_ns // 1000, s.end_ns // 1000) for id, s in found.items() if "1." in id]
    assert stages[:7] == [
        ("pid1.exec", 2_677_066, 3_031_808),
        ("pid1.early", 3_031_808, 3_054_778),
        ("pid1.security", 3_054_778, 3_085_505),
        ("pid1.setup", 3_085_505, 3_323_001),
        ("pid1.generators", 3_323_001, 5_269_505),
        ("pid1.units-load", 5_270_049, 5_355_852),
        ("pid1.queue", 5_355_852, 6_119_179),
    ]


def test_unit_spans_of_a_unit_queued_started_and_active() -> None:
    found = _spans("debian-12")
    start, own = found["unit.ssh.service.start"], found["unit.ssh.service"]
    pre, main = found["unit.ssh.service.pre"], found["unit.ssh.service.main"]
    assert start.end_ns == own.start_ns == pre.start_ns == 19_340_955_000
    assert pre.end_ns == main.start_ns
    assert (pre.parent, main.parent, own.parent) == (own.id, own.id, "pid1")
    # It told the host while it was starting: what came after that is cut.
    assert own.end_ns == STRETCH["debian-12"][1]
    assert own.source == "ssh.service: InactiveExitTimestamp, ActiveEnterTimestamp, cut at the end"
    assert own.critical
    assert own.slack_ns == 0


def test_unit_spans_off_the_critical_path_have_slack() -> None:
    found = _spans("debian-12")
    off = found["unit.systemd-udev-trigger.service"]
    assert not off.critical
    # sysinit.target is after it, and was ready to start when the last of its units was up.
    assert off.slack_ns == found["unit.systemd-update-utmp.service"].end_ns - off.end_ns
    assert off.slack_ns > 9 * 10**9
    # Nothing that leads to the goal is after it.
    assert found["unit.dbus.service"].slack_ns is None


def test_unit_spans_of_targets_and_skipped_units_take_no_time() -> None:
    found = _spans("debian-12")
    assert found["unit.basic.target"].duration_ns == 0
    skipped = found["unit.systemd-firstboot.service"]
    assert skipped.name == "systemd-firstboot.service: its conditions did not hold"
    assert (skipped.kind, skipped.duration_ns) == ("frame", 0)
    automount = found["unit.proc-sys-fs-binfmt_misc.automount"]
    assert automount.name.endswith(": not started")
    assert "unit.plymouth-start.service" not in found


def test_unit_spans_of_a_device_wait_only_on_the_path() -> None:
    systemd = _systemd("debian-12")
    start, end = STRETCH["debian-12"]
    device = "unit.dev-ttyS0.device"
    aside = {s.id: s for s in spans(systemd, parent="x", start_ns=start, end_ns=end)}[device]
    assert (aside.kind, aside.critical) == ("frame", False)
    udevd = systemd.units["systemd-udevd.service"]
    assert aside.start_ns == udevd.up_ns
    assert aside.end_ns == 15_582_372_000
    for_getty = spans(systemd, parent="x", start_ns=start, goal="dev-ttyS0.device")
    waited = {s.id: s for s in for_getty}[device]
    assert (waited.kind, waited.critical) == ("wait", True)
    path = unit_path(systemd, "dev-ttyS0.device", start_ns=start)
    assert path.chain[-2:] == ("unit.systemd-udevd.service", device)


@pytest.mark.parametrize("name", SYSTEMD)
def test_goal_unit_is_what_allows_login(name: str) -> None:
    assert goal_unit(_systemd(name)) == "ssh.service"
    assert goal_unit(Systemd()) == ""


@pytest.mark.parametrize("name", SYSTEMD)
def test_critical_path_by_systemds_rule_equals_critical_chain(name: str) -> None:
    """critical-chain knows only of units that became active, and nothing of PID 1."""
    systemd = _systemd(name)
    active = {f"unit.{n}": unit for n, unit in systemd.units.items() if unit.active_enter_ns}
    by_rule = [
        replace(activity, after=tuple(f"unit.{name}" for name in active[activity.id].after))
        for activity in activities(systemd, start_ns=0)
        if activity.id in active
    ]
    path = critical_path(by_rule, "unit.ssh.service")
    assert [f"unit.{unit}" for unit in chain(recorded(name)["chain-ssh"])] == list(
        reversed(path.chain)
    )


@pytest.mark.parametrize("name", SYSTEMD)
def test_unit_path_differs_from_critical_chain_only_where_more_is_known(name: str) -> None:
    systemd = _systemd(name)
    start, _ = STRETCH[name]
    path = unit_path(systemd, "sshd.service", start_ns=start)
    assert path.chain[0] == "pid1.exec"
    units = [id for id in path.chain if id.startswith("unit.") and not id.endswith(".start")]
    skipped = {
        id for id in units if systemd.units[id.removeprefix("unit.")].inactive_exit_ns is None
    }
    theirs = [f"unit.{unit}" for unit in reversed(chain(recorded(name)["chain-ssh"]))]
    ours = [id for id in units if id not in skipped]
    # A unit that was skipped had to be come to as well, which critical-chain does not know.
    assert ours == [id for id in theirs if id in ours]
    assert len(ours) >= len(theirs) - 4
    assert set(theirs) - set(ours) <= {
        *("unit.-.slice", "unit.-.mount", "unit.dbus.socket", "unit.sockets.target"),
        "unit.systemd-hostnamed.socket",
    }


def test_unit_spans_of_an_activating_unit_last_to_the_end() -> None:
    unit = Unit(name="a.service", active_state="activating", inactive_exit_ns=5)
    found = spans(
        Systemd(units={"a.service": unit}), parent="x", start_ns=0, end_ns=9, goal="a.service"
    )
    assert [(s.id, s.start_ns, s.end_ns) for s in found[1:]] == [("unit.a.service", 5, 9)]
    assert found[1].source == "a.service: InactiveExitTimestamp, still activating"
    assert not found[1].critical


def test_unit_spans_of_a_waiting_unit_are_a_wait() -> None:
    name = "systemd-networkd-wait-online.service"
    unit = Unit(name=name, active_state="active", inactive_exit_ns=5, active_enter_ns=8)
    found = spans(Systemd(units={name: unit}), parent="x", start_ns=0)
    assert [(span.kind, span.duration_ns) for span in found] == [("frame", 8), ("wait", 3)]


def test_unit_spans_tell_systemd_in_the_initramfs_apart() -> None:
    manager = Manager(
        initrd=Stages(begin_ns=10, units_load_finish_ns=12),
        system=Stages(begin_ns=50, security_start_ns=55),
    )
    early = Unit(name="a.target", condition_ns=20, inactive_exit_ns=20, active_enter_ns=20)
    found = spans(
        Systemd(manager=manager, units={"a.target": early}), parent="x", start_ns=5, end_ns=99
    )
    assert [(s.id, s.start_ns, s.end_ns) for s in found if s.duration_ns] == [
        ("pid1", 5, 99),
        ("pid1.exec", 5, 10),
        ("pid1.initrd.queue", 12, 20),
        ("pid1.early", 50, 55),
    ]


def test_unit_spans_without_facts_are_a_frame() -> None:
    [frame] = spans(Systemd(), parent="x", start_ns=3, end_ns=9)
    assert (frame.id, frame.kind, frame.start_ns, frame.end_ns) == ("pid1", "frame", 3, 9)


@pytest.mark.parametrize("name", SYSTEMD)
def test_unit_spans_of_a_dump_agree_to_the_second(name: str) -> None:
    start, end = STRETCH[name]
    dumped = parse_dump(recorded(name)["dump"])
    found = spans(dumped, parent="x", start_ns=start, end_ns=end)
    _assert_well_formed(found, "x")
    exact = _spans(name)
    for span in found:
        if span.id in exact and not span.id.endswith((".queued", ".device")):
            assert abs(span.start_ns - exact[span.id].start_ns) <= 10**9, span.id


_TIME = st.none() | st.integers(1, 60)
_UNIT = st.sampled_from(("a.service", "b.target", "c.device", "d.socket", "ssh.service", "e.mount"))
_UNITS = st.dictionaries(
    _UNIT,
    st.builds(
        Unit,
        name=st.just(""),
        active_state=st.sampled_from(("active", "activating", "inactive")),
        conditions_met=st.none() | st.booleans(),
        condition_ns=_TIME,
        inactive_exit_ns=_TIME,
        active_enter_ns=_TIME,
        inactive_enter_ns=_TIME,
        main_start_ns=_TIME,
        after=st.lists(_UNIT).map(tuple),
        before=st.lists(_UNIT).map(tuple),
    ),
).map(lambda units: {name: replace(unit, name=name) for name, unit in units.items()})
_STAGES = st.builds(
    Stages,
    begin_ns=_TIME,
    security_start_ns=_TIME,
    security_finish_ns=_TIME,
    generators_start_ns=_TIME,
    generators_finish_ns=_TIME,
    units_load_start_ns=_TIME,
    units_load_finish_ns=_TIME,
)


@given(
    st.builds(Systemd, manager=st.builds(Manager, initrd=_STAGES, system=_STAGES), units=_UNITS),
    st.integers(0, 40),
    st.none() | st.integers(0, 70),
    st.sampled_from(("", "a.service", "c.device", "gone.service")),
)
def test_unit_spans_of_any_boot_are_well_formed(
    systemd: Systemd, start: int, end: int | None, goal: str
) -> None:
    found = spans(systemd, parent="x", start_ns=start, end_ns=end, goal=goal)
    _assert_well_formed(found, "x")


@given(st.integers(min_value=0), st.sampled_from(SYSTEMD))
def test_unit_spans_of_text_cut_anywhere(at: int, name: str) -> None:
    texts = recorded(name)
    cut = texts["show"][: at % len(texts["show"])]
    start, end = STRETCH[name]
    systemd = parse_show(cut, texts["manager"])
    _assert_well_formed(spans(systemd, parent="x", start_ns=start, end_ns=end), "x")
