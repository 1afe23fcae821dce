"""PID 1's stretch of a boot: what systemd did itself, and each unit, from systemd's own times.

PID 1 is one thread. What lies between two times that it takes one after the other in its ``main()``
is its own work: until it starts the first unit, nothing runs that it does not wait for. From then
on it tells of each unit three times: when it took it up (it looks at the conditions), when the
unit's first process had been made (InactiveExit), and when the unit was up. So ``unit.X.start`` is
PID 1's work for a unit and ``unit.X`` the unit's own.

A device that udev told of did no work: its span is a frame, and a wait only where the goal waited
for it. ``unit.X.queued`` is there along the critical path alone: all that X was after was up, and
PID 1 had not come to it. That is long where others, such as udev's workers, have the processor or
keep PID 1 busy: it starts units only when it has nothing else to do.

Source: main() in src/core/main.c; manager_startup and manager_setup_run_queue in
src/core/manager.c; unit_start and unit_notify in src/core/unit.c; bootup(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bootwright.timelines.critical import Activity, CriticalPath, critical_path
from bootwright.timelines.span import Kind, Span
from bootwright.timelines.userspace.units import Stages, Systemd, Unit

GOALS = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket")
"""What makes a guest one that can be logged in to."""
_UDEV = ("systemd-udevd.service", "systemd-udev-trigger.service")
# Their only purpose is to wait. Source: the man page of each.
_WAITERS = (
    "systemd-udev-settle.service",
    "systemd-networkd-wait-online.service",
    "NetworkManager-wait-online.service",
)
# The others are there as soon as PID 1 says so.
_WORKERS = ("service", "mount", "swap", "socket")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A span to be, and what it came after."""

    id: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int | None
    """None: it had not ended when somebody looked."""
    source: str
    after: tuple[str, ...] = ()
    parent: str = "pid1"


def goal_unit(systemd: Systemd) -> str:
    """Return the unit whose start let people log in: the first of GOALS; empty: there is none."""
    up = {
        unit.name: unit.up_ns
        for name in GOALS
        if (unit := systemd.named(name)) is not None and unit.up_ns is not None
    }
    return min(up, key=lambda name: up[name], default="")


def activities(systemd: Systemd, *, start_ns: int) -> list[Activity]:
    """Return what PID 1 and the units did, for a critical path; ids are those of the spans.

    Args:
        start_ns: When PID 1 was executed, on the guest's clock.
    """
    return [
        Activity(id=piece.id, start_ns=piece.start_ns, end_ns=piece.end_ns, after=piece.after)
        for piece in _pieces(systemd, start_ns)
        if piece.parent == "pid1" and piece.end_ns is not None
    ]


def unit_path(systemd: Systemd, goal: str, *, start_ns: int = 0) -> CriticalPath:
    """Return what the unit *goal* really waited for, back to the exec of PID 1."""
    unit = systemd.named(goal)
    name = goal if unit is None else unit.name
    return critical_path(activities(systemd, start_ns=start_ns), f"unit.{name}")


def spans(
    systemd: Systemd, *, parent: str, start_ns: int, end_ns: int | None = None, goal: str = ""
) -> list[Span]:
    """Return PID 1's stretch as spans: ``pid1`` first, then all that is below it.

    Args:
        parent: The id of the span that ``pid1`` is part of.
        start_ns: When PID 1 was executed, on the guest's clock.
        end_ns: When the stretch ended; what started later is left out, what went on is cut. None:
            when all that systemd tells of was over.
        goal: The unit that the critical path leads to; empty: the one that lets people log in.

    Returns:
        Spans in nanoseconds of the guest's clock, none outside of its parent.
    """
    pieces = list(_pieces(systemd, start_ns))
    path = unit_path(systemd, goal or goal_unit(systemd), start_ns=start_ns)
    ends = [end for piece in pieces for end in (piece.start_ns, piece.end_ns) if end is not None]
    last_ns = max(start_ns, *ends, start_ns) if end_ns is None else max(start_ns, end_ns)
    pieces += _queued(pieces, path)
    found = [
        Span(
            id="pid1",
            parent=parent,
            layer="userspace",
            name="PID 1",
            kind="frame",
            start_ns=start_ns,
            end_ns=last_ns,
            source="the exec of init, and the end that was asked for",
        )
    ]
    chain = set(path.chain)
    for piece in pieces:
        if piece.start_ns > last_ns or (piece.end_ns or last_ns) < start_ns:
            continue
        whole_end_ns = last_ns if piece.end_ns is None else piece.end_ns
        critical = piece.id in chain or piece.parent in chain or piece.id.endswith(".queued")
        begin, end = max(start_ns, piece.start_ns), min(last_ns, whole_end_ns)
        found.append(
            Span(
                id=piece.id,
                parent=piece.parent,
                layer="userspace",
                name=piece.name,
                kind=_kind(piece, critical=critical),
                start_ns=begin,
                end_ns=max(begin, end),
                source=piece.source + (", cut at the end" if whole_end_ns > last_ns else ""),
                critical=critical,
                slack_ns=0 if critical else path.slack_ns.get(piece.id),
            )
        )
    return found


