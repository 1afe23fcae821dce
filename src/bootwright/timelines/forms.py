"""What a text is: the forms in which kernel logs and systemd's texts come, in one table.

A form is read, or refused with its name and the command that gives what can be read.

Source: dmesg(1); journalctl(1), "--output"; systemd-analyze(1); systemctl(1).
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bootwright.errors import FormatError
from bootwright.timelines.looks import TAKE_LOG, TAKE_UNITS

Holds = Literal["log", "units", "neither"]
"""What can be read from a form."""

_HEAD_CHARS = 1 << 18
"""A form is recognised by its beginning."""
_MOST_BYTES = 1 << 28
"""Compressed text is not unpacked beyond this."""
_UNIT = r"\S{1,255}\.(?:service|socket|target|device|mount|automount|swap|path|timer|slice|scope)"
_LENGTH = r"(?:[0-9]{1,6}(?:y|month|w|d|h|min) ){0,5}[0-9]{1,9}(?:\.[0-9]{1,6})?(?:us|ms|s|min|h)"
_MONTH = r"[A-Z][a-z]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_ISO = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}"
_WHO = r"\S{1,64} [^\s:]{1,64}: "
"""Host and program: what journalctl puts before a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form of text."""

    name: str
    """What prints it, such as ``systemd-analyze blame``."""
    holds: Holds
    pattern: re.Pattern[str]
    """Found in its beginning, and in no form that comes later in the table."""
    only: str = ""
    """Why it cannot be read, or not whole; empty: it can."""
    instead: str = ""
    """What to take instead; empty: `TAKE_LOG` or `TAKE_UNITS`."""


def _form(name: str, holds: Holds, pattern: str, only: str = "", instead: str = "") -> Form:
    compiled = re.compile(pattern, re.MULTILINE)
    return Form(name=name, holds=holds, pattern=compiled, only=only, instead=instead)


SHOW = _form("systemctl show", "units", rf"^Id={_UNIT}$")
MANAGER = _form("systemctl show of the manager alone", "units", r"^UserspaceTimestampMonotonic=")
DUMP = _form("systemd-analyze dump", "units", r"^(?:->|→) Unit [^\s:].*:$")
PLOT = _form(
    "systemd-analyze plot", "units", r'This file is a systemd-analyze SVG|<rect class="activating"'
)
PLOT_JSON = _form("systemd-analyze plot --json", "units", r'"activating"\s{0,9}:\s{0,9}[0-9]')
CHAIN = _form("systemd-analyze critical-chain", "units", rf"^[ │├└─]{{0,200}}{_UNIT} @{_LENGTH}")
BLAME = _form("systemd-analyze blame", "units", rf"^ {{0,20}}{_LENGTH} {_UNIT}$")
DMESG_JSON = _form("dmesg --json", "log", r'^\s{0,20}"dmesg"\s{0,9}:')
JOURNAL_JSON = _form("journalctl -o json", "log", r'"__(?:REALTIME|MONOTONIC)_TIMESTAMP"\s{0,9}:')
JOURNAL_EXPORT = _form("journalctl -o export", "log", r"^__(?:REALTIME|MONOTONIC)_TIMESTAMP=[0-9]")
JOURNAL_VERBOSE = _form("journalctl -o verbose", "log", r"^\S.{10,60} \[s=[0-9a-f]{1,32};i=")
DMESG = _form(
    "dmesg",
    "log",
    r"\[ {0,12}[0-9]{1,11}\.[0-9]{6}(?:[0-9]{3})?(?:,[0-9]{1,3}| {0,3}<[^>\n]{0,20}>)?\]"
    r"|^[0-9]{1,6},[0-9]{1,20},[0-9]{1,20},[^;\n]{0,200};",
)
DMESG_DELTA = _form(
    "dmesg -H", "log", r"^(?:<[0-9]{1,3}>)?\[ {0,9}(?:\+ {0,9}[0-9]{1,9}[.,]|< {0,12}[0-9]+\.)"
)
ISO_PRECISE = _form(
    "dmesg --time-format iso, or journalctl -o short-iso-precise",
    "log",
    rf"^{_ISO}[,.][0-9]{{6}}[-+Z]",
)
SHORT_UNIX = _form("journalctl -o short-unix", "log", rf"^[0-9]{{9,11}}\.[0-9]{{6}} {_WHO}")
SHORT_PRECISE = _form(
    "journalctl -o short-precise", "log", rf"^{_MONTH} [ 0-9][0-9] {_CLOCK}\.[0-9]{{6}} {_WHO}"
)
_SECONDS = "has whole seconds only"
DMESG_T = _form(
    "dmesg -T",
    "log",
    rf"^(?:.{{0,40}}: )?\[{_MONTH} {_MONTH} [ 0-9][0-9] {_CLOCK} [0-9]{{4}}",
    _SECONDS,
    "dmesg >dmesg.txt, without -T",
)
SHORT = _form(
    "journalctl -o short",
    "log",
    rf"^(?:{_MONTH} [ 0-9][0-9] {_CLOCK}|{_ISO}[-+Z][0-9:]{{0,6}}"
    rf"|{_MONTH} [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}(?:\.[0-9]{{6}})? \S{{1,9}}) {_WHO}",
    _SECONDS,
    "journalctl -k -o short-monotonic >dmesg.txt",
)
BARE = _form(
    "dmesg -t, or a console without times",
    "log",
    r"^(?:<[0-9]{1,3}>)?(?:Linux version [0-9]|calling  \S{1,512} @ [0-9])",
    "has no times",
    "dmesg >dmesg.txt, without -t; a console has times with printk.time=1",
)

_NO_TIMES = "does not say when or how long a unit started"
_UNITS_ONLY = "is about units, not a kernel log"

FORMS = (
    *(SHOW, MANAGER, DUMP, PLOT, PLOT_JSON),
    *(DMESG_JSON, JOURNAL_JSON, JOURNAL_EXPORT, JOURNAL_VERBOSE),
    *(DMESG, DMESG_DELTA, ISO_PRECISE, SHORT_UNIX, SHORT_PRECISE, DMESG_T, SHORT, BARE),
    *(CHAIN, BLAME),
    _form(
        "systemd-analyze time",
        "neither",
        r"^Startup finished in ",
        "has the length of the boot, but no unit's start",
    ),
    _form("systemctl list-units", "neither", r"^\s{0,4}UNIT\s+LOAD\s+ACTIVE\s+SUB\b", _NO_TIMES),
    _form("systemctl list-unit-files", "neither", r"^UNIT FILE\s+STATE\b", _NO_TIMES),
    _form("systemctl list-jobs", "neither", r"^\s{0,9}JOB UNIT\s+TYPE\b", _NO_TIMES),
    _form("systemctl list-timers", "neither", r"^NEXT\s+LEFT\s+LAST\b", _NO_TIMES),
    _form("systemd-analyze security", "neither", r"^UNIT\s+EXPOSURE\b", _NO_TIMES),
    _form("systemd-analyze dot", "neither", r"^digraph systemd", _NO_TIMES),
    _form("systemctl status", "neither", r"^\s{1,9}Loaded: (?:loaded|not-found|masked)", _NO_TIMES),
    _form(
        "systemctl list-dependencies",
        "neither",
        rf"^[^\w\s]?[ ]{{0,4}}[│├└─ ]{{0,99}}[├└]─{_UNIT}$",
        _NO_TIMES,
    ),
    _form(
        "a unit file",
        "neither",
        r"^\[(?:Unit|Service|Socket|Mount|Timer|Path|Install)\]$",
        "says what a unit does, not when it did",
    ),
    _form("an ftrace trace", "neither", r"^# tracer: ", "is not a kernel log"),
    _form("an HTML page", "neither", r"^\s{0,9}<(?:!DOCTYPE html|html)\b", "is not plain text"),
    _form(
        "a boot loader's output",
        "neither",
        r"^(?:U-Boot (?:SPL )?[0-9]{4}\.|OpenSBI v|NOTICE:  BL[123])",
        "ends before the kernel's first line",
    ),
)
"""The first whose pattern is found counts."""

_WALL = (ISO_PRECISE, SHORT_UNIX, SHORT_PRECISE)


def form_of(text: str) -> Form | None:
    """Return which form a text has; None: none that is known.

    What terminals and forums put round lines does no harm; see `plain`.
    """
    head = plain(text[:_HEAD_CHARS])
    found = next((form for form in FORMS if form.pattern.search(head)), None)
    if found is DMESG:
        # A message may quote a stamp: where nearly every line has a time of another form, that is
        # the log's own.
        stamped = sum(1 for _ in DMESG.pattern.finditer(head))
        for form in _WALL:
            if sum(1 for _ in form.pattern.finditer(head)) > 10 * stamped:
                return form
    return found


_ESCAPE = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_QUOTED = re.compile(r"^> ?", re.MULTILINE)


def plain(text: str) -> str:
    """Return a text without what a terminal, a pager or a forum put round its lines: colors, blanks
    and carriage returns at their ends, and marks of quotation before them."""
    if "\x1b" in text:
        text = _ESCAPE.sub("", text)
    text = "\n".join(line.rstrip(" \t\r") for line in text.split("\n"))
    quoted = len(_QUOTED.findall(text))
    return _QUOTED.sub("", text) if 2 * quoted > text.count("\n") else text


def refused(
    form: Form | None, name: str, wanted: Literal["log", "units"], *, is_empty: bool = False
) -> FormatError:
    """Return the error for a text that is not what it was given as.

    Args:
        form: What it is; None: nothing that is known.
        name: How people call the text, such as ``the kernel log``.
        wanted: What it was given as.
        is_empty: Whether there is no text at all.
    """
    command = TAKE_LOG if wanted == "log" else TAKE_UNITS
    if is_empty:
        return FormatError(f"{name} is empty", hint=f"such as: {command}")
    if form is None:
        what = "a kernel log" if wanted == "log" else "systemd's output about its units"
        return FormatError(f"{name} does not hold {what}", hint=f"such as: {command}")
    if form.holds == "neither" or (form.only and form.holds == wanted):
        instead = form.instead if wanted == "log" and form.instead else command
        return FormatError(f"{name} is {form.name}, which {form.only}", hint=f"use {instead}")
    if wanted == "log":
        return FormatError(
            f"{name} is {form.name}, which {_UNITS_ONLY}",
            hint=f"pass it to --units, and for --log use: {command}",
        )
    return FormatError(
        f"{name} is {form.name}, which is a kernel log and has no units",
        hint=f"pass it to --log, and for --units use: {command}",
    )


_JOURNAL_FILE = b"LPKSHHRH"
_UNPACK: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


def decoded(data: bytes, name: str = "the text") -> str:
    """Return the text of a file, unpacked if it is compressed; what is no UTF-8 is replaced.

    Raises:
        FormatError: it cannot be unpacked, or is a file of the journal.
    """
    if data.startswith(_JOURNAL_FILE):
        raise FormatError(
            f"{name} is a file of systemd's journal",
            hint="journalctl --file FILE -k -o short-monotonic >dmesg.txt",
        )
    kind = next((kind for magic, kind in _UNPACK if data.startswith(magic)), "")
    if kind:
        try:
            data = _UNPACKERS[kind](data)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise FormatError(
                f"{name} is compressed ({kind}) and cannot be unpacked: {error}",
                hint="it may be truncated: copy it again",
            ) from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as PowerShell and Windows' terminals save
        return data.decode("utf-16", "replace").removeprefix("\ufeff")
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


def _gunzip(data: bytes) -> bytes:
    found = bytearray()
    while data:
        unpack = zlib.decompressobj(wbits=31)
        found += unpack.decompress(data, _MOST_BYTES - len(found) + 1)
        _all_of(b"", is_whole=unpack.eof)
        data = unpack.unused_data
        if not data.startswith(b"\x1f\x8b"):
            break
    return bytes(found)


def _unzstd(data: bytes) -> bytes:
    import zstandard

    try:
        unpack = zstandard.ZstdDecompressor().decompressobj()
        found = unpack.decompress(data)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    return _all_of(found, is_whole=unpack.eof)


def _unxz(data: bytes) -> bytes:
    unpack = lzma.LZMADecompressor()
    return _all_of(unpack.decompress(data, _MOST_BYTES), is_whole=unpack.eof)


def _unbzip2(data: bytes) -> bytes:
    unpack = bz2.BZ2Decompressor()
    return _all_of(unpack.decompress(data, _MOST_BYTES), is_whole=unpack.eof)


def _all_of(found: bytes, *, is_whole: bool) -> bytes:
    if not is_whole:
        raise EOFError(f"it is truncated, or holds more than {_MOST_BYTES >> 20} MiB")
    return found


_UNPACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzip,
    "xz": _unxz,
    "bzip2": _unbzip2,
    "zstd": _unzstd,
}
