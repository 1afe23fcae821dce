"""What a kernel log tells of a boot: initcalls, probes, marks, the start of init; as values.

Source: trace_initcall_start_cb(), trace_initcall_finish_cb() and run_init_process() in init/main.c,
really_probe_debug() in drivers/base/dd.c, async_run_entry_fn() in kernel/async.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bootwright.timelines.kernel.loglines import LogLine, log_lines

_FUNCTION = (
    r"(?:([0-9]{1,19})_)?([^\s+]{1,512})(\+0x[0-9a-f]{1,16}/0x[0-9a-f]{1,16})?"
    r"(?: \[([^\]\s]{1,128})(?: [0-9a-f]{1,64})?\])?"
)
_CALLING = re.compile(rf"calling {{1,2}}{_FUNCTION} @ ([0-9]{{1,10}})")
_RETURNED = re.compile(
    rf"initcall {_FUNCTION} returned (?:(-?[0-9]{{1,10}}) )?after ([0-9]{{1,15}}) usecs"
)
_PROBE = re.compile(r"probe of (.{1,256}?) returned (-?[0-9]{1,10}) after ([0-9]{1,15}) usecs")
_LEVEL = re.compile(r"entering initcall level: ([a-z_]{1,32})$")
_RUN = re.compile(r"Run (/\S{0,4096}) as init process")
_RELEASE = re.compile(r"Linux version (\S{1,128})")
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
# What clang makes of initcalls when it optimises the whole kernel (LTO).
_STUB = re.compile(
    r"__initstub__kmod_.{1,256}?__[0-9]+_[0-9]+_(.{1,256}?)(?:early|rootfs|con|[0-7]s?)$"
)
_MARK = "bootwright: "
_US = 1_000
_US_SHIFTED = 1_024
_PRECISE_SINCE = (5, 18)


@dataclass(frozen=True, slots=True, kw_only=True)
class Initcall:
    """One call of an initcall, or of a function scheduled with async_schedule().

    The two stamps are taken when the two lines are printed, so they hold the printing of the first;
    *told_ns* is what the kernel measured itself, between the two.
    """

    function: str
    """Without offset and size."""
    module: str = ""
    """Empty: built in."""
    task: int | None = None
    """The process, by its number: 0 before there are any, 1 for those built in; None: not told."""
    cookie: int | None = None
    """Of an asynchronous call its number; None for an initcall."""
    start_ns: int | None = None
    """When ``calling`` was printed; None: no such line, or no time on it."""
    end_ns: int | None = None
    """When ``returned`` was printed; None: no such line (it hangs, or it is lost), or no time."""
    told_ns: int | None = None
    """How long the kernel says it took; its clock may tick in steps of 1 to 10 ms this early."""
    result: int | None = None
    """0, or an error number below it."""
    called_line: int | None = None
    returned_line: int | None = None

    @property
    def first_line(self) -> int:
        """The number of its first line in the log."""
        return self.called_line or self.returned_line or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProbe:
    """A driver was tried on a device; told only when it is over."""

    device: str
    result: int
    """Linux before 5.11: 1 if the driver took the device; later: 0."""
    end_ns: int | None
    told_ns: int
    line: int
    task: int | None = None
    """The process that probed; None: the log does not tell."""

    @property
    def start_ns(self) -> int | None:
        return None if self.end_ns is None else max(0, self.end_ns - self.told_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestMark:
    """A line ``bootwright: NAME``, written into the kernel log by a program of ours."""

    name: str
    """Such as ``initramfs.start`` or ``exchange 3``."""
    time_ns: int | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEntry:
    """``entering initcall level: NAME``, which newer kernels tell.

    Source: trace_initcall_level_cb() in init/main.c, since 2025 ("log initcall level when
    initcall_debug is used").
    """

    level: str
    time_ns: int | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRun:
    """The kernel executes a program as PID 1; of several attempts the last."""

    path: str
    time_ns: int | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelLog:
    """All that the log of one boot tells; times in nanoseconds on the guest's printk clock."""

    lines: tuple[LogLine, ...] = ()
    initcalls: tuple[Initcall, ...] = ()
    """In the order of their first lines."""
    probes: tuple[DeviceProbe, ...] = ()
    marks: tuple[GuestMark, ...] = ()
    levels: tuple[LevelEntry, ...] = ()
    release: str = ""
    """Such as ``6.1.0-56-cloud-amd64``; empty: the log does not tell."""
    init: InitRun | None = None
    warnings: tuple[str, ...] = ()

    def mark(self, name: str) -> GuestMark | None:
        """Return the first mark called *name* that has a time."""
        return next((m for m in self.marks if m.name == name and m.time_ns is not None), None)

    @property
    def end_ns(self) -> int:
        """The latest time on any line."""
        return max((line.time_ns for line in self.lines if line.time_ns is not None), default=0)


def parse_kernel_log(log: str) -> KernelLog:
    """Read a kernel log in whatever form: dmesg, serial line, /dev/kmsg, journal. Never raises.

    What cannot be read is left out and, where it matters, told in the warnings.
    """
    lines, warnings = log_lines(log)
    reader = _Reader()
    for line in lines:
        reader.read(line)
    return KernelLog(
        lines=lines,
        initcalls=tuple(reader.initcalls),
        probes=tuple(reader.probes),
        marks=tuple(reader.marks),
        levels=tuple(reader.levels),
        release=reader.release,
        init=reader.init,
        warnings=warnings + tuple(reader.warnings()),
    )


def told_unit_ns(release: str) -> int:
    """Return what an initcall's "usecs" are, in nanoseconds.

    Until Linux 5.17 the kernel shifts nanoseconds right by ten, so that one is 1024 ns.

    Source: init/main.c, "init: use ktime_us_delta() to make initcall_debug log more precise" (sent
    2022-02-09, in 5.18); kernel/async.c still shifts in 6.1. Seen: Debian's 5.10, whose clock ticks
    every 4 ms at first, tells 3906 usecs; its 6.1 tells 4000.
    """
    version = _VERSION.match(release)
    if version and (int(version[1]), int(version[2])) < _PRECISE_SINCE:
        return _US_SHIFTED
    return _US


_Key = tuple[str | None, ...]


class _Reader:
    """Goes through the lines once, and pairs beginnings with ends."""

    def __init__(self) -> None:
        self.initcalls: list[Initcall] = []
        self.probes: list[DeviceProbe] = []
        self.marks: list[GuestMark] = []
        self.levels: list[LevelEntry] = []
        self.release = ""
        self.init: InitRun | None = None
        self._open: dict[_Key, list[int]] = {}
        self._uncalled = 0
        self._unit_ns = _US

    def read(self, line: LogLine) -> None:
        text = line.text
        if text.startswith("initcall "):
            if found := _RETURNED.match(text):
                self._returned(found, line)
        elif text.startswith("calling "):
            if found := _CALLING.match(text):
                self._calling(found, line)
        elif text.startswith("probe of "):
            if found := _PROBE.match(text):
                self._probe(found, line)
        elif text.startswith(_MARK):
            name = text.removeprefix(_MARK).strip()
            self.marks.append(GuestMark(name=name, time_ns=line.time_ns, line=line.number))
        elif text.startswith("Run "):
            if found := _RUN.match(text):
                self.init = InitRun(path=found[1], time_ns=line.time_ns, line=line.number)
        elif text.startswith("entering initcall level: "):
            if found := _LEVEL.match(text):
                self.levels.append(
                    LevelEntry(level=found[1], time_ns=line.time_ns, line=line.number)
                )
        elif not self.release and text.startswith("Linux version "):
            found = _RELEASE.match(text)
            self.release = found[1] if found else ""
            self._unit_ns = told_unit_ns(self.release)

    def warnings(self) -> list[str]:
        found = []
        unfinished = [self.initcalls[index] for stack in self._open.values() for index in stack]
        if unfinished:
            last = max(unfinished, key=lambda call: call.first_line)
            found.append(
                f"initcalls without an end in the log: {len(unfinished)}; "
                f"the last is {last.function}, line {last.first_line}"
            )
        if self._uncalled:
            found.append(f"initcalls without a start in the log: {self._uncalled}")
        return found

    def _calling(self, found: re.Match[str], line: LogLine) -> None:
        key: _Key = (found[1], found[2], found[3], found[4])
        self._open.setdefault(key, []).append(len(self.initcalls))
        self.initcalls.append(
            Initcall(
                function=_plain(found[2]),
                module=found[4] or "",
                task=int(found[5]),
                cookie=int(found[1]) if found[1] else None,
                start_ns=line.time_ns,
                called_line=line.number,
            )
        )

    def _returned(self, found: re.Match[str], line: LogLine) -> None:
        key: _Key = (found[1], found[2], found[3], found[4])
        cookie = int(found[1]) if found[1] else None
        unit = self._unit_ns if cookie is None else _US_SHIFTED
        told_ns = int(found[6]) * unit
        result = int(found[5]) if found[5] else None
        if not self._open.get(key):
            self._uncalled += 1
            self.initcalls.append(
                Initcall(
                    function=_plain(found[2]),
                    module=found[4] or "",
                    task=_task(line),
                    cookie=cookie,
                    end_ns=line.time_ns,
                    told_ns=told_ns,
                    result=result,
                    returned_line=line.number,
                )
            )
            return
        stack = self._open[key]
        index = stack.pop()
        if not stack:
            del self._open[key]
        self.initcalls[index] = replace(
            self.initcalls[index],
            end_ns=line.time_ns,
            told_ns=told_ns,
            result=result,
            returned_line=line.number,
        )

    def _probe(self, found: re.Match[str], line: LogLine) -> None:
        self.probes.append(
            DeviceProbe(
                device=found[1],
                result=int(found[2]),
                end_ns=line.time_ns,
                told_ns=int(found[3]) * _US,
                line=line.number,
                task=_task(line),
            )
        )


def _task(line: LogLine) -> int | None:
    return int(line.caller[1:]) if line.caller.startswith("T") else None


def _plain(function: str) -> str:
    """Return the function that a compiler's stub stands for."""
    if function.startswith("__initstub__"):
        stub = _STUB.match(function)
        if stub:
            return stub[1]
    return function
