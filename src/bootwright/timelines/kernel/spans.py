"""The kernel's part of a timeline: from its log to spans, on the guest's printk clock.

Initcalls and probes are evidence of their own and explain the time they lie over. All else that the
log shows, phases, levels and steps, are frames. Nothing is called a wait unless something says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bootwright.timelines.kernel.calls import Call, ProbeSpan, calls_of, level_of_each, place_probes
from bootwright.timelines.kernel.kernellog import KernelLog
from bootwright.timelines.kernel.levels import FIRST_IN_LEVEL
from bootwright.timelines.kernel.loglines import LogLine
from bootwright.timelines.kernel.steps import (
    FIRST_INITCALLS,
    FIRST_LATE,
    LAST_BEFORE_INITCALLS,
    step_frames,
)
from bootwright.timelines.kernel.waits import WAITING_INITCALLS, waits_of
from bootwright.timelines.marks import MarkName
from bootwright.timelines.span import Kind, Layer, Span

KERNEL = "kernel"
EARLY = "kernel.early"
INITCALLS = "kernel.initcalls"
LATE = "kernel.late"
CONSOLES = "kernel.early.consoles"
"""What console_init() does: initcalls of task 0, long before the others."""


def kernel_spans(
    log: KernelLog,
    *,
    parent: str,
    levels: Mapping[str, str] | None = None,
    until_ns: int | None = None,
) -> list[Span]:
    """Return the spans from the start of the kernel's clock until it executes init.

    Args:
        log: Of the boot; with `initcall_debug` it explains much, without it is frames only.
        parent: The id of the span that is to hold them.
        levels: The level of each initcall, by its function's name; see `levels_of_system_map`.
            Without it they are told by the log or by functions that come first in theirs.
        until_ns: When init was executed, if that is known better than from the log.

    Returns:
        `kernel` first, every parent before its children, every child within its parent; times in
        nanoseconds of the printk clock. Empty if no line of the log has a time.
    """
    if all(line.time_ns is None for line in log.lines):
        return []
    end_ns, end_source = kernel_end(log) if until_ns is None else (max(0, until_ns), "given")
    tree = _Tree()
    tree.add(KERNEL, parent, "kernel", "frame", 0, end_ns, f"printk clock; {end_source}")
    # One that began in the last moment of a log that ends before init is part of it.
    least_ns = 0 if end_ns == log.end_ns and not init_ran(log) else 1
    calls = [call for call in calls_of(log, end_ns) if call.start_ns + least_ns <= end_ns]
    first_ns, last_ns, source = _phases(log, calls, end_ns)
    if first_ns is not None:
        tree.add(EARLY, KERNEL, "before initcalls", "frame", 0, first_ns, source)
        over_ns = end_ns if last_ns is None else last_ns
        tree.add(INITCALLS, KERNEL, "initcalls", "frame", first_ns, over_ns, source)
    if last_ns is not None:
        tree.add(LATE, KERNEL, "after initcalls", "frame", last_ns, end_ns, source)
    _add_steps(tree, log, end_ns)
    _add_calls(tree, log, calls, levels)
    for wait in waits_of(log, end_ns if last_ns is None else last_ns, end_ns):
        tree.add(
            f"kernel.{wait.name}",
            tree.phase(wait.start_ns, wait.end_ns),
            wait.title,
            "wait",
            wait.start_ns,
            wait.end_ns,
            wait.source,
        )
    _add_probes(tree, place_probes(log, calls, before_ns=end_ns))
    return tree.spans


def module_spans(
    log: KernelLog,
    *,
    parent: str,
    layer: Layer = "initramfs",
    since_ns: int | None = None,
    until_ns: int | None = None,
) -> list[Span]:
    """Return initcalls and probes that began when init already ran: modules being loaded.

    Args:
        log: Of the boot, with `initcall_debug`.
        parent: The id of the span that holds them, which lies over *since_ns* to *until_ns*.
        layer: Whose spans they are.
        since_ns: When init was executed; default: as the log tells.
        until_ns: Those that begin later are left out; default: the end of the log.

    Returns:
        Spans in nanoseconds of the printk clock, every parent before its children.
    """
    since = kernel_end(log)[0] if since_ns is None else since_ns
    until = max(log.end_ns if until_ns is None else until_ns, since)
    tree = _Tree(layer)
    tree.hold(parent, since, until)
    calls = [c for c in calls_of(log, until) if since <= c.start_ns <= until]
    for call in calls:
        tree.add_call(call, parent)
    _add_probes(tree, place_probes(log, calls, after_ns=since, before_ns=until), parent)
    return tree.spans


class _Tree:
    """Collects spans: makes ids unique, and keeps every child within its parent."""

    def __init__(self, layer: Layer = "kernel") -> None:
        self.spans: list[Span] = []
        self.ids: dict[int, str] = {}
        """Of the span of each call, by the number of its first line."""
        self._layer = layer
        self._bounds: dict[str, tuple[int, int]] = {}
        self._uses: dict[str, int] = {}

    def hold(self, id: str, start_ns: int, end_ns: int) -> None:
        """Keep what is put below *id*, which is not ours, within its bounds."""
        self._bounds[id] = (start_ns, end_ns)

    def add(
        self, id: str, parent: str, name: str, kind: Kind, start_ns: int, end_ns: int, source: str
    ) -> str:
        """Append a span, clipped to its parent; return its id, made unique by ``#2`` and so on."""
        low, high = self._bounds.get(parent, (0, max(end_ns, 0)))
        start = min(max(start_ns, low), high)
        end = min(max(end_ns, start), high)
        number = self._uses.get(id, 0) + 1
        unique = id if number == 1 else f"{id}#{number}"
        while unique in self._bounds:  # a device may be called "a#2"
            number += 1
            unique = f"{id}#{number}"
        self._uses[id] = number
        self._bounds[unique] = (start, end)
        self.spans.append(
            Span(
                id=unique,
                parent=parent,
                layer=self._layer,
                name=name,
                kind=kind,
                start_ns=start,
                end_ns=end,
                source=source,
            )
        )
        return unique

    def add_call(self, call: Call, parent: str) -> None:
        kind: Kind = "frame" if call.open else "work"
        waiting = WAITING_INITCALLS.get(call.initcall.function)
        if waiting and not call.open and not call.initcall.module:
            kind = "wait"
        source = f"{call.source}; {waiting}" if waiting else call.source
        self.ids[call.initcall.first_line] = self.add(
            call.id, parent, call.name, kind, call.start_ns, call.end_ns, source
        )

    def phase(self, start_ns: int, end_ns: int, *narrower: str) -> str:
        """Return the phase of the kernel that a stretch lies in, or the kernel itself."""
        for id in (*narrower, EARLY, INITCALLS, LATE):
            low, high = self._bounds.get(id, (0, -1))
            if low <= start_ns and end_ns <= high:
                return id
        return KERNEL