def _kind(piece: _Piece, *, critical: bool) -> Kind:
    """A device explains time only where the goal waited for it."""
    return "wait" if critical and _is_device(piece.id) else piece.kind


def _is_device(id_: str) -> bool:
    return id_.startswith("unit.") and id_.endswith(".device")


def _queued(pieces: list[_Piece], path: CriticalPath) -> Iterator[_Piece]:
    """Yield the waits along the path: all that a unit was after was up, and it had not started."""
    known = {piece.id: piece for piece in pieces}
    for id_ in path.chain:
        if not id_.startswith("unit.") or id_ not in path.waited_for:
            continue
        before, own = known[path.waited_for[id_]], known[id_]
        if before.end_ns is not None and before.end_ns < own.start_ns:
            unit = id_.removesuffix(".start")
            yield _Piece(
                id=f"{unit}.queued",
                name=f"{unit.removeprefix('unit.')}: waits for PID 1",
                kind="wait",
                start_ns=before.end_ns,
                end_ns=own.start_ns,
                source=f"the end of {before.id}, and the start of {own.id}, which is after it",
            )


def _pieces(systemd: Systemd, start_ns: int) -> Iterator[_Piece]:
    stages = list(_stages(systemd, start_ns))
    yield from stages
    before = tuple(stage.id for stage in stages)
    after = _after(systemd)
    for unit in systemd.units.values():
        own = (*before, *(f"unit.{name}" for name in after[unit.name]))
        if unit.type == "device":
            yield from _device(unit, systemd, before)
        else:
            yield from _unit(unit, own)


def _after(systemd: Systemd) -> dict[str, tuple[str, ...]]:
    """Return what each unit is after, by their own names, whichever of the two says so."""
    real_name = {alias: unit.name for unit in systemd.units.values() for alias in unit.names}
    real_name |= {name: name for name in systemd.units}
    after = {
        unit.name: [real_name[name] for name in unit.after if name in real_name]
        for unit in systemd.units.values()
    }
    for unit in systemd.units.values():
        for name in unit.before:
            if name in real_name:
                after[real_name[name]].append(unit.name)
    return {name: tuple(dict.fromkeys(names)) for name, names in after.items()}


def _stages(systemd: Systemd, start_ns: int) -> Iterator[_Piece]:
    """Yield what PID 1 does before its first unit, one behind the other."""
    initrd, system = systemd.manager.initrd, systemd.manager.system
    first_ns = system.begin_ns if initrd.begin_ns is None else initrd.begin_ns
    parts: list[tuple[str, str, int | None, int | None, str]] = [
        ("exec", "systemd: until its main()", start_ns, first_ns, "the exec of init, its main()")
    ]
    if initrd.begin_ns is not None:
        parts += _stages_of(initrd, systemd, "initrd.", until_ns=system.begin_ns)
    parts += _stages_of(system, systemd, "", until_ns=None)
    before: list[str] = []
    for id_, name, start, end, source in parts:
        if start is None or end is None or end < start:
            continue
        yield _Piece(
            id=f"pid1.{id_}",
            name=name,
            kind="work",
            start_ns=start,
            end_ns=end,
            source=source,
            after=tuple(before),
        )
        before.append(f"pid1.{id_}")


def _stages_of(
    stages: Stages, systemd: Systemd, prefix: str, *, until_ns: int | None
) -> list[tuple[str, str, int | None, int | None, str]]:
    loaded_ns = stages.units_load_finish_ns
    started = [
        unit.condition_ns
        for unit in systemd.units.values()
        if unit.condition_ns is not None
        and loaded_ns is not None
        and loaded_ns <= unit.condition_ns
        and (until_ns is None or unit.condition_ns <= until_ns)
    ]
    where = "InitRD" if prefix else ""
    begin = "InitRDTimestamp" if prefix else "UserspaceTimestamp"
    rows = (
        ("early", "first mounts", stages.begin_ns, stages.security_start_ns),
        ("security", "security policies", stages.security_start_ns, stages.security_finish_ns),
        (
            "setup",
            "mounts, cgroups, host name",
            stages.security_finish_ns,
            stages.generators_start_ns,
        ),
        ("generators", "generators", stages.generators_start_ns, stages.generators_finish_ns),
        ("units-load", "units it finds there", stages.units_load_start_ns, loaded_ns),
        ("queue", "loads units, queues jobs", loaded_ns, min(started, default=None)),
    )
    sources = (
        f"{begin}, {where}SecurityStartTimestamp",
        f"{where}SecurityStartTimestamp, {where}SecurityFinishTimestamp",
        f"{where}SecurityFinishTimestamp, {where}GeneratorsStartTimestamp",
        f"{where}GeneratorsStartTimestamp, {where}GeneratorsFinishTimestamp",
        f"{where}UnitsLoadStartTimestamp, {where}UnitsLoadFinishTimestamp",
        f"{where}UnitsLoadFinishTimestamp, the first unit's ConditionTimestamp",
    )
    return [
        (f"{prefix}{id_}", f"systemd: {name}", start, end, source)
        for (id_, name, start, end), source in zip(rows, sources, strict=True)
    ]


