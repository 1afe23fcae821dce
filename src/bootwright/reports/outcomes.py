"""What came of probes, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Protocol

from bootwright.reports.text import duration

_WIDTH = 120
_NAME_WIDTH = 13
_WORDS = {"pass": "pass", "fail": "FAIL", "does-not-apply": "-"}


class Tried(Protocol):
    """What came of a probe; see `probes.probe.Outcome`."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def result(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def fix(self) -> str: ...
    @property
    def duration_ns(self) -> int: ...


def line(outcome: Tried) -> str:
    """Return an outcome as a line; a failure has more below it: all that was said, and a fix."""
    took = duration(outcome.duration_ns) if outcome.result != "does-not-apply" else ""
    head = f"{outcome.name:<{_NAME_WIDTH}}  {_WORDS[outcome.result]:<4}  {took:>8}  "
    said = outcome.text.splitlines() or [outcome.summary]
    if outcome.result == "does-not-apply":
        said[0] = f"does not apply: {said[0]}"
    if outcome.result != "fail":
        return (head + textwrap.shorten(said[0], _WIDTH - len(head), placeholder=" ...")).rstrip()
    margin = " " * len(head)
    lines = [head + said[0], *(margin + more for more in said[1:])]
    if outcome.fix:
        lines.append(f"{margin}fix: {outcome.fix}")
    return "\n".join(lines)


def verdict(outcomes: Iterable[Tried]) -> str:
    """Return one line that sums up."""
    results = [outcome.result for outcome in outcomes]
    parts = [f"{results.count('pass')} passed"]
    if failures := results.count("fail"):
        parts.append(f"{failures} failed")
    if others := results.count("does-not-apply"):
        parts.append(f"{others} {'does' if others == 1 else 'do'} not apply")
    return ", ".join(parts)
