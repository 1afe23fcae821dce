"""Lines of a kernel log, with their times: from dmesg, the journal, /dev/kmsg or a serial line.

A serial capture is rough: carriage returns, text of programs in between, a line begun inside
another, a stamp cut in two. Whatever cannot be read stays a line without a time; nothing raises.

Source: print_time(), print_caller() and info_print_ext_header() in kernel/printk/printk.c;
Documentation/ABI/testing/dev-kmsg.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_US = 1_000

# All repetitions are bounded or cannot overlap: the time taken grows with the text's length only.
_STAMP = (
    r"\[ {0,12}([0-9]{1,11})\.([0-9]{6})(?:[0-9]{3})?(?:,[0-9]{1,3}| {0,3}<[^>\n]{0,20}>)?\]"
    r"(?:\[ {0,8}([TC][0-9]{1,8})\])? ?"
)
_HEAD = re.compile(rf"(?:<[0-9]{{1,3}}>)?{_STAMP}")
# A line begun inside another: only the exact form "[%5lu.%06lu]", as texts may quote numbers too.
_INSIDE = re.compile(
    r"(?:<[0-9]{1,3}>)?\[(?=[ 0-9]{5})( {0,4}[0-9]{1,11})\.([0-9]{6})\]"
    r"(?:\[ {0,8}([TC][0-9]{1,8})\])? "
)
_KMSG = re.compile(r"[0-9]{1,6},[0-9]{1,20},([0-9]{1,20}),([^;\n]{0,200});(.*)")
_KMSG_CALLER = re.compile(r"caller=([TC][0-9]{1,8})")
_KMSG_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_JOURNAL = re.compile(r"([^\s:]{1,64}) kernel: ")
# dmesg -T, dmesg --time-format=iso, and the journal's "short": the time of day, which is no clock
# of the guest's boot.
_DAYTIME = re.compile(
    r"(?:\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]?[0-9] [0-9:]{8} [0-9]{4}\] "
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[,.][0-9]{6}[-+][0-9:]{4,6} "
    r"|[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [^\s:]{1,64} kernel: )"
)
_LEVEL = re.compile(r"<[0-9]{1,3}>")
_TORN = re.compile(r"(?:<[0-9]{1,3}>)?\[ {0,12}[0-9]{1,11}(?:\.[0-9]{0,6})?$")
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]{0,20}[A-Za-z]|[()][A-Z0-9]|[=>78cM])")


_BANNER = "Linux version "
_BANNER_WITHIN = 20
"""Few lines come before the banner, such as those of early microcode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a kernel log."""

    time_ns: int | None
    """On the guest's printk clock, in nanoseconds; None: the line does not tell."""
    text: str
    """Without stamp, level and caller."""
    number: int
    """Of the line in the log as it was given, from 1."""
    caller: str = ""
    """``T1``: task 1; ``C0``: CPU 0 outside any task; empty: the log does not tell.

    Source: CONFIG_PRINTK_CALLER, print_caller() in kernel/printk/printk.c.
    """


def log_lines(log: str) -> tuple[tuple[LogLine, ...], tuple[str, ...]]:
    """Read the lines of the last boot in *log*, and what is wrong with them, in words."""
    lines = _without_journal_prefix(list(_read(log)))
    warnings: list[str] = []
    start = _last_boot(lines)
    if start:
        warnings.append(
            f"the log holds several boots; only the last, from line {start + 1}, is used"
        )
        lines = lines[start:]
    timed = [line for line in lines if line.time_ns is not None][:_BANNER_WITHIN]
    if lines and not timed:
        warnings.append("no line has a time; boot with printk.time=1")
    elif timed and not any(line.text.startswith(_BANNER) for line in timed):
        warnings.append(
            f"the log begins {timed[0].time_ns} ns after the clock's start, without the kernel's "
            "first lines: they were overwritten or not captured; boot with log_buf_len=1M"
        )
    torn = sum(1 for line in lines if line.time_ns is None and _TORN.match(line.text))
    if torn:
        warnings.append(f"timestamps cut in two: {torn}; dmesg has them whole")
    return tuple(lines), tuple(warnings)


def _read(log: str) -> Iterator[LogLine]:
    kmsg = False
    for number, raw in enumerate(log.split("\n"), 1):
        if "\x1b" in raw:
            raw = _ESCAPE_SEQUENCE.sub("", raw)
        for piece in raw.split("\r") if "\r" in raw else (raw,):
            text = piece.replace("\0", "").rstrip()
            if not text:
                continue
            if record := _KMSG.match(text):
                kmsg = True
                yield from _kmsg(record, number)
            elif not (kmsg and text[0] == " "):  # else: a record's properties, " DEVICE=..."
                yield from _printed(text, number)


def _kmsg(record: re.Match[str], number: int) -> Iterator[LogLine]:
    caller = _KMSG_CALLER.search(record[2])
    text = record[3]
    if "\\x" in text:
        text = _KMSG_ESCAPE.sub(lambda m: chr(int(m[1], 16)), text)
    for part in text.split("\n"):
        yield LogLine(
            time_ns=int(record[1]) * _US,
            text=part.rstrip(),
            number=number,
            caller=caller[1] if caller else "",
        )


def _printed(text: str, number: int) -> Iterator[LogLine]:
    """Yield what one printed line holds: mostly one line, more where another began inside."""
    head = _HEAD.match(text)
    if head is None and "[" not in text:
        yield LogLine(time_ns=None, text=_bare(text), number=number)
        return
    at = head.end() if head else 0
    inside = list(_INSIDE.finditer(text, at)) if "[" in text[at:] else []
    ends = [match.start() for match in inside] + [len(text)]
    if head is None:
        before = _bare(text[: ends[0]].rstrip())
        if before:
            yield LogLine(time_ns=None, text=before, number=number)
        stamps = inside
        ends = ends[1:]
    else:
        stamps = [head, *inside]
    for stamp, end in zip(stamps, ends, strict=True):
        yield LogLine(
            time_ns=(int(stamp[1]) * 1_000_000 + int(stamp[2])) * _US,
            text=text[stamp.end() : end].rstrip(),
            number=number,
            caller=stamp[3] or "",
        )


def _bare(text: str) -> str:
    """Return a line without a stamp, also without level or time of day."""
    level = _LEVEL.match(text)
    at = level.end() if level else 0
    daytime = _DAYTIME.match(text, at)
    return text[daytime.end() if daytime else at :]


def _without_journal_prefix(lines: list[LogLine]) -> list[LogLine]:
    """Drop ``HOST kernel:``, which journalctl puts before each line, if most lines begin so."""
    sample = [line for line in lines if line.time_ns is not None][:100]
    hosts = [match[1] for line in sample if (match := _JOURNAL.match(line.text))]
    if not hosts or 2 * len(hosts) < len(sample):
        return lines
    prefix = f"{hosts[0]} kernel: "
    return [
        LogLine(
            time_ns=line.time_ns,
            text=line.text.removeprefix(prefix),
            number=line.number,
            caller=line.caller,
        )
        if line.text.startswith(prefix)
        else line
        for line in lines
    ]


def _last_boot(lines: list[LogLine]) -> int:
    """Return the index at which the last boot begins: its banner, and the clock begins again."""
    start = latest_ns = 0
    for index, line in enumerate(lines):
        if line.time_ns is None:
            continue
        if line.time_ns < latest_ns and line.text.startswith(_BANNER):
            start, latest_ns = index, 0
        latest_ns = max(latest_ns, line.time_ns)
    return start
