"""Kernel logs in other forms than dmesg's own, put into that form, line for line.

A line keeps its number, so that what is said of "line 12" is right of the file as it was given.
Times of the wall clock become times since the log's first line.

Source: print_record() in sys-utils/dmesg.c of util-linux; output_short(), output_export(),
output_verbose() and get_display_timestamp() in src/shared/logs-show.c of systemd;
systemd.journal-fields(7).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bootwright.timelines import forms
from bootwright.timelines.forms import Form

_US = 1_000
_S_US = 1_000_000
_YEAR = 2024
"""It has a 29 February."""
_YEAR_US = 366 * 86_400 * _S_US
_NEAR_US = 7 * 86_400 * _S_US
"""Two lines so close round New Year are of one boot; a clock may be set by any amount."""
_ISO = re.compile(
    r"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[,.][0-9]{6}(?:Z|[-+][0-9]{2}:?[0-9]{2}))"
    r" (?P<rest>.*)"
)
_UNIX = re.compile(r"(?P<s>[0-9]{9,11})\.(?P<us>[0-9]{6}) (?P<rest>.*)")
_PRECISE = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) (?P<day>[ 0-9][0-9]) "
    r"(?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2})\.(?P<us>[0-9]{6}) (?P<rest>.*)"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WHO = re.compile(r"\S{1,64} (?P<who>[^\s:]{1,64}): (?P<text>.*)")
_SECONDS_HEAD = re.compile(
    r"(?:.{0,40}?: )?\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}[^\]]{0,30}\] ?"
    r"|[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} (?=\S{1,64} [^\s:]{1,64}: )"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[-+Z][0-9:]{0,6} (?=\S{1,64} [^\s:]{1,64}: )"
    r"|[A-Z][a-z]{2} [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]{6})? \S{1,9} "
    r"(?=\S{1,64} [^\s:]{1,64}: )"
)
_DELTA = re.compile(
    r"(?:<[0-9]{1,3}>)?\[ {0,9}(?:\+ {0,9}|< {0,12})(?P<s>[0-9]{1,9})[.,](?P<us>[0-9]{6})>?\] ?"
    r"(?P<text>.*)"
)
_MINUTE = re.compile(
    r"(?:<[0-9]{1,3}>)?\[[^\W\d]{2,9}\.? {0,3}[0-9]{1,2} [0-9]{2}:[0-9]{2}\] ?(?P<text>.*)"
)
_FIELD = re.compile(r"\s{0,8}(?P<key>[A-Z0-9_]{1,64})=(?P<value>.*)")
_ENTRY_EDGE = re.compile(r"__CURSOR=|\S.{10,60} \[s=[0-9a-f]{1,32};i=")
_READ_IN_US = 100_000
_MANY_LINES = 100
"""journald reads so many lines of the kernel's within `_READ_IN_US`; no kernel prints them so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsDmesg:
    """A log in dmesg's form."""

    text: str
    has_times: bool = True
    """False: the form has no time that is fine enough; its lines stand without any."""
    warnings: tuple[str, ...] = ()


def as_dmesg(text: str, form: Form) -> AsDmesg:
    """Return a log of *form* as dmesg would have printed it."""
    reader = _READERS.get(form.name)
    return AsDmesg(text=text) if reader is None else reader(text)


def _stamped(time_us: int, text: str) -> str:
    head = f"[{time_us // _S_US:5}.{time_us % _S_US:06}] "
    # A carriage return begins another line of the same number; see loglines.
    return "\r".join(head + part for part in text.split("\n"))


def _said_by(rest: str) -> str:
    """Return a line of the journal without its host: the kernel's as it is, others with a name."""
    found = _WHO.match(rest)
    if found is None:
        return rest
    return found["text"] if found["who"] == "kernel" else f"{found['who']}: {found['text']}"


def _dmesg_json(text: str) -> AsDmesg:
    lines = [""] * (text.count("\n") + 1)
    for number, entry in _objects(text, "msg"):
        try:
            seconds, _, fraction = str(entry.get("time", "")).strip().partition(".")
            at_us = int(seconds) * _S_US + int(fraction.ljust(6, "0")[:6])
        except ValueError:
            continue
        lines[number] = _stamped(max(0, at_us), str(entry.get("msg", "")))
    return AsDmesg(text="\n".join(lines))