def kernel_end(log: KernelLog, first_of_init_ns: int | None = None) -> tuple[int, str]:
    """Return when the kernel executed init, and what says so.

    Args:
        first_of_init_ns: When init said its first word; it counts where the kernel says nothing.
    """
    if log.init is not None and log.init.time_ns is not None:
        return log.init.time_ns, f"line {log.init.line}: Run {log.init.path} as init process"
    if (mark := log.mark(MarkName.INITRAMFS_START)) and mark.time_ns is not None:
        return mark.time_ns, f"line {mark.line}: bootwright: {mark.name}"
    if late := _late_lines(log):
        return late[-1].time_ns or 0, f"line {late[-1].number}: {late[-1].text}"
    if first_of_init_ns is not None:
        return first_of_init_ns, "the first line of PID 1"
    return log.end_ns, "the log's last line; it has no start of init"


def init_ran(log: KernelLog) -> bool:
    """Say whether the kernel's own lines tell that it came to execute init."""
    timed = (log.init is not None and log.init.time_ns is not None) or log.mark(
        MarkName.INITRAMFS_START
    )
    return bool(timed or _late_lines(log))


def _late_lines(log: KernelLog) -> list[LogLine]:
    return [
        line for line in log.lines if line.time_ns is not None and line.text.startswith(FIRST_LATE)
    ]


