"""Probe: one thing that a real computer can do, and what came of trying it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bootwright.errors import InputError
from bootwright.events import Event

RunsOn = Literal["guest", "client", "host"]
"""Who tries it. ``guest``: a shell in the guest, as root. ``client``: whoever logs in, with its SSH
client; the host, or the guest itself where no network leads in. ``host``: us, from outside."""
ProbeResult = Literal["pass", "fail", "does-not-apply"]

Judge = Callable[[str, str, float], str]
"""Looks at what a passing script said, the machine's name and the host's time in seconds since
1970; says why it failed all the same, or nothing."""

LONGEST_LIMIT_S = 3600


def _content(said: str, machine: str, now_s: float) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing that a real computer can do.

    Raises:
        InputError: the time limit cannot be used.
    """

    name: str
    summary: str
    """What passes, one line for people."""
    side: RunsOn
    script: str = ""
    """For a POSIX shell; see ``scripts/prelude.sh`` for what it may call. Exit status 0: it passes;
    77: it does not apply; its output says what was seen, and why."""
    limit_s: int = 20
    """How long it may take before it has failed, in seconds."""
    judge: Judge = _content

    @property
    def info(self) -> ProbeInfo:
        """What a list of probes has of it."""
        return ProbeInfo(name=self.name, summary=self.summary, limit_s=self.limit_s)

    def __post_init__(self) -> None:
        if not 1 <= self.limit_s <= LONGEST_LIMIT_S:
            raise InputError(
                f"limit_s of probe {self.name!r} is {self.limit_s}, but it is 1 to "
                f"{LONGEST_LIMIT_S} seconds",
                hint="write limit_s = 20",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeInfo:
    """A probe as it is listed."""

    name: str
    summary: str
    limit_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one probe."""

    name: str
    """The probe's."""
    summary: str
    result: ProbeResult
    text: str
    """What was seen; why it failed, or does not apply. May have several lines."""
    fix: str = ""
    """What would make it pass, where that is known."""
    duration_ns: int = 0
    """How long it took, on the host's monotonic clock; 0 where it was not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTried(Event):
    """A probe has an outcome."""

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
    """Return the outcome of a probe that means nothing for this machine."""
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
