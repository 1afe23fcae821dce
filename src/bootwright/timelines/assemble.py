"""From evidence to a timeline: each layer's spans, put on one clock below one root. Pure.

The clean pass gives the lengths. Where there is an instrumented one, its initcalls are stretched to
fit; see kernel/warp.py.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec

from bootwright.errors import FormatError
from bootwright.recipes.clock import CLOCKS
from bootwright.timelines import host, placing, sampled, sshlog
from bootwright.timelines.clocks import Alignment, Bound, align, between, heard
from bootwright.timelines.evidence import Evidence, Pass, ResolvedSample
from bootwright.timelines.kernel.kernellog import KernelLog, parse_kernel_log
from bootwright.timelines.kernel.spans import kernel_spans, module_spans
from bootwright.timelines.kernel.warp import Warp, warp
from bootwright.timelines.marks import MarkName
from bootwright.timelines.phases import START
from bootwright.timelines.span import ROOT, Kind, Layer, Span, Timeline
from bootwright.timelines.userspace.processes import parse as parse_processes
from bootwright.timelines.userspace.processes import spans as process_spans
from bootwright.timelines.userspace.spans import spans as userspace_spans
from bootwright.timelines.userspace.units import Systemd, parse_show

_TWINS = (
    MarkName.INITRAMFS_START,
    MarkName.INITRAMFS_MODULES,
    MarkName.INITRAMFS_DONE,
    MarkName.SSHD_LISTENING,
)
"""Marks that the guest writes to its mark port and, right before or after, into its kernel log."""
_NOW = re.compile(r"^now at ([0-9]{1,19}) nsecs", re.MULTILINE)
"""Source: kernel/time/timer_list.c."""
_BESIDE = "kernel.async."
"""How the ids of spans begin that ran beside the kernel's own sequence."""


@dataclass(slots=True)
class _Guest:
    """A guest's spans on its own kernel's clock, and the moments that cut them."""

    log: KernelLog
    spans: list[Span] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    overhead_ns: int | None = None
    """By how much the kernel of the instrumented pass took longer."""
    samples: tuple[ResolvedSample, ...] = ()
    """Of the instrumented pass, fitted into the clean one."""

    def moment(self, name: str) -> int | None:
        mark = self.log.mark(name)
        return None if mark is None else mark.time_ns

    @property
    def init_ns(self) -> int | None:
        """When the kernel executed its init, which in a boot of ours is the initramfs."""
        if self.log.init is not None and self.log.init.time_ns is not None:
            return self.log.init.time_ns
        return self.moment(MarkName.INITRAMFS_START)


def assemble(evidence: Evidence) -> Timeline:
    """Return the timeline of a boot of ours.

    Raises:
        FormatError: the evidence lacks what no boot of ours is without.
    """
    clean = evidence.clean
    guest = _guest(clean, evidence.instrumented)
    if CLOCKS[evidence.clock].timed_by_guest:
        return _virtual(guest, evidence.instrumented, evidence.sampled)
    marks = clean.first_times()
    end_ns = sshlog.end_ns(clean.ssh)
    if START not in marks or end_ns is None:
        raise FormatError("the evidence has no start or no end of the boot")
    shift_ns = -marks[START]
    root = _span(ROOT, "", "host", "boot", 0, end_ns + shift_ns, f"mark {START}; first output")
    spans = [root, *host.spans(marks, shift_ns)]
    alignment = align(_bounds(guest.log, clean))
    if alignment is None:
        guest.warnings.append("the offset of the guest's clock from the host's is unknown")
        alignment = Alignment(offset_ns=0, error_ns=0)
    else:
        offset_ns = alignment.offset_ns + shift_ns
        own = placing.shifted(guest.spans, offset_ns)
        running_ns = marks.get(MarkName.VMM_RUNNING)
        if running_ns is not None and own and own[0].start_ns > running_ns + shift_ns:
            spans.append(
                _span(
                    *("firmware", ROOT, "firmware", "before the guest's clock starts"),
                    *(running_ns + shift_ns, own[0].start_ns),
                    "mark vmm.running; the printk clock's zero by the clocks' alignment",
                )
            )
        spans += own
        listening_ns = guest.moment(MarkName.SSHD_LISTENING)
        if listening_ns is not None:
            begin_ns = listening_ns + offset_ns
            ends = "mark sshd.listening; the command's first output"
            spans.append(_span("ssh", ROOT, "ssh", "SSH log-in", begin_ns, root.end_ns, ends))
            spans += sshlog.spans(clean.ssh, "ssh", shift_ns)
        guest.warnings += [alignment.warning] if alignment.warning else []
    placed = placing.tree(spans)
    seen = [
        msgspec.structs.replace(s, time_ns=s.time_ns + alignment.offset_ns + shift_ns)
        for s in guest.samples
    ]
    return Timeline(
        spans=placing.tree([*placed, *sampled.fill(placed, seen)]),
        clock="wall",
        clock_error_ns=alignment.error_ns,
        overhead_ns=guest.overhead_ns,
        warnings=tuple(guest.warnings),
        samples=tuple(seen),
    )