def _phases(
    log: KernelLog, calls: Sequence[Call], end_ns: int
) -> tuple[int | None, int | None, str]:
    """Return when the first initcall began and the last ended, and what says so.

    None: nothing tells; a phase without an end of its own is none. The initcalls are not over where
    the log ends among them.
    """
    times = [(line.time_ns, line.text) for line in log.lines if line.time_ns is not None]
    late_ns = next((t for t, text in times if text.startswith(FIRST_LATE)), None)
    inside = [call for call in calls if call.in_sequence]
    if inside:
        first = min(inside, key=lambda call: call.start_ns)
        last = max(inside, key=lambda call: call.end_ns)
        over_ns = max(first.start_ns, min(last.end_ns, end_ns))
        source = f"first initcall {first.name}, last {last.name}"
        is_over = init_ran(log) or end_ns < log.end_ns
        return first.start_ns, over_ns if is_over else None, source
    source = "no initcall_debug: lines printed next to the initcalls"
    first_ns = next((t for t, text in times if text.startswith(LAST_BEFORE_INITCALLS)), None)
    if first_ns is None:
        first_ns = next((t for t, text in times if text.startswith(FIRST_INITCALLS)), None)
    if first_ns is None or first_ns > end_ns:
        return None, None, source
    if late_ns is None or late_ns > end_ns:
        return first_ns, None, source
    return first_ns, max(first_ns, late_ns), source


def _add_steps(tree: _Tree, log: KernelLog, end_ns: int) -> None:
    for frame in step_frames(log.lines):
        phase = tree.phase(frame.start_ns, frame.end_ns)
        # A step over a phase's edge, as a lost line makes it, would say less than the phase does.
        if phase != KERNEL and frame.end_ns <= end_ns:
            slug = frame.name.replace(" ", "-")
            tree.add(
                f"{phase}.{slug}",
                phase,
                frame.name,
                "frame",
                frame.start_ns,
                frame.end_ns,
                f"two lines of the log; {frame.source}",
            )


def _add_calls(
    tree: _Tree, log: KernelLog, calls: Sequence[Call], levels: Mapping[str, str] | None
) -> None:
    sequence = [call for call in calls if call.in_sequence]
    names, source = level_of_each(log, sequence, levels, FIRST_IN_LEVEL)
    by_level: dict[str, list[Call]] = {}
    for call, level in zip(sequence, names, strict=True):
        by_level.setdefault(level, []).append(call)
    for level, members in by_level.items():
        below = INITCALLS
        if level:
            below = tree.add(
                f"kernel.level.{level}",
                INITCALLS,
                f"{level} initcalls",
                "frame",
                min(call.start_ns for call in members),
                max(call.end_ns for call in members),
                source,
            )
        for call in members:
            tree.add_call(call, below)
    for call in calls:
        if not call.in_sequence:
            tree.add_call(call, tree.phase(call.start_ns, call.end_ns, CONSOLES))


def _add_probes(tree: _Tree, probes: Sequence[ProbeSpan], parent: str = "") -> None:
    # A device may be probed before init and again after it: those are two spans, with two ids.
    prefix = "kernel.module-probe" if parent else "kernel.probe"
    ids: dict[int, str] = {}
    for probe in probes:
        if probe.outer is not None:
            below = ids[probe.outer]
        elif probe.call is not None:
            below = tree.ids[probe.call]
        else:
            below = parent or tree.phase(probe.start_ns, probe.end_ns)
        ids[probe.line] = tree.add(
            f"{prefix}.{probe.device}",
            below,
            f"probe of {probe.device}",
            "work",
            probe.start_ns,
            probe.end_ns,
            probe.source,
        )