def _unit(unit: Unit, after: tuple[str, ...]) -> Iterator[_Piece]:
    id_, name = f"unit.{unit.name}", unit.name
    taken_up = unit.condition_ns
    if unit.inactive_exit_ns is None:
        if taken_up is not None:
            why = "its conditions did not hold" if unit.conditions_met is False else "not started"
            yield _Piece(
                id=id_,
                name=f"{name}: {why}",
                kind="frame",
                start_ns=taken_up,
                end_ns=taken_up,
                source=f"{name}: ConditionTimestamp, ConditionResult",
                after=after,
            )
        return
    if taken_up is not None and taken_up <= unit.inactive_exit_ns:
        yield _Piece(
            id=f"{id_}.start",
            name=f"{name}: PID 1 starts it",
            kind="work",
            start_ns=taken_up,
            end_ns=unit.inactive_exit_ns,
            source=f"{name}: ConditionTimestamp, InactiveExitTimestamp",
            after=after,
        )
        after = (f"{id_}.start",)
    up_ns = unit.up_ns
    if up_ns is None and unit.active_state != "activating":
        up_ns = unit.inactive_exit_ns
    end = "ActiveEnterTimestamp" if unit.active_enter_ns == up_ns else "InactiveEnterTimestamp"
    worked = unit.type in _WORKERS and up_ns != unit.inactive_exit_ns
    kind: Kind = "frame" if not worked else "wait" if name in _WAITERS else "work"
    yield _Piece(
        id=id_,
        name=name,
        kind=kind,
        start_ns=unit.inactive_exit_ns,
        end_ns=up_ns,
        source=f"{name}: InactiveExitTimestamp, {end if up_ns is not None else 'still activating'}",
        after=after,
    )
    yield from _inside(unit, kind)


def _inside(unit: Unit, kind: Kind) -> Iterator[_Piece]:
    """Yield what ran before a service's main process and that process, where both ran."""
    begin, main, up = unit.inactive_exit_ns, unit.main_start_ns, unit.up_ns
    if begin is None or main is None or up is None or not begin < main < up:
        return
    id_ = f"unit.{unit.name}"
    yield _Piece(
        id=f"{id_}.pre",
        name=f"{unit.name}: before its main process",
        kind=kind,
        start_ns=begin,
        end_ns=main,
        source=f"{unit.name}: InactiveExitTimestamp, ExecMainStartTimestamp",
        parent=id_,
    )
    yield _Piece(
        id=f"{id_}.main",
        name=f"{unit.name}: its main process, until it is up",
        kind=kind,
        start_ns=main,
        end_ns=up,
        source=f"{unit.name}: ExecMainStartTimestamp, ActiveEnterTimestamp",
        parent=id_,
    )


def _device(unit: Unit, systemd: Systemd, before: tuple[str, ...]) -> Iterator[_Piece]:
    """Yield the wait for a device that something waited for.

    udev tells of devices, so nobody can be said to have waited for one before udev was up.
    Source: systemd.device(5).
    """
    found_ns = unit.active_enter_ns
    wanted_ns = unit.inactive_exit_ns if unit.condition_ns is None else unit.condition_ns
    if wanted_ns is None or (found_ns is not None and found_ns <= wanted_ns):
        return
    udev = {
        name: up_ns
        for name in _UDEV
        if (up := systemd.units.get(name)) is not None
        and (up_ns := up.up_ns) is not None
        and (found_ns is None or up_ns <= found_ns)
    }
    yield _Piece(
        id=f"unit.{unit.name}",
        name=f"{unit.name}: waits for udev",
        kind="frame",
        start_ns=max(wanted_ns, *udev.values(), wanted_ns),
        end_ns=found_ns,
        source=f"{unit.name}: ActiveEnterTimestamp, and when it was waited for",
        after=(*before, *(f"unit.{name}" for name in udev)),
    )
