"""Probe: a check of something that a real computer can do, and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bootwright.errors import InputError
from bootwright.events import Event

RunsOn = Literal["guest", "client", "host"]
"""Where a probe runs. ``guest``: in a shell in the guest, as root. ``client``: at the SSH client,
on the host or, without a network, in the guest itself. ``host``: in bootwright."""
ProbeResult = Literal["pass", "fail", "does-not-apply"]

Judge = Callable[[str, str, float], str]
"""Gets the output of a passing script, the machine's name and the host's time in seconds since
1970; returns why the probe failed nevertheless, or ""."""

LONGEST_LIMIT_S = 3600


def _accept(said: str, machine: str, now_s: float) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A check of something that a real computer can do.

    Raises:
        InputError: the time limit is invalid.
    """

    name: str
    summary: str
    """What must work to pass, in one line."""
    side: RunsOn
    script: str = ""
    """For a POSIX shell, with the functions of ``scripts/prelude.sh``. Exit status 0: it passes;
    77: it does not apply. Its output is the text of the outcome."""
    limit_s: int = 20
    """The time limit, in seconds; a probe that takes longer fails."""
    judge: Judge = _accept

    @property
    def info(self) -> ProbeInfo:
        """The probe as it is listed."""
        return ProbeInfo(name=self.name, summary=self.summary, limit_s=self.limit_s)

    def __post_init__(self) -> None:
        if not 1 <= self.limit_s <= LONGEST_LIMIT_S:
            raise InputError(
                f"invalid limit_s of probe {self.name!r}: {self.limit_s}: it must be 1 to "
                f"{LONGEST_LIMIT_S} seconds",
                hint="for example: limit_s = 20",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeInfo:
    """A probe as it is listed."""

    name: str
    summary: str
    limit_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one probe."""

    name: str
    """The name of the probe."""
    summary: str
    result: ProbeResult
    text: str
    """What was seen, or why it failed or does not apply. May have several lines."""
    fix: str = ""
    """How to make it pass, if known."""
    duration_ns: int = 0
    """How long it took, on the host's monotonic clock; 0 if it did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTried(Event):
    """A probe has finished."""

    outcome: Outcome


def passed(probe: Probe, text: str, *, duration_ns: int) -> Outcome:
    """Return the outcome of a probe that passed."""
    return Outcome(
        name=probe.name,
        summary=probe.summary,
        result="pass",
        text=text,
        duration_ns=duration_ns,
    )


def does_not_apply(probe: Probe, why: str, *, duration_ns: int = 0) -> Outcome:
    """Return the outcome of a probe that does not apply to this machine."""
    return Outcome(
        name=probe.name,
        summary=probe.summary,
        result="does-not-apply",
        text=why,
        duration_ns=duration_ns,
    )


def failed(probe: Probe, why: str, *, fix: str = "", duration_ns: int = 0) -> Outcome:
    """Return the outcome of a probe that failed."""
    return Outcome(
        name=probe.name,
        summary=probe.summary,
        result="fail",
        text=why,
        fix=fix,
        duration_ns=duration_ns,
    )
