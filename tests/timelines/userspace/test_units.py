"""Units: what systemd 252 and 257 really said, held against systemd-analyze's own word."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.timelines.userspace.dump import ERROR_NS, parse_dump
from bootwright.timelines.userspace.units import (
    MANAGER_PROPERTIES,
    UNIT_PROPERTIES,
    Systemd,
    Unit,
    parse_show,
)
from tests.timelines.recorded import SYSTEMD, blame, recorded


@pytest.fixture(scope="module", params=SYSTEMD)
def texts(request: pytest.FixtureRequest) -> dict[str, str]:
    return recorded(request.param)


@pytest.fixture(scope="module")
def shown(texts: dict[str, str]) -> Systemd:
    return parse_show(texts["show"], texts["manager"])


def test_parse_show_of_a_real_boot_is_complete(texts: dict[str, str], shown: Systemd) -> None:
    assert shown.warnings == ()
    names = [line for line in texts["show"].splitlines() if line.startswith("Id=")]
    assert [f"Id={name}" for name in shown.units] == names
    assert len(names) > 160


def test_parse_show_activation_times_equal_blame(texts: dict[str, str], shown: Systemd) -> None:
    # Blame cuts to the millisecond.
    ours = {
        unit.name: unit.activation_ns // 1_000_000
        for unit in shown.units.values()
        if unit.activation_ns
    }
    theirs = blame(texts["blame"])
    assert len(theirs) > 25
    assert {name: round(length) for name, length in theirs.items()} == {
        name: length for name, length in ours.items() if length or name in theirs
    }


def test_parse_show_manager_times_equal_systemd_analyze_time(
    texts: dict[str, str], shown: Systemd
) -> None:
    begin, finish = shown.manager.system.begin_ns, shown.manager.finish_ns
    assert begin is not None
    assert finish is not None
    [line] = [row for row in texts["time"].splitlines() if row.startswith("Startup finished")]
    assert f"in {begin // 10**6 / 1000:.3f}s (kernel)" in line
    assert f"{(finish - begin) // 10**6 / 1000:.3f}s (userspace)" in line
    assert shown.manager.version.startswith(("252", "257"))
    assert shown.manager.initrd.begin_ns is None


_TIMES = tuple(
    field.name
    for field in fields(Unit)
    # A dump has no end of a process that gave its times, and 252's counts it as no time at all.
    if field.name.endswith("_ns") and not field.name.startswith("main_")
)
_TEXTS = ("following", "service_type", "load_state", "active_state", "sub_state")
_LISTS = ("requires", "requisite", "binds_to", "wants", "after", "before", "triggers")


def test_parse_dump_equals_parse_show(texts: dict[str, str], shown: Systemd) -> None:
    dumped = parse_dump(texts["dump"])
    assert dumped.warnings == (
        "the dump's times are of the wall clock; each may be off by up to a second",
    )
    assert set(dumped.units) == set(shown.units)
    assert dumped.manager.version == shown.manager.version
    for name, unit in shown.units.items():
        other = dumped.units[name]
        for key in (*_LISTS, "triggered_by", "names"):
            assert set(getattr(other, key)) == set(getattr(unit, key)), (name, key)
        # Of a unit that is not loaded the dump gives no more than what all units have.
        for key in _TEXTS if unit.load_state == "loaded" else ("active_state", "load_state"):
            assert getattr(other, key) == getattr(unit, key), (name, key)
        for key in _TIMES:
            told, exact = getattr(other, key), getattr(unit, key)
            assert (told is None) == (exact is None), (name, key)
            assert told is None or abs(told - exact) <= ERROR_NS, (name, key)
    for stage in ("begin", "security_start", "generators_finish", "units_load_finish"):
        told = getattr(dumped.manager.system, f"{stage}_ns")
        assert abs(told - getattr(shown.manager.system, f"{stage}_ns")) <= ERROR_NS


def test_parse_show_of_the_ssh_service() -> None:
    texts = recorded("debian-12")
    unit = parse_show(texts["show"]).named("sshd.service")
    assert unit is not None
    assert (unit.name, unit.type, unit.service_type) == ("ssh.service", "service", "notify")
    assert unit.names == ("ssh.service", "sshd.service")
    assert unit.condition_ns == 19_282_928_000
    assert unit.inactive_exit_ns == 19_340_955_000
    assert unit.active_enter_ns == 22_191_252_000
    assert unit.active_exit_ns is None
    assert unit.conditions_met is True
    assert unit.main_pid == 170
    assert "sysinit.target" in unit.requires
    assert unit.after == (
        *("systemd-journald.socket", "network.target", "auditd.service", "system.slice"),
        *("sysinit.target", "-.mount", "basic.target"),
    )


def test_parse_show_unescapes_names_alike_in_ids_and_lists() -> None:
    name = "dev-disk-by\\x2dlabel-root.device"
    shown = parse_show(recorded("debian-12")["show"])
    assert shown.units[name].names == (name,)


def test_parse_show_accepts_equals_signs_and_blank_lines() -> None:
    text = "\n\nId=a=b.service\nAfter=x=y.target z.target\n\n\n\nId=c.target\n"
    shown = parse_show(text)
    assert shown.units["a=b.service"].after == ("x=y.target", "z.target")
    assert list(shown.units) == ["a=b.service", "c.target"]


def test_parse_show_warns_of_what_it_cannot_read() -> None:
    text = "ActiveState=active\n\nId=a.service\nnonsense\nInactiveExitTimestampMonotonic=soon\n"
    shown = parse_show(text, "Version=252\nUserspaceTimestampMonotonic=12")
    assert shown.units["a.service"].inactive_exit_ns is None
    assert shown.manager.version == "252"
    assert shown.manager.system.begin_ns is None
    assert shown.warnings == (
        "ignored a unit without Id (1 properties)",
        "not a property: 'nonsense'",
        "unit a.service has no ActiveState, After, ActiveEnterTimestampMonotonic: "
        "its text is truncated",
        "InactiveExitTimestampMonotonic is not a number of microseconds: 'soon'",
        "the text of the manager ends inside a line, which is ignored",
    )


def test_parse_show_takes_zero_and_infinity_for_never() -> None:
    text = "Id=a.service\nActiveEnterTimestampMonotonic=0\n"
    text += f"InactiveExitTimestampMonotonic={2**64 - 1}\n"
    unit = parse_show(text).units["a.service"]
    assert (unit.active_enter_ns, unit.inactive_exit_ns, unit.up_ns) == (None, None, None)


def test_unit_properties_are_unique() -> None:
    for asked in (UNIT_PROPERTIES, MANAGER_PROPERTIES):
        assert len(set(asked)) == len(asked)


@given(st.integers(min_value=0))
def test_parse_show_of_text_cut_anywhere(at: int) -> None:
    text = recorded("debian-12")["show"][:9000]
    cut = parse_show(text[: at % len(text)])
    whole = parse_show(text)
    assert set(cut.units) <= set(whole.units)
    for unit in list(cut.units.values())[:-1]:
        assert unit == whole.units[unit.name]
    if not text[: at % len(text)].endswith("\n") and at % len(text):
        assert cut.warnings != ()


@given(st.integers(min_value=0))
def test_parse_dump_of_text_cut_anywhere(at: int) -> None:
    text = recorded("debian-13")["dump"][:30000]
    cut = parse_dump(text[: at % len(text)])
    whole = parse_dump(text)
    for unit in list(cut.units.values())[:-1]:
        assert unit == whole.units[unit.name]


_LINES = st.lists(
    st.one_of(
        st.text(),
        st.sampled_from(
            (
                *("Id=a.service", "", "After=b.service a.service", 'Names="', "Type=oneshot"),
                *(f"{key}=7" for key in UNIT_PROPERTIES),
                *("-> Unit a.service:", "→ Unit b.service:", "\tAfter: a.service (origin-file)"),
                *("Timestamp kernel: Wed 2026-11-25 02:41:45 UTC", "Timestamp finish: x"),
                *("\tActive Enter Timestamp: Wed 9999-99-99 99:99:99 UTC", "\t-> ExecStart:"),
                *("\tInactive Exit Timestamp: 2026-11-25 02:41:44.5", "\t\t\tPID: 7"),
            )
        ),
    )
).map("\n".join)


@given(_LINES, _LINES)
def test_parse_show_and_parse_dump_accept_any_text(units: str, manager: str) -> None:
    for told in (parse_show(units, manager), parse_dump(units)):
        assert all(name == unit.name != "" for name, unit in told.units.items())


def test_parse_dump_without_its_head_has_no_times() -> None:
    text = "-> Unit a.service:\n\tActive Enter Timestamp: Wed 2026-11-25 02:42:07 UTC\n"
    dumped = parse_dump(text)
    assert dumped.units["a.service"].active_enter_ns is None
    assert "the dump does not say when the kernel started: no unit has times" in dumped.warnings
