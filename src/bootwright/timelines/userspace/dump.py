"""``systemd-analyze dump``: the same of a boot that nobody watched, by the clock on the wall.

The dump gives wall-clock times, most of them to the second, and no monotonic ones; its "Timestamp
kernel" is the wall clock when the monotonic one was 0. So each time may be off by a second.

Source: manager_dump in src/core/manager-dump.c, unit_dump in src/core/unit-serialize.c and
exec_status_dump in src/core/execute.c, of systemd 252 and 257; systemd-analyze(1), "dump": its
format may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from bootwright.timelines.userspace.units import Manager, Stages, Systemd, Unit

ERROR_NS = 1_000_000_000
"""By how much a time may be off: the dump's own and its origin's are cut to the second."""

_UNIT = re.compile(r"(?:->|→) Unit (?P<name>[^\s:].*):")
_FIELD = re.compile(r"\t(?P<key>[^\t:→][^:]*?): ?(?P<value>.*)")
_COMMAND = re.compile(r"\t(?:->|→) (?P<name>\w+):")
_DETAIL = re.compile(r"\t\t+(?P<key>[^\t:][^:]*?): ?(?P<value>.*)")
_MANAGER = re.compile(r"(?P<key>Manager|Timestamp [\w-]+): (?P<value>.*)")
_TIME = re.compile(
    r"(?:\w{2,12}\.? )?(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?: .*)?"
)
_NEVER = ("", "n/a")


class _Clock:
    """Turns times on the wall into monotonic ones."""

    def __init__(self, warnings: list[str]) -> None:
        self._origin_us: int | None = None
        self._warnings = warnings

    def begin(self, kernel: str) -> None:
        self._origin_us = self._wall_us(kernel)

    def ns(self, value: str) -> int | None:
        wall = self._wall_us(value)
        if wall is None or self._origin_us is None:
            return None
        # What both cut off may make a time of the first second negative.
        return max(0, wall - self._origin_us) * 1000

    def _wall_us(self, value: str) -> int | None:
        if value in _NEVER:
            return None
        if found := _TIME.fullmatch(value):
            *numbers, fraction = found.groups()
            year, month, day, hour, minute, second = (int(number) for number in numbers)
            try:
                # All are of one time zone, so which one does not matter.
                at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                pass
            else:
                return int(at.timestamp()) * 1_000_000 + int((fraction or "").ljust(6, "0"))
        self._warnings.append(f"invalid time: {value[:40]!r}")
        return None


def parse_dump(text: str) -> Systemd:
    """Read what ``systemd-analyze dump`` printed.

    Nothing in the text makes this fail: what cannot be read is left out, with a warning.
    """
    text = text.replace("\r\n", "\n")
    text, _, torn = text.rpartition("\n")
    warnings: list[str] = []
    if torn:
        warnings.append("the dump ends inside a line, which is ignored")
    head: dict[str, str] = {}
    bodies: dict[str, list[str]] = {}
    body: list[str] | None = None
    for line in text.split("\n"):
        if started := _UNIT.fullmatch(line):
            body = bodies.setdefault(started["name"], [])
        elif line.startswith("\t"):
            if body is not None:
                body.append(line)
        else:
            # Jobs, which have blocks of their own, are not read.
            body = None
            if told := _MANAGER.fullmatch(line):
                head.setdefault(told["key"], told["value"])
    clock = _Clock(warnings)
    clock.begin(head.get("Timestamp kernel", ""))
    if bodies and "Timestamp kernel" not in head:
        warnings.append("the dump does not say when the kernel started: no unit has times")
    if bodies:
        warnings.append("the dump's times are of the wall clock; each may be off by up to a second")
    return Systemd(
        manager=_manager(head, clock),
        units={name: _unit(name, lines, clock) for name, lines in bodies.items()},
        error_ns=ERROR_NS,
        warnings=tuple(warnings),
    )


def _manager(head: dict[str, str], clock: _Clock) -> Manager:
    def stamp(name: str) -> int | None:
        return clock.ns(head.get(f"Timestamp {name}", ""))

    def stages(begin: str, where: str) -> Stages:
        return Stages(
            begin_ns=stamp(begin),
            security_start_ns=stamp(f"{where}security-start"),
            security_finish_ns=stamp(f"{where}security-finish"),
            generators_start_ns=stamp(f"{where}generators-start"),
            generators_finish_ns=stamp(f"{where}generators-finish"),
            units_load_start_ns=stamp(f"{where}units-load-start"),
            units_load_finish_ns=stamp(f"{where}units-load-finish"),
        )

    # "systemd 252 (252.39-1~deb12u2)"
    version = re.search(r"\((.*)\)", head.get("Manager", ""))
    return Manager(
        version=version[1] if version else head.get("Manager", "").removeprefix("systemd "),
        initrd=stages("initrd", "initrd-"),
        system=stages("userspace", ""),
        finish_ns=stamp("finish"),
    )


_STATES = ("Service State", "Mount State", "Socket State", "Device State", "Target State")
_MORE_STATES = ("Timer State", "Path State", "Slice State", "Scope State", "Swap State")
_AUTOMOUNT_STATE = "Automount State"


def _unit(name: str, lines: Iterable[str], clock: _Clock) -> Unit:
    fields: dict[str, list[str]] = {}
    main: dict[str, str] = {}
    command = ""
    for line in lines:
        if opened := _COMMAND.fullmatch(line):
            command = opened["name"]
        elif (told := _DETAIL.fullmatch(line)) is not None:
            if command == "ExecStart":
                # Of several commands the last to start is the one that systemctl shows.
                main[told["key"]] = told["value"]
        elif (told := _FIELD.fullmatch(line)) is not None:
            command = ""
            fields.setdefault(told["key"], []).append(told["value"])

    def one(key: str) -> str:
        return fields.get(key, [""])[0]

    def many(key: str) -> tuple[str, ...]:
        # "sysinit.target (origin-default)"
        return tuple(dict.fromkeys(value.split(" ")[0] for value in fields.get(key, ())))

    pid = main.get("PID", one("Main PID"))
    states = (one(key) for key in (*_STATES, *_MORE_STATES, _AUTOMOUNT_STATE))
    return Unit(
        name=name,
        names=(name, *fields.get("Alias", ())),
        following=one("Following"),
        service_type=one("Type") if name.endswith(".service") else "",
        load_state=one("Unit Load State"),
        active_state=one("Unit Active State"),
        sub_state=next((state for state in states if state), ""),
        result=one("Result"),
        conditions_met={"yes": True, "no": False}.get(one("Condition Result")),
        condition_ns=clock.ns(one("Condition Timestamp")),
        inactive_exit_ns=clock.ns(one("Inactive Exit Timestamp")),
        active_enter_ns=clock.ns(one("Active Enter Timestamp")),
        active_exit_ns=clock.ns(one("Active Exit Timestamp")),
        inactive_enter_ns=clock.ns(one("Inactive Enter Timestamp")),
        state_change_ns=clock.ns(one("State Change Timestamp")),
        main_pid=int(pid) if re.fullmatch(r"[0-9]{1,9}", pid) else None,
        main_start_ns=clock.ns(main.get("Start Timestamp", "")),
        requires=many("Requires"),
        requisite=many("Requisite"),
        binds_to=many("BindsTo"),
        wants=many("Wants"),
        after=many("After"),
        before=many("Before"),
        triggers=many("Triggers"),
        triggered_by=many("TriggeredBy"),
    )
