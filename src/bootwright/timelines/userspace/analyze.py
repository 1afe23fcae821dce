"""What systemd-analyze prints for people: blame, critical-chain and plot, read for their times.

Source: src/analyze/analyze-blame.c, analyze-critical-chain.c and analyze-plot.c of systemd;
format_timespan() in src/basic/time-util.c.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape

from bootwright.errors import FormatError
from bootwright.timelines import forms
from bootwright.timelines.forms import Form
from bootwright.timelines.looks import TAKE_UNITS
from bootwright.timelines.span import Span
from bootwright.timelines.userspace.dump import parse_dump
from bootwright.timelines.userspace.units import Systemd, Unit, parse_show

_US_NS = 1_000
_UNITS_NS = {
    "y": 31_557_600_000_000_000,
    "month": 2_629_800_000_000_000,
    "w": 604_800_000_000_000,
    "d": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "min": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
}
_PART = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(y|month|w|d|h|min|ms|us|s)(?: |$)")
_NAME = r"\S{1,255}\.[a-z]{4,9}"
_SPAN = r"(?:[0-9.]{1,16}[a-z]{1,5} ?){1,6}"
_BLAME = re.compile(rf" *(?P<length>{_SPAN}) (?P<name>{_NAME})")
_CHAIN = re.compile(
    rf"(?P<margin>[ │├└─]*)(?P<name>{_NAME})(?: @(?P<at>{_SPAN}?))?(?: \+(?P<length>{_SPAN}))?"
)
_SCALE = re.compile(r'<text class="sec" x="([0-9.]{1,20})"[^>]{0,60}>([0-9.]{1,16})s</text>')
_PLOTTED = re.compile(
    r'<rect class="activating" x="(?P<x>-?[0-9.]{1,20})"'
    r'[^>]{0,60}? width="(?P<width>-?[0-9.]{1,20})"'
    rf'|<text class="(?:left|right)"[^>]{{0,60}}>(?P<name>{_NAME})'
    r"(?: \((?P<length>[^)<]{1,60})\))?</text>"
)
_PX_A_SECOND = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsTold:
    """What a text tells of units."""

    systemd: Systemd
    goal: str = ""
    """The unit that the text leads to; empty: it names none."""
    lengths_ns: tuple[tuple[str, int], ...] = ()
    """Of units of which only the length is known."""
    warnings: tuple[str, ...] = ()


def read_units(text: str, *, init_ns: int) -> UnitsTold:
    """Read a text about units, in whatever form.

    Args:
        text: Of systemctl or systemd-analyze.
        init_ns: When init was executed, on the guest's clock; some forms count from there.

    Raises:
        FormatError: it is none that tells when units started, or how long they took.
    """
    text = forms.plain(text)
    form = forms.form_of(text)
    if form is None or form.holds != "units":
        is_empty = not text.strip()
        raise forms.refused(form, "the text about units", "units", is_empty=is_empty)
    told = _read(text, form, init_ns)
    units = told.systemd.units.values()
    if not told.lengths_ns and not any(u.inactive_exit_ns or u.condition_ns for u in units):
        # Of the manager's own properties alone there are its times.
        if told.systemd.manager.system.begin_ns is not None:
            return told
        raise FormatError(f"the units file ({form.name}) has no times", hint=TAKE_UNITS)
    return told


def _read(text: str, form: Form, init_ns: int) -> UnitsTold:
    if form in (forms.SHOW, forms.MANAGER):
        return _of_show(text)
    if form is forms.DUMP:
        return _of_systemd(parse_dump(text))
    if form is forms.CHAIN:
        return _with_blame(_chain(text, init_ns), text)
    if form is forms.BLAME:
        return _blame(text)
    systemd = _plot_json(text) if form is forms.PLOT_JSON else _plot(text)
    return UnitsTold(
        systemd=systemd,
        warnings=(
            f"{form.name} has no order of units, so there is no critical path; use {TAKE_UNITS}",
        ),
    )


def _of_systemd(systemd: Systemd) -> UnitsTold:
    return UnitsTold(systemd=systemd, warnings=systemd.warnings)


def _of_show(text: str) -> UnitsTold:
    """Read units and, where it is there too, the manager's own block, which has no Id."""
    blocks = text.replace("\r\n", "\n").split("\n\n")
    own = [block for block in blocks if "\nId=" not in f"\n{block}"]
    manager = next((block for block in own if forms.MANAGER.pattern.search(block)), None)
    units = "\n\n".join(block for block in blocks if block is not manager)
    return _of_systemd(parse_show(units, "" if manager is None else f"{manager.rstrip()}\n"))


def length_ns(text: str) -> int | None:
    """Read a length as systemd prints it, such as ``1min 30.5s``, in nanoseconds."""
    parts = list(_PART.finditer(text.strip()))
    if not parts or "".join(part[0] for part in parts) != text.strip():
        return None
    total = 0
    for number, fraction, unit in (part.groups() for part in parts):
        whole = _UNITS_NS[unit]
        total += int(number) * whole
        if fraction:
            total += int(fraction) * whole // 10 ** len(fraction)
    return total


