"""The timeline of a boot that bootwright never saw: from its kernel log and systemd's texts. Pure.

Whatever form the texts have, they are read, or refused by its name; see forms.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bootwright.errors import FormatError
from bootwright.timelines import forms, placing
from bootwright.timelines.assemble import in_sequence
from bootwright.timelines.kernel.kernellog import Initcall, KernelLog, parse_kernel_log
from bootwright.timelines.kernel.logforms import as_dmesg
from bootwright.timelines.kernel.silences import silences
from bootwright.timelines.kernel.spans import init_ran, kernel_end, kernel_spans, module_spans
from bootwright.timelines.looks import TAKE_LOG, TAKE_UNITS
from bootwright.timelines.span import (
    AFTER_INIT,
    ROOT,
    Kind,
    Layer,
    Silence,
    Span,
    Timeline,
    covered_ns,
    merged,
)
from bootwright.timelines.userspace import analyze, pid1log
from bootwright.timelines.userspace.pid1log import Pid1Log, parse_pid1_log
from bootwright.timelines.userspace.spans import goal_unit
from bootwright.timelines.userspace.spans import spans as userspace_spans
from bootwright.timelines.userspace.units import Systemd

_LONG_NS = 600_000_000_000
"""A log that is silent for so long after init is taken to be over: what follows is the machine's
life, such as a cable that was plugged in."""
_NOTABLE_NS = 1_000_000_000
_STEPPED_NS = 1_800_000_000_000
"""A unit that a dump says to have taken so long has most likely been started while the wall clock
was set."""
_GOALS = ("graphical.target", "multi-user.target", "default.target")
_DIGITS = re.compile(r"[0-9]+")


@dataclass(slots=True)
class _Boot:
    """What is known so far."""

    log: KernelLog
    pid1: Pid1Log
    init_ns: int
    """When init was executed, as far as the log tells."""
    end_ns: int
    spans: list[Span] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def from_logs(kernel_log: str | bytes, units: str | bytes | None = None) -> Timeline:
    """Return the timeline of a boot that bootwright never saw, on the guest's own clock.

    Args:
        kernel_log: From anywhere; with ``initcall_debug`` it tells more.
        units: What ``systemctl show --all '*'``, or one of systemd-analyze's verbs, printed.

    Raises:
        FormatError: the log has no time that is fine enough, or no text is what it was given as.
    """
    text = forms.decoded(kernel_log, "the log") if isinstance(kernel_log, bytes) else kernel_log
    text = forms.plain(text)
    form = forms.form_of(text)
    if form is None or form.holds != "log":
        raise forms.refused(form, "the log", "log", is_empty=not text.strip())
    given = as_dmesg(text, form)
    log = parse_kernel_log(given.text)
    if not given.has_times or all(line.time_ns is None for line in log.lines):
        return _without_times(log, form)
    if log.end_ns == 0:
        raise FormatError(
            "cannot analyse this boot: the log ends at 0.000000, before the kernel's clock started",
            hint=f"capture it until init starts: {TAKE_LOG}",
        )
    boot = _kernel(log)
    boot.warnings[:0] = given.warnings
    boot.warnings += _untimed_end(log)
    if units is None:
        _add_log_after_init(boot)
    else:
        _add_units(boot, forms.decoded(units, "the text") if isinstance(units, bytes) else units)
    return _placed(boot)


def _kernel(log: KernelLog) -> _Boot:
    pid1 = parse_pid1_log(log.lines)
    init_ns, source = kernel_end(log, pid1.first_ns)
    boot = _Boot(log, pid1, init_ns, init_ns, warnings=[*log.warnings, *pid1.warnings])
    boot.spans += in_sequence(kernel_spans(log, parent=ROOT, until_ns=init_ns))
    boot.spans[0] = replace(boot.spans[0], source=f"printk clock; {source}")
    if not init_ran(log) and pid1.first_ns is None:
        hanging = [span for span in boot.spans if span.kind == "frame" and _is_initcall(span)]
        where = f", inside {hanging[-1].name}" if hanging else ""
        boot.warnings.append(f"the log ends before init starts{where}")
    return boot


def _is_initcall(span: Span) -> bool:
    return span.id.startswith(("kernel.initcall.", "kernel.async.", "kernel.module."))


def _add_log_after_init(boot: _Boot) -> None:
    """Add what the log itself tells of the time after init was executed."""
    end_ns, left_out = _log_end(boot)
    boot.warnings += left_out
    if end_ns <= boot.init_ns:
        return
    boot.end_ns = end_ns
    source = "the exec of init, and the log's last line of the boot"
    frame = _span(AFTER_INIT, "after init started, by the log", boot.init_ns, end_ns, source)
    boot.spans += [frame, *pid1log.spans(boot.pid1, parent=AFTER_INIT, end_ns=end_ns)]


def _untimed_end(log: KernelLog) -> list[str]:
    """Return a warning where a log goes on without times, as a console's does after init."""
    last = max(index for index, line in enumerate(log.lines) if line.time_ns is not None)
    later = log.lines[last + 1 :]
    if not later:
        return []
    return [
        f"{len(later)} lines after line {log.lines[last].number} have no kernel timestamp: "
        "their duration is unknown"
    ]