def _virtual(guest: _Guest, watched: Pass | None, looked: Pass | None) -> Timeline:
    """Return the timeline of a boot on the virtual clock, which begins with the guest's."""
    ends = (
        MarkName.SSHD_ACCEPTING,
        MarkName.SSHD_LISTENING,
        MarkName.COMMAND_START,
        MarkName.INITRAMFS_DONE,
    )
    end_ns = next((at for name in ends if (at := guest.moment(name)) is not None), None)
    if end_ns is None:
        raise FormatError("the guest's log has none of the marks that end its boot")
    root = _span(ROOT, "", "host", "boot", 0, end_ns, "the guest's clock, to its last mark")
    spans = [root, *guest.spans]
    listening_ns = guest.moment(MarkName.SSHD_LISTENING)
    if listening_ns is not None and listening_ns < end_ns:
        source = "marks sshd.listening, sshd.accepting"
        spans.append(
            _span("ssh", ROOT, "ssh", "sshd greets on loopback", listening_ns, end_ns, source)
        )
    if watched is not None and not watched.accesses:
        guest.warnings.append("QEMU reported no device access; does it have the log trace backend?")
    placed = placing.tree(spans)
    samples = _on_log_clock(looked) if looked is not None else ()
    return Timeline(
        spans=placing.tree([*placed, *sampled.fill(placed, samples)]),
        clock="virtual",
        clock_error_ns=0,
        samples=samples,
        overhead_ns=guest.overhead_ns,
        accesses=watched.accesses if watched else (),
        warnings=tuple(guest.warnings),
    )


def _on_log_clock(looked: Pass) -> tuple[ResolvedSample, ...]:
    """Return the samples of a guest on the virtual clock, on its printk clock.

    They are on the VMM's, and lines of the log join the two: between two lines time is stretched
    evenly, so that a step of the guest's clock lies where it was. What was seen before the first
    line with a time was before the guest's clock.
    """
    anchors: list[tuple[int, int]] = []
    for line in looked.lines:
        vm_ns = (line.before_ns + line.after_ns) // 2
        if line.time_ns and (not anchors or vm_ns > anchors[-1][0]):
            anchors.append((vm_ns, line.time_ns))
    if not anchors:
        return ()
    found = []
    for sample in looked.samples:
        at = bisect_right(anchors, sample.time_ns, key=lambda anchor: anchor[0]) - 1
        vm_ns, time_ns = anchors[max(at, 0)]
        if 0 <= at < len(anchors) - 1:
            next_vm_ns, next_ns = anchors[at + 1]
            since = (sample.time_ns - vm_ns) * (next_ns - time_ns) // (next_vm_ns - vm_ns)
        else:
            since = sample.time_ns - vm_ns
        found.append(msgspec.structs.replace(sample, time_ns=time_ns + since))
    return tuple(found)


def _guest(clean: Pass, instrumented: Pass | None) -> _Guest:
    """Return kernel, initramfs and PID 1 of the clean pass, on its printk clock."""
    log = parse_kernel_log(clean.kernel_log)
    guest = _Guest(log, warnings=list(log.warnings))
    if instrumented is None:
        guest.spans += in_sequence(kernel_spans(log, parent=ROOT, until_ns=guest.init_ns))
    else:
        told = parse_kernel_log(instrumented.kernel_log)
        found = warp(told, log)
        guest.warnings += [*told.warnings, *found.warnings]
        if found.overhead is not None:
            guest.overhead_ns = found.overhead.overhead_ns
        guest.samples = _fitted(instrumented, told, found, _before_clock_ns(log, clean))
        guest.spans += in_sequence(found.spans(kernel_spans(told, parent=ROOT)))
        modules = found.spans(module_spans(told, parent=MarkName.INITRAMFS_MODULES))
    _add_initramfs(guest)
    if instrumented is not None:
        guest.spans += in_sequence(modules)
    _add_pid1(guest, clean)
    return guest


def _before_clock_ns(log: KernelLog, seen: Pass) -> int:
    """Return how long the guest ran before its printk clock did; 0 where that is not known."""
    alignment = align(_bounds(log, seen))
    running_ns = seen.first_times().get(MarkName.VMM_RUNNING)
    if alignment is None or running_ns is None:
        return 0
    return max(0, alignment.offset_ns - running_ns)


def _fitted(
    instrumented: Pass, told: KernelLog, found: Warp, before_clock_ns: int
) -> tuple[ResolvedSample, ...]:
    """Return the samples until the initramfs handed over, on the clean pass's printk clock.

    Args:
        before_clock_ns: How long the clean pass ran before that clock; what was seen before the
            other's is stretched to fit.
    """
    alignment = align(_bounds(told, instrumented))
    if alignment is None:
        return ()
    done = told.mark(MarkName.INITRAMFS_DONE)
    end_ns = told.end_ns if done is None or done.time_ns is None else done.time_ns
    # Up to here both boots are told by the host's clock, from their first instructions on.
    first = found.steady
    own_ns = _before_clock_ns(told, instrumented) + first.instrumented_ns
    clean_own_ns = before_clock_ns + first.clean_ns

    def clean_ns(at_ns: int) -> int:
        if at_ns >= first.instrumented_ns or not before_clock_ns or own_ns <= 0:
            return found.seen_ns(at_ns)
        return first.clean_ns - (first.instrumented_ns - at_ns) * clean_own_ns // own_ns

    seen = ((sample, sample.time_ns - alignment.offset_ns) for sample in instrumented.samples)
    return tuple(
        msgspec.structs.replace(sample, time_ns=clean_ns(at_ns))
        for sample, at_ns in seen
        if at_ns <= end_ns
    )


