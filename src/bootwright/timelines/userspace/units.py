"""What systemd says of a boot: the manager's times, and each unit's states and dependencies.

All times are the guest's CLOCK_MONOTONIC in nanoseconds, to the microsecond that systemd keeps.

Source: org.freedesktop.systemd1(5), "Properties" of the manager and of units; systemctl(1), "show".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_STAMP = "TimestampMonotonic"

UNIT_PROPERTIES = (
    *("Id", "Names", "Following", "LoadState", "ActiveState", "SubState", "Type", "Result"),
    *("Requires", "Requisite", "BindsTo", "Wants", "After", "Before", "Triggers", "TriggeredBy"),
    *("ConditionResult", f"Condition{_STAMP}", f"StateChange{_STAMP}"),
    *(f"InactiveExit{_STAMP}", f"ActiveEnter{_STAMP}"),
    *(f"ActiveExit{_STAMP}", f"InactiveEnter{_STAMP}"),
    *("ExecMainPID", f"ExecMainStart{_STAMP}"),
    *(f"ExecMainHandoff{_STAMP}", f"ExecMainExit{_STAMP}"),
)
"""What to ask of every unit; a systemd that does not know one leaves it out."""

_STAGES = ("Security", "Generators", "UnitsLoad")
MANAGER_PROPERTIES = (
    *("Version", "SystemState", "Virtualization"),
    *(f"{name}{_STAMP}" for name in ("Firmware", "Loader", "Kernel", "InitRD", "Userspace")),
    f"Finish{_STAMP}",
    *(
        f"{where}{stage}{end}{_STAMP}"
        for where in ("", "InitRD")
        for stage in _STAGES
        for end in ("Start", "Finish")
    ),
)
"""What to ask of the manager."""
ASK_UNITS = f"systemctl show --all '*' --property={','.join(UNIT_PROPERTIES)}"
"""The line for the guest's shell. Without --all, '*' leaves out what is inactive: a oneshot that
has done its work, a unit that was skipped."""
ASK_MANAGER = f"systemctl show --property={','.join(MANAGER_PROPERTIES)}"

_NEVER = 2**64 - 1
# Every unit has these, whatever its type.
_ALWAYS = ("ActiveState", "After", f"InactiveExit{_STAMP}", f"ActiveEnter{_STAMP}")
_US_NS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit, as systemd knew it after the boot; a time is None where it never came about."""

    name: str
    names: tuple[str, ...] = ()
    """Its name and aliases."""
    following: str = ""
    """The device that this one is another name of."""
    service_type: str = ""
    """How a service tells that it is up, such as ``notify`` or ``oneshot``."""
    load_state: str = ""
    active_state: str = ""
    sub_state: str = ""
    result: str = ""
    conditions_met: bool | None = None
    condition_ns: int | None = None
    """When its conditions were last looked at: the first thing that PID 1 does for a start."""
    inactive_exit_ns: int | None = None
    active_enter_ns: int | None = None
    active_exit_ns: int | None = None
    inactive_enter_ns: int | None = None
    state_change_ns: int | None = None
    main_pid: int | None = None
    main_start_ns: int | None = None
    main_handoff_ns: int | None = None
    """When the process executed the program; systemd 256 and later."""
    main_exit_ns: int | None = None
    requires: tuple[str, ...] = ()
    requisite: tuple[str, ...] = ()
    binds_to: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    triggered_by: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """Its kind, such as ``service``."""
        return self.name.rpartition(".")[2]

    @property
    def up_ns(self) -> int | None:
        """When its start was over: active, or through with its work, or failed.

        Source: acquire_time_data in src/analyze/analyze-time-data.c: ActiveEnter where that came
        after InactiveExit, else InactiveEnter where that did.
        """
        if self.inactive_exit_ns is None:
            return None
        for end in (self.active_enter_ns, self.inactive_enter_ns):
            if end is not None and end >= self.inactive_exit_ns:
                return end
        return None

    @property
    def activation_ns(self) -> int | None:
        """How long its start took: what ``systemd-analyze blame`` says of it."""
        if self.inactive_exit_ns is None or self.up_ns is None:
            return None
        return self.up_ns - self.inactive_exit_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What one systemd did before it started its first unit; None where it did not tell."""

    begin_ns: int | None = None
    """Its ``main()``: InitRDTimestamp or UserspaceTimestamp."""
    security_start_ns: int | None = None
    security_finish_ns: int | None = None
    generators_start_ns: int | None = None
    generators_finish_ns: int | None = None
    units_load_start_ns: int | None = None
    units_load_finish_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """PID 1 itself."""

    version: str = ""
    state: str = ""
    initrd: Stages = Stages()
    """Of the systemd in the initramfs, where there is one."""
    system: Stages = Stages()
    finish_ns: int | None = None
    """When all that the boot was asked for had been started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Systemd:
    """All that systemd told of one boot."""

    manager: Manager = Manager()
    units: dict[str, Unit] = field(default_factory=dict)
    """By name, aliases left out."""
    error_ns: int = _US_NS
    """By how much a time may be off."""
    warnings: tuple[str, ...] = ()

    def named(self, name: str) -> Unit | None:
        """Return the unit that *name*, or an alias, stands for."""
        if name in self.units:
            return self.units[name]
        return next((unit for unit in self.units.values() if name in unit.names), None)