def _journal_json(text: str) -> AsDmesg:
    found = []
    for number, entry in _objects(text, "MESSAGE"):
        message = entry.get("MESSAGE")
        if isinstance(message, list):  # bytes that are no UTF-8
            codes = [code for code in message if isinstance(code, int) and 0 <= code < 256]
            message = bytes(codes).decode("utf-8", "replace")
        fields = {key: value for key, value in entry.items() if isinstance(value, str)}
        if isinstance(message, str):
            found.append((number, fields | {"MESSAGE": message}))
    return _entries(text, found)


def _objects(text: str, key: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the JSON objects that have *key*, with the number of the line that it stands on."""
    number = at = 0
    while (place := text.find(f'"{key}"', at)) >= 0:
        # Mostly the next brace opens the object; dmesg's stand within another.
        braces = (text.find("{", at, place), text.rfind("{", at, place))
        found = (_object(text, brace) for brace in braces if brace >= 0)
        entry, end = next(((entry, end) for entry, end in found if key in entry), ({}, -1))
        if not entry:  # what is no JSON is left out up to its line's end
            end = text.find("\n", place)
            end = len(text) if end < 0 else end
        else:
            yield number + text.count("\n", at, place), entry
        number += text.count("\n", at, end)
        at = end


def _object(text: str, begin: int) -> tuple[dict[str, object], int]:
    """Return the object that begins there, and its end; an empty one where there is none."""
    try:
        entry, end = json.JSONDecoder().raw_decode(text, begin)
    except (ValueError, RecursionError):
        return {}, begin
    return (entry, end) if isinstance(entry, dict) else ({}, begin)


def _journal_fields(text: str) -> AsDmesg:
    """Read export and verbose: fields by the line, an entry behind the other."""
    found: list[tuple[int, dict[str, str]]] = []
    fields: dict[str, str] = {}
    number = -1

    def close() -> None:
        if number >= 0 and "MESSAGE" in fields:
            found.append((number, dict(fields)))
        fields.clear()

    for index, line in enumerate(text.split("\n")):
        if _ENTRY_EDGE.match(line):
            close()
            number = -1
        if field := _FIELD.match(line):
            fields.setdefault(field["key"], field["value"].rstrip("\r"))
            number = index if field["key"] == "MESSAGE" else number
    close()
    return _entries(text, found)


def _entries(text: str, found: list[tuple[int, dict[str, str]]]) -> AsDmesg:
    """Return the entries of the last boot, on CLOCK_MONOTONIC."""
    boots = list(dict.fromkeys(f["_BOOT_ID"] for _, f in found if "_BOOT_ID" in f))
    warnings = []
    if len(boots) > 1:
        warnings.append(f"the journal holds {len(boots)} boots; only the last is used")
    lines = [""] * (text.count("\n") + 1)
    late = 0
    for number, fields in found:
        at = fields.get("_SOURCE_MONOTONIC_TIMESTAMP") or fields.get("__MONOTONIC_TIMESTAMP", "")
        if not re.fullmatch(r"[0-9]{1,18}", at) or (boots and fields.get("_BOOT_ID") != boots[-1]):
            continue
        who = fields.get("SYSLOG_IDENTIFIER") or fields.get("_COMM", "")
        message = fields["MESSAGE"]
        if fields.get("_TRANSPORT") != "kernel" and who not in ("", "kernel"):
            pid = fields.get("_PID") or fields.get("SYSLOG_PID", "")
            message = f"{who}[{pid}]: {message}" if pid else f"{who}: {message}"
        else:
            late += "_SOURCE_MONOTONIC_TIMESTAMP" not in fields
        lines[number] = _stamped(int(at), message)
    if late:
        warnings.append(
            f"{late} of the kernel's lines have the time when journald read them; use "
            "journalctl -k -o short-monotonic"
        )
    return AsDmesg(text="\n".join(lines), warnings=tuple(warnings))


def _wall(text: str, read: Callable[[str], tuple[int, str] | None]) -> AsDmesg:
    """Read lines that begin with a time of the wall clock, in microseconds."""
    lines: list[str] = []
    first_us: int | None = None
    before_us = stepped_us = 0
    stamps: list[int] = []
    for line in text.split("\n"):
        found = read(line.rstrip("\r"))
        if found is None:
            lines.append("" if line.startswith("-- ") else line)
            continue
        at_us = found[0]
        first_us = at_us if first_us is None else first_us
        stepped_us = max(stepped_us, before_us - (at_us - first_us))
        before_us = max(before_us, at_us - first_us)
        stamps.append(before_us)
        lines.append(_stamped(before_us, found[1]))
    warnings = ["times of the wall clock; the log's first line is assumed to be the kernel's start"]
    if stepped_us > _S_US:
        warnings.append(f"the wall clock was set back by {stepped_us / _S_US:.1f} s during the log")
    if len(stamps) > _MANY_LINES and stamps[_MANY_LINES] < _READ_IN_US:
        warnings.append(
            "the first lines have the time when journald read them, not the kernel's; "
            "use journalctl -k -o short-monotonic"
        )
    return AsDmesg(text="\n".join(lines), warnings=tuple(warnings))


def _iso(line: str) -> tuple[int, str] | None:
    found = _ISO.match(line)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found["at"])
    except ValueError:
        return None
    return _since_1970_us(at), _said_by(found["rest"]) if _is_journal(found["rest"]) else (
        found["rest"]
    )


def _is_journal(rest: str) -> bool:
    """Return whether a line begins with a host and a program, which dmesg does not print."""
    found = _WHO.match(rest)
    return found is not None and (
        found["who"] == "kernel" or re.search(r"\[[0-9]+\]$", found["who"]) is not None
    )


def _unix(line: str) -> tuple[int, str] | None:
    found = _UNIX.match(line)
    if found is None:
        return None
    return int(found["s"]) * _S_US + int(found["us"]), _said_by(found["rest"])


def _short_precise(text: str) -> AsDmesg:
    """Read journalctl's short-precise, whose times have no year: one may begin within the log."""
    last_us: int | None = None
    years = 0

    def read(line: str) -> tuple[int, str] | None:
        nonlocal last_us, years
        found = _precise(line)
        if found is None:
            return None
        if last_us is not None:
            since_us = found[0] + years * _YEAR_US - last_us
            turn = 1 if since_us < 0 else -1
            if abs(since_us + turn * _YEAR_US) < _NEAR_US:
                years += turn
        last_us = found[0] + years * _YEAR_US
        return last_us, found[1]

    return _wall(text, read)


def _precise(line: str) -> tuple[int, str] | None:
    """Read a time of an unknown year, as one of `_YEAR`."""
    found = _PRECISE.match(line)
    if found is None or found["month"] not in _MONTHS:
        return None
    month, day = _MONTHS.index(found["month"]) + 1, int(found["day"])
    hour, minute, second = (int(part) for part in found["clock"].split(":"))
    try:
        at = datetime(_YEAR, month, day, hour, minute, second, int(found["us"]), tzinfo=UTC)
    except ValueError:
        return None
    return _since_1970_us(at), _said_by(found["rest"])


def _since_1970_us(at: datetime) -> int:
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _S_US + since.microseconds


def _deltas(text: str) -> AsDmesg:
    """Read distances from line to line; where dmesg prints the minute instead, one is lost."""
    lines: list[str] = []
    at_us = 0
    began = False
    warnings: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if delta := _DELTA.match(line):
            at_us += int(delta["s"]) * _S_US + int(delta["us"])
            lines.append(_stamped(at_us, delta["text"].rstrip("\r")))
        elif minute := _MINUTE.match(line):
            if began:
                warnings = (
                    f"lines from {number} on are ignored: dmesg -H prints the minute there "
                    "instead of an offset; use plain dmesg",
                )
                break
            lines.append(_stamped(at_us, minute["text"].rstrip("\r")))
        else:
            lines.append(line)
            continue
        began = True
    return AsDmesg(text="\n".join(lines), warnings=warnings)


def _without_seconds(text: str) -> AsDmesg:
    """Drop times that are no finer than a second."""
    lines = []
    for line in text.split("\n"):
        head = _SECONDS_HEAD.match(line)
        rest = line if head is None else line[head.end() :]
        lines.append(_said_by(rest) if head is not None and _is_journal(rest) else rest)
    return AsDmesg(text="\n".join(lines), has_times=False)


_READERS: dict[str, Callable[[str], AsDmesg]] = {
    forms.DMESG_JSON.name: _dmesg_json,
    forms.JOURNAL_JSON.name: _journal_json,
    forms.JOURNAL_EXPORT.name: _journal_fields,
    forms.JOURNAL_VERBOSE.name: _journal_fields,
    forms.DMESG_DELTA.name: _deltas,
    forms.ISO_PRECISE.name: lambda text: _wall(text, _iso),
    forms.SHORT_UNIX.name: lambda text: _wall(text, _unix),
    forms.SHORT_PRECISE.name: _short_precise,
    forms.DMESG_T.name: _without_seconds,
    forms.SHORT.name: _without_seconds,
    forms.BARE.name: lambda text: AsDmesg(text=text, has_times=False),
}