def _add_initramfs(guest: _Guest) -> None:
    done_ns, last = guest.moment(MarkName.INITRAMFS_DONE), ("root", "root mounted, files written")
    if done_ns is None:
        # The tiny guest has no root: the initramfs goes on to its command.
        done_ns, last = (
            guest.moment(MarkName.COMMAND_START),
            ("tiny", "preparation for the command"),
        )
    cuts = [
        ("exec", "exec of the initramfs", guest.init_ns),
        ("modules", "modules", guest.moment(MarkName.INITRAMFS_START)),
        (*last, guest.moment(MarkName.INITRAMFS_MODULES)),
        ("", "", done_ns),
    ]
    times = [at for _, _, at in cuts]
    if times[0] is None or times[-1] is None:
        return
    source = "the exec of init; marks of the initramfs"
    frame = _span("initramfs", ROOT, "initramfs", "initramfs", times[0], times[-1], source)
    guest.spans.append(frame)
    for (name, text, start), (_, _, end) in pairwise(cuts):
        if start is None or end is None or end < start:
            continue
        # The modules' own initcalls explain what they took; its other steps have no children.
        kind: Kind = "frame" if name == "modules" and start < end else "work"
        guest.spans.append(
            _span(f"initramfs.{name}", "initramfs", "initramfs", text, start, end, source, kind)
        )


def _add_pid1(guest: _Guest, clean: Pass) -> None:
    start_ns, end_ns = guest.moment(MarkName.INITRAMFS_DONE), guest.moment(MarkName.SSHD_LISTENING)
    if start_ns is None or end_ns is None:
        return
    # What units and processes tell is on CLOCK_MONOTONIC, and the kernel log's is not quite that.
    found = align(_looks(guest.log, clean.monotonic))
    shift_ns = found.offset_ns if found else 0
    window = (start_ns - shift_ns, end_ns - shift_ns)
    if clean.units:
        systemd: Systemd = parse_show(clean.units, clean.manager)
        guest.warnings += systemd.warnings
        spans = userspace_spans(systemd, parent=ROOT, start_ns=window[0], end_ns=window[1])
    else:
        source = "marks initramfs.done, sshd.listening"
        spans = [_span("pid1", ROOT, "userspace", "PID 1", *window, source)]
        told = parse_processes(clean.processes)
        guest.warnings += told.warnings
        spans += process_spans(told, parent="pid1", start_ns=window[0], end_ns=window[1])
    spans[0] = replace(spans[0], critical=True, slack_ns=0)
    guest.spans += placing.shifted(spans, shift_ns)


def _looks(log: KernelLog, monotonic: str) -> list[Bound]:
    """Return what the looks at CLOCK_MONOTONIC say of the log's clock; of some only if all told."""
    told = [int(found[1]) for found in _NOW.finditer(monotonic)]
    begun, ended = (
        [mark.time_ns for mark in log.marks if mark.name == f"monotonic {edge}"]
        for edge in ("begin", "end")
    )
    if not len(told) == len(begun) == len(ended):
        return []
    return [
        between(now_ns, before, after)
        for now_ns, before, after in zip(told, begun, ended, strict=True)
        if before is not None and after is not None
    ]


def _bounds(log: KernelLog, seen: Pass) -> list[Bound]:
    """Return what the twins of marks and the exchanges say of printk clock and host clock."""
    marks = seen.first_times()
    found = []
    for name in _TWINS:
        mark = log.mark(name)
        if mark is not None and mark.time_ns is not None and name in marks:
            found.append(heard(mark.time_ns, marks[name]))
    for look in seen.exchanges:
        mark = log.mark(f"exchange {look.number}")
        if mark is not None and mark.time_ns is not None:
            found.append(between(mark.time_ns, look.before_ns, look.after_ns))
    return found


def in_sequence(spans: list[Span]) -> list[Span]:
    """Mark what the kernel did one after the other: all of it lies on the critical path."""
    beside = {span.id for span in spans if span.id.startswith(_BESIDE)}
    found = []
    for span in spans:
        if span.parent in beside:
            beside.add(span.id)
        own = span.id not in beside
        found.append(replace(span, critical=own, slack_ns=0 if own else None))
    return found


def _span(
    span_id: str,
    parent: str,
    layer: Layer,
    name: str,
    start_ns: int,
    end_ns: int,
    source: str,
    kind: Kind = "frame",
) -> Span:
    """Return a span that what follows it had to wait for."""
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