def _log_end(boot: _Boot) -> tuple[int, list[str]]:
    """Return until when the log is the boot's, and what is left out behind that."""
    times = sorted(
        (line.time_ns, line.number)
        for line in boot.log.lines
        if line.time_ns is not None and line.time_ns >= boot.init_ns
    )
    if not times:
        return boot.init_ns, []
    end_ns, why = times[-1][0], ""
    finished = boot.pid1.finished
    if finished is not None and finished.time_ns is not None and finished.time_ns >= boot.init_ns:
        end_ns, why = finished.time_ns, f"systemd says so in line {finished.number}"
    before_ns = boot.init_ns
    for at_ns, number in times:
        if at_ns > end_ns:
            break
        if at_ns - before_ns > _LONG_NS:
            silent = _long(at_ns - before_ns)
            end_ns, why = before_ns, f"nothing was logged for {silent} before line {number}"
            break
        before_ns = at_ns
    later = sum(1 for at_ns, _ in times if at_ns > end_ns)
    if not later or times[-1][0] - end_ns < _NOTABLE_NS:
        return end_ns, []
    return end_ns, [
        f"the boot is assumed to end at {end_ns / 1e9:.3f} s ({why}); {later} later lines, up to "
        f"{_long(times[-1][0])}, are ignored"
    ]


def _long(time_ns: int) -> str:
    seconds = time_ns / 1e9
    for unit_s, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.1f} {name}"
    return f"{seconds:.3f} s"


def _add_units(boot: _Boot, text: str) -> None:
    told = analyze.read_units(text, init_ns=boot.init_ns)
    systemd = told.systemd
    boot.warnings += told.warnings
    start_ns = max(boot.init_ns, systemd.manager.system.begin_ns or 0)
    end_ns, left_out = _units_end(systemd, start_ns)
    boot.warnings += [*left_out, *_stepped(systemd)]
    spans = userspace_spans(systemd, parent=ROOT, start_ns=start_ns, end_ns=end_ns, goal=told.goal)
    lengths = analyze.length_spans(told, parent="pid1", start_ns=start_ns)
    last_ns = max([spans[0].end_ns, *(span.end_ns for span in lengths)])
    if last_ns <= start_ns:
        raise FormatError(
            f"no unit started after init, which the log has at {_long(start_ns)}",
            hint=f"both must be of the same boot; use {TAKE_UNITS}",
        )
    boot.spans += [replace(spans[0], end_ns=last_ns, critical=True, slack_ns=0), *spans[1:]]
    boot.spans += lengths
    boot.end_ns = max(boot.end_ns, last_ns)
    if boot.log.end_ns > boot.end_ns + _NOTABLE_NS:
        boot.warnings.append(
            f"the log continues until {_long(boot.log.end_ns)}; what follows the last unit "
            "is ignored"
        )


def _units_end(systemd: Systemd, start_ns: int) -> tuple[int | None, list[str]]:
    """Return when the boot that systemd tells of was over; None: nothing says so."""
    ends = [systemd.manager.finish_ns]
    goals = [systemd.named(name) for name in (*_GOALS, goal_unit(systemd))]
    ends += [unit.up_ns for unit in goals if unit is not None]
    told = [end for end in ends if end is not None and end > start_ns]
    if not told:
        return None, []
    end_ns = max(told)
    starts = [unit.inactive_exit_ns for unit in systemd.units.values()]
    later = [start for start in starts if start is not None and start > end_ns]
    if not later or max(later) - end_ns < _NOTABLE_NS:
        return end_ns, []
    return end_ns, [
        f"the boot is assumed to end at {end_ns / 1e9:.3f} s, when its targets were up; "
        f"{len(later)} units that started later, up to {_long(max(later))}, are ignored"
    ]


def _stepped(systemd: Systemd) -> list[str]:
    """Return a warning where times of the wall clock say that it was set during the boot."""
    if systemd.error_ns < _NOTABLE_NS:
        return []
    odd = [
        (unit.activation_ns, unit.name)
        for unit in systemd.units.values()
        if unit.activation_ns is not None and unit.activation_ns >= _STEPPED_NS
    ]
    if odd:
        took_ns, name = max(odd)
        return [
            f"{name} seems to have taken {_long(took_ns)}: the wall clock, which a dump uses, "
            f"was probably set during the boot; use {TAKE_UNITS}"
        ]
    back = [
        unit.name
        for unit in systemd.units.values()
        if unit.inactive_exit_ns is not None
        and unit.active_state == "active"
        and unit.active_enter_ns is not None
        and unit.active_enter_ns < unit.inactive_exit_ns - _NOTABLE_NS
    ]
    if back:
        return [
            f"{back[0]} was up before it was started: the wall clock, which a dump uses, was "
            f"set back during the boot; use {TAKE_UNITS}"
        ]
    return []


