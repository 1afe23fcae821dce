"""Text for people: durations, sizes, the table of phases."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bootwright.timelines.phases import Phase, total_ns

BOLD, DIM = "\x1b[1m", "\x1b[2m"
_PLAIN = "\x1b[0m"
_BAR_WIDTH = 17


def printable(words: str) -> str:
    """Return *words* without what a terminal would obey: some come from other programs."""
    return "".join(char if char.isprintable() else " " for char in words)


def duration(time_ns: int) -> str:
    """Return a duration in the unit that reads best: ``21.304 s``, ``8.2 ms``, ``120 µs``."""
    if time_ns >= 999_950_000:  # from here on it would read 1000.0 ms
        return f"{time_ns / 1e9:.3f} s"
    if time_ns >= 999_500:
        return f"{time_ns / 1e6:.1f} ms"
    return f"{time_ns / 1e3:.0f} µs"


def size(size_bytes: int) -> str:
    """Return a size in binary units: ``4.0 GiB``."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1023.95:  # above, one decimal would read 1024.0
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def styled(row: str, style: str, wanted: bool) -> str:
    """Return *row* in a style of a terminal's, such as BOLD, where that is wanted."""
    return f"{style}{row}{_PLAIN}" if wanted else row


def age(since_s: float, now_s: float) -> str:
    """Return how long ago something was, in its largest unit; after two days, its local date."""
    seconds = max(0, int(now_s - since_s))
    if seconds >= 2 * 86400:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(since_s))
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name} ago"
    return f"{seconds} seconds ago"


def phase_table(phases: Sequence[Phase], total_name: str, columns: int | None = None) -> str:
    """Return the phases as a table with bars that fits 80 columns; times in milliseconds.

    Args:
        columns: Where fewer than needed, the marks between which a phase lies are left out.
    """
    total = total_ns(phases)
    width = max([len(total_name), *(len(phase.name) for phase in phases)])
    longest = max((len(phase.start_mark) + len(phase.end_mark) for phase in phases), default=0)
    is_narrow = columns is not None and width + _BAR_WIDTH + 15 + longest > columns
    lines = []
    for phase in phases:
        filled = round(_BAR_WIDTH * phase.duration_ns / total) if total else 0
        offset = round(_BAR_WIDTH * phase.start_ns / total) if total else 0
        offset = min(offset, _BAR_WIDTH - filled)
        bar = (" " * offset + "━" * filled).ljust(_BAR_WIDTH)
        marks = "" if is_narrow else f"{phase.start_mark} → {phase.end_mark}"
        lines.append(
            f"{phase.name:<{width}} {phase.duration_ns / 1e6:>9.1f} {bar} {marks}".rstrip()
        )
    lines.append(f"{total_name:<{width}} {total / 1e6:>9.1f} ms")
    return "\n".join(lines)