def _blame(text: str) -> UnitsTold:
    found = []
    for line in text.splitlines():
        if (row := _BLAME.fullmatch(line.rstrip())) and (took := length_ns(row["length"])):
            found.append((row["name"], took))
    return UnitsTold(
        systemd=Systemd(),
        lengths_ns=tuple(found),
        warnings=(
            "systemd-analyze blame says how long units took, not when they started: units "
            f"without other data are placed at the start of PID 1; use {TAKE_UNITS}",
        ),
    )


def _with_blame(chain: UnitsTold, text: str) -> UnitsTold:
    """Add what blame says of other units: people post both in one text."""
    blame = _blame(text)
    known = chain.systemd.units
    others = tuple(pair for pair in blame.lengths_ns if pair[0] not in known)
    if not others:
        return chain
    return replace(chain, lengths_ns=others, warnings=(*chain.warnings, *blame.warnings))


def length_spans(told: UnitsTold, *, parent: str, start_ns: int) -> list[Span]:
    """Return units of which only the length is known, as frames that begin at *start_ns*."""
    return [
        Span(
            id=f"unit.{name}",
            parent=parent,
            layer="userspace",
            name=f"{name}: start unknown",
            kind="frame",
            start_ns=start_ns,
            end_ns=start_ns + took,
            source="systemd-analyze blame: its length; its start is unknown",
        )
        for name, took in dict(told.lengths_ns).items()
    ]


def _chain(text: str, init_ns: int) -> UnitsTold:
    """Read a chain: each unit was after those that stand below it, one step further in."""
    rows: list[tuple[int, str, int | None, int]] = []
    for line in text.splitlines():
        row = _CHAIN.fullmatch(line.rstrip())
        if row is not None:
            at = None if row["at"] is None else length_ns(row["at"])
            rows.append((len(row["margin"]), row["name"], at, length_ns(row["length"] or "") or 0))
    units: dict[str, Unit] = {}
    for index, (depth, name, at, took) in enumerate(rows):
        if at is None or name in units:
            continue
        start_ns = init_ns + at
        units[name] = Unit(
            name=name,
            active_state="active",
            inactive_exit_ns=start_ns,
            active_enter_ns=start_ns + took,
            after=tuple(_below(rows[index + 1 :], depth)),
        )
    return UnitsTold(
        systemd=Systemd(units=units, error_ns=1_000_000),
        goal=next(iter(units), ""),
        warnings=(
            "systemd-analyze critical-chain has the units of one chain only; "
            f"for all units use {TAKE_UNITS}",
        ),
    )


def _below(rows: list[tuple[int, str, int | None, int]], depth: int) -> Iterator[str]:
    first: int | None = None
    for margin, name, _, _ in rows:
        if margin <= depth:
            return
        first = margin if first is None else first
        if margin == first:
            yield name


def _plot(text: str) -> Systemd:
    """Read the picture: x counts from the kernel's start, by a scale that its axis tells."""
    labels = [(_float(x), _float(s)) for x, s in _SCALE.findall(text)]
    scale = next((x / s for x, s in reversed(labels) if x and s and s > 0 < x), 0.0)
    rows: list[tuple[str, float, float, int | None]] = []
    x = width = None
    for mark in _PLOTTED.finditer(text):
        if mark["x"] is not None:
            x, width = _float(mark["x"]), _float(mark["width"])
        elif x is not None and width is not None:
            rows.append((unescape(mark["name"]), x, width, length_ns(mark["length"] or "")))
            x = None
    if not scale:
        told = [(w, took) for _, _, w, took in rows if took and w > 0]
        widest = max(told, key=lambda pair: pair[1], default=None)
        scale = _PX_A_SECOND if widest is None else widest[0] / (widest[1] / 1e9)
    units: dict[str, Unit] = {}
    for name, left, wide, took in rows:
        start_ns = max(0, round(left / scale * 1e6)) * _US_NS
        units.setdefault(
            name,
            Unit(
                name=name,
                active_state="active",
                inactive_exit_ns=start_ns or None,
                active_enter_ns=start_ns + (took or max(0, round(wide / scale * 1e6)) * _US_NS),
            ),
        )
    return Systemd(units=units, error_ns=1_000_000)


def _float(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?", text) else None


def _plot_json(text: str) -> Systemd:
    """Read what ``systemd-analyze plot --json`` prints: microseconds."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        rows = []
    units: dict[str, Unit] = {}
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or not isinstance(name := row.get("name"), str):
            continue
        activating, activated = row.get("activating"), row.get("activated")
        if isinstance(activating, int) and activating > 0:
            units[name] = Unit(
                name=name,
                active_state="active",
                inactive_exit_ns=activating * _US_NS,
                active_enter_ns=activated * _US_NS
                if isinstance(activated, int) and activated >= activating
                else None,
            )
    return Systemd(units=units)
