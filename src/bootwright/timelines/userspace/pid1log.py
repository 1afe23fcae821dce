"""What systemd says into the kernel's log: units that start and are up, time-outs, its own end.

Source: unit_log_starting() and job_emit_done_message() in src/core of systemd; manager.c for
"Startup finished". From 249 on a line names the unit too: "Starting NAME - DESCRIPTION...".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bootwright.timelines.kernel.loglines import LogLine
from bootwright.timelines.span import Kind, Span

_SYSTEMD = "systemd[1]: "
_BEGINS = re.compile(r"(?:Starting|Mounting|Activating swap) (?P<what>.{1,300}?)(?:\.\.\.|…)$")
_ENDS = re.compile(
    r"(?P<how>Started|Finished|Mounted|Activated swap|Failed to start|Failed to mount) "
    r"(?P<what>.{1,300}?)\.?$"
)
_NAMED = re.compile(r"(?P<unit>\S{1,255}\.[a-z]{4,9}) - .*")
_WAITS = re.compile(r"(?:Wait|Waits|Waiting) |.*wait-online|.*udev-settle|.*Wait for ")
_TIMED_OUT = re.compile(
    r"(?:(\S{1,255}): )?(?:Job (\S{1,255})/start timed out"
    r"|(?:start|Start)(?: operation|-pre operation)? timed out|State 'start\S{0,9}' timed out)"
    r"|Timed out waiting for (?:device )?(\S{1,255}?)\.?(?: - .*)?$"
)
_FINISHED = re.compile(r"Startup finished in ")
_EMERGENCY = re.compile(
    r"systemd\[1\]: (?:Reached target|Started|Starting) (?:emergency|rescue|Emergency|Rescue)"
    r"|You are in (?:emergency|rescue) mode"
)
_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
_NAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A unit between two lines of systemd's."""

    name: str
    """The unit's, or its description where the lines tell no name."""
    start_ns: int
    end_ns: int | None
    """None: the log has no line that it is up, or failed."""
    first_line: int
    last_line: int | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pid1Log:
    """All that the lines tell."""

    first_ns: int | None = None
    """Of systemd's first line."""
    started: tuple[Started, ...] = ()
    finished: LogLine | None = None
    """The line by which systemd says that the boot is over."""
    warnings: tuple[str, ...] = ()


def parse_pid1_log(lines: Iterable[LogLine]) -> Pid1Log:
    """Read systemd's lines among others; lines without a time are left out."""
    first_ns: int | None = None
    finished: LogLine | None = None
    open_: dict[str, LogLine] = {}
    started: list[Started] = []
    timed_out: dict[str, int] = {}
    warnings: list[str] = []
    for line in lines:
        if line.time_ns is None:
            continue
        if panic := _PANIC.match(line.text):
            warnings.append(f"the kernel panicked, line {line.number}: {panic[1][:120]}")
        elif _EMERGENCY.match(line.text) and not any("emergency" in w for w in warnings):
            warnings.append(f"the boot ended in emergency or rescue mode, line {line.number}")
        if not line.text.startswith(_SYSTEMD):
            continue
        first_ns = line.time_ns if first_ns is None else first_ns
        text = line.text.removeprefix(_SYSTEMD)
        if begins := _BEGINS.match(text):
            open_[begins["what"]] = line
        elif ends := _ENDS.match(text):
            begin = open_.pop(ends["what"], None)
            if begin is not None:
                started.append(_started(ends["what"], begin, line, ends["how"]))
        elif out := _TIMED_OUT.search(text):
            timed_out.setdefault(out[1] or out[2] or out[3] or text[:60], line.number)
        elif _FINISHED.match(text):
            finished = line
    started += [_started(what, begin, None, "") for what, begin in open_.items()]
    started.sort(key=lambda unit: (unit.start_ns, unit.first_line))
    if timed_out:
        names = [f"{name} (line {number})" for name, number in list(timed_out.items())[:_NAMES]]
        more = len(timed_out) - len(names)
        warnings.append(
            f"units that timed out: {', '.join(names)}{f' and {more} more' if more else ''}"
        )
    return Pid1Log(
        first_ns=first_ns, started=tuple(started), finished=finished, warnings=tuple(warnings)
    )


def _started(what: str, begin: LogLine, end: LogLine | None, how: str) -> Started:
    assert begin.time_ns is not None, "lines without a time are left out"
    named = _NAMED.fullmatch(what)
    return Started(
        name=named["unit"] if named else what,
        start_ns=begin.time_ns,
        end_ns=None if end is None or end.time_ns is None else max(begin.time_ns, end.time_ns),
        first_line=begin.number,
        last_line=None if end is None else end.number,
        failed=how.startswith("Failed"),
    )


def spans(told: Pid1Log, *, parent: str, end_ns: int) -> list[Span]:
    """Return a span for each unit whose beginning and end the log tells, until *end_ns*.

    One that has not come up is a frame to the end: that it began is all that is known.
    """
    found: list[Span] = []
    uses: dict[str, int] = {}
    for unit in told.started:
        if unit.start_ns >= end_ns:
            continue
        number = uses[unit.name] = uses.get(unit.name, 0) + 1
        kind: Kind = "wait" if _WAITS.match(unit.name) else "work"
        if unit.end_ns is None:
            kind = "frame"
        said = "failed" if unit.failed else "is up"
        lines = f"lines {unit.first_line}-{unit.last_line}: systemd starts it, it {said}"
        found.append(
            Span(
                id=f"unit.{unit.name}" + (f"#{number}" if number > 1 else ""),
                parent=parent,
                layer="userspace",
                name=f"{unit.name}: failed" if unit.failed else unit.name,
                kind=kind,
                start_ns=unit.start_ns,
                end_ns=end_ns if unit.end_ns is None else min(unit.end_ns, end_ns),
                source=lines
                if unit.last_line
                else f"line {unit.first_line}: systemd starts it; the log has no end of it",
            )
        )
    return found