def _placed(boot: _Boot) -> Timeline:
    since_ns, end_ns = boot.init_ns, boot.end_ns
    modules = module_spans(
        boot.log, parent="modules", layer="userspace", since_ns=since_ns, until_ns=end_ns
    )
    if modules and since_ns < end_ns:
        begin_ns = min(span.start_ns for span in modules)
        boot.spans.append(_span("modules", "modules", begin_ns, boot.end_ns, "their lines"))
        boot.spans += modules
    root = _span(ROOT, "boot", 0, boot.end_ns, "the guest's own clock", layer="kernel", parent="")
    placed = placing.tree([root, *boot.spans])
    silent = _unexplained(placed, silences(boot.log.lines, until_ns=boot.end_ns))
    return Timeline(
        spans=placing.tree([*placed, *_silence_spans(placed, silent)]),
        clock="guest",
        clock_error_ns=0,
        warnings=tuple(boot.warnings),
        silences=silent,
    )


def _unexplained(spans: Sequence[Span], every: Sequence[Silence]) -> tuple[Silence, ...]:
    """Return the silences of which evidence explains less than half."""
    explained = merged((s.start_ns, s.end_ns) for s in spans if s.kind != "frame")
    return tuple(
        silence
        for silence in every
        if 2 * covered_ns(explained, silence.start_ns, silence.end_ns) < silence.duration_ns
    )


def _silence_spans(spans: Sequence[Span], silent: Sequence[Silence]) -> list[Span]:
    """Return a frame for each silence, below the narrowest span that holds it."""
    frames = [s for s in spans if s.kind == "frame" and not s.id.startswith("unit.")]
    frames.sort(key=lambda s: s.duration_ns)
    found = []
    uses: dict[str, int] = {}
    for silence in sorted(silent, key=lambda s: s.start_ns):
        inside = (
            s for s in frames if s.start_ns <= silence.start_ns and silence.end_ns <= s.end_ns
        )
        holder = next(inside, None)
        if holder is None:
            continue
        words = _DIGITS.sub("", silence.known or silence.after).split()[:5]
        id_ = f"{holder.id}.silent.{'-'.join(words)}"
        uses[id_] = uses.get(id_, 0) + 1
        says = silence.known or f'before "{silence.after}"'
        found.append(
            Span(
                id=id_ if uses[id_] == 1 else f"{id_}#{uses[id_]}",
                parent=holder.id,
                layer=holder.layer,
                name=f"silent: {says}",
                kind="frame",
                start_ns=silence.start_ns,
                end_ns=silence.end_ns,
                source=f"no line between lines {silence.before_line} and {silence.after_line}",
                # What init's programs waited for, the kernel's log does not tell.
                critical=holder.critical and holder.layer == "kernel",
                slack_ns=holder.slack_ns if holder.layer == "kernel" else None,
            )
        )
    return found


def _without_times(log: KernelLog, form: forms.Form) -> Timeline:
    """Return the initcalls by the kernel's own figures, one behind the other.

    Raises:
        FormatError: there are none.
    """
    calls = [call for call in log.initcalls if call.told_ns]
    if not calls:
        if form.only:
            raise forms.refused(form, "the log", "log")
        raise FormatError(
            f"the log ({form.name}) has no line with a time",
            hint="boot with printk.time=1, or use the output of dmesg",
        )
    own = [call for call in calls if not call.module and call.task in (0, 1, None)]
    end_ns = sum(call.told_ns or 0 for call in own)
    source = "lengths that the kernel reports"
    spans = [
        _span(ROOT, "boot", 0, end_ns, source, layer="kernel", parent=""),
        _span("kernel", "initcalls, end to end", 0, end_ns, source, layer="kernel"),
    ]
    at_ns = 0
    for call in own:
        spans.append(_laid(call, at_ns))
        at_ns = spans[-1].end_ns
    warnings = [
        f"the log ({form.name}) {form.only or 'has no times'}: initcalls are placed end to end, "
        "with the lengths that the kernel reports; the time between them is unknown; "
        f"use {form.instead or TAKE_LOG}"
    ]
    if beside := len(calls) - len(own):
        warnings.append(f"{beside} initcalls of modules ran in parallel and are left out")
    missing = [warning for warning in log.warnings if not warning.startswith("no line has a time")]
    return Timeline(
        spans=placing.tree(spans), clock="guest", clock_error_ns=0, warnings=(*warnings, *missing)
    )


def _laid(call: Initcall, at_ns: int) -> Span:
    return Span(
        id=f"kernel.initcall.{call.function}"
        + (f"#{call.first_line}" if call.cookie is not None else ""),
        parent="kernel",
        layer="kernel",
        name=call.function,
        kind="work",
        start_ns=at_ns,
        end_ns=at_ns + (call.told_ns or 0),
        source=f"line {call.returned_line}: returned; the kernel's own length, placed in order",
        critical=True,
        slack_ns=0,
    )


def _span(
    span_id: str,
    name: str,
    start_ns: int,
    end_ns: int,
    source: str,
    *,
    layer: Layer = "userspace",
    parent: str = ROOT,
    kind: Kind = "frame",
) -> Span:
    return Span(
        id=span_id,
        parent=parent,
        layer=layer,
        name=name,
        kind=kind,
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),
        source=source,
        critical=True,
        slack_ns=0,
    )