def parse_show(units: str, manager: str = "") -> Systemd:
    """Read what ``systemctl show`` printed.

    Nothing in the texts makes this fail: what cannot be read is left out, with a warning.

    Args:
        units: Of all units: lines ``KEY=VALUE``, a blank line between two units.
        manager: Of the manager itself; empty where nobody asked.
    """
    warnings: list[str] = []
    found: dict[str, Unit] = {}
    for block in _blocks(_whole(units, "units", warnings)):
        fields = _fields(block, warnings)
        name = fields.get("Id", "")
        if not name:
            if fields:
                warnings.append(f"ignored a unit without Id ({len(fields)} properties)")
            continue
        if missing := [key for key in _ALWAYS if key not in fields]:
            warnings.append(f"unit {name} has no {', '.join(missing)}: its text is truncated")
        # A unit that is listed under each of its names is told of more than once.
        found.setdefault(name, _unit(name, fields, warnings))
    told = _fields(_whole(manager, "manager", warnings).split("\n"), warnings)
    return Systemd(manager=_manager(told, warnings), units=found, warnings=tuple(warnings))


def _whole(text: str, what: str, warnings: list[str]) -> str:
    """Return the lines of *text* that are whole: one without an end may have been cut."""
    text = text.replace("\r\n", "\n")
    lines, _, torn = text.rpartition("\n")
    if torn:
        warnings.append(f"the text of the {what} ends inside a line, which is ignored")
    return lines


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.split("\n"):
        if line:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _fields(lines: Iterable[str], warnings: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and key:
            fields.setdefault(key, value)
        elif line:
            warnings.append(f"not a property: {line[:60]!r}")
    return fields


_DIGITS = re.compile(r"[0-9]{1,20}")


def _stamps(fields: dict[str, str], key: str, warnings: list[str]) -> int | None:
    """Read a time; 0 and infinity stand for never."""
    value = fields.get(f"{key}{_STAMP}", "")
    if not value:
        return None
    if not _DIGITS.fullmatch(value):
        warnings.append(f"{key}{_STAMP} is not a number of microseconds: {value[:40]!r}")
        return None
    return None if int(value) in (0, _NEVER) else int(value) * _US_NS


def words(value: str) -> tuple[str, ...]:
    """Read a list as systemctl shows it: names that hold a backslash are quoted and escaped.

    Source: bus_print_property in src/shared/bus-print-properties.c, which calls shell_maybe_quote.
    """
    return tuple(
        re.sub(r"\\(.)", r"\1", word[1:-1])
        if len(word) > 1 and word[0] == word[-1] == '"'
        else word
        for word in value.split()
    )


def _unit(name: str, fields: dict[str, str], warnings: list[str]) -> Unit:
    def stamp(key: str) -> int | None:
        return _stamps(fields, key, warnings)

    pid = fields.get("ExecMainPID", "")
    return Unit(
        name=name,
        names=words(fields.get("Names", "")) or (name,),
        following=fields.get("Following", ""),
        # A mount's Type= is its filesystem's.
        service_type=fields.get("Type", "") if name.endswith(".service") else "",
        load_state=fields.get("LoadState", ""),
        active_state=fields.get("ActiveState", ""),
        sub_state=fields.get("SubState", ""),
        result=fields.get("Result", ""),
        conditions_met={"yes": True, "no": False}.get(fields.get("ConditionResult", "")),
        condition_ns=stamp("Condition"),
        inactive_exit_ns=stamp("InactiveExit"),
        active_enter_ns=stamp("ActiveEnter"),
        active_exit_ns=stamp("ActiveExit"),
        inactive_enter_ns=stamp("InactiveEnter"),
        state_change_ns=stamp("StateChange"),
        main_pid=int(pid) if _DIGITS.fullmatch(pid) and int(pid) else None,
        main_start_ns=stamp("ExecMainStart"),
        main_handoff_ns=stamp("ExecMainHandoff"),
        main_exit_ns=stamp("ExecMainExit"),
        requires=words(fields.get("Requires", "")),
        requisite=words(fields.get("Requisite", "")),
        binds_to=words(fields.get("BindsTo", "")),
        wants=words(fields.get("Wants", "")),
        after=words(fields.get("After", "")),
        before=words(fields.get("Before", "")),
        triggers=words(fields.get("Triggers", "")),
        triggered_by=words(fields.get("TriggeredBy", "")),
    )


def _manager(fields: dict[str, str], warnings: list[str]) -> Manager:
    def stamp(key: str) -> int | None:
        return _stamps(fields, key, warnings)

    def stages(begin: str, where: str) -> Stages:
        return Stages(
            begin_ns=stamp(begin),
            security_start_ns=stamp(f"{where}SecurityStart"),
            security_finish_ns=stamp(f"{where}SecurityFinish"),
            generators_start_ns=stamp(f"{where}GeneratorsStart"),
            generators_finish_ns=stamp(f"{where}GeneratorsFinish"),
            units_load_start_ns=stamp(f"{where}UnitsLoadStart"),
            units_load_finish_ns=stamp(f"{where}UnitsLoadFinish"),
        )

    return Manager(
        version=fields.get("Version", ""),
        state=fields.get("SystemState", ""),
        initrd=stages("InitRD", "InitRD"),
        system=stages("Userspace", ""),
        finish_ns=stamp("Finish"),
    )
