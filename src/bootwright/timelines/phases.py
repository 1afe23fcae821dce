"""Phases: the few long stretches of a boot, each between two marks that were really taken.

Phases follow each other without a gap, so they add up to the whole; a phase whose mark is missing
is left out together with all after it, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootwright.timelines.marks import MarkName
from bootwright.timelines.recorder import Mark
from bootwright.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of a boot; times in nanoseconds after the first mark."""

    name: str
    start_mark: str
    end_mark: str
    start_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpec:
    """What a phase is called and which marks end it; the first that was taken counts."""

    name: str
    ends: tuple[str, ...]


START: str = MarkName.COMMAND_ENTERED

START_UP = (
    PhaseSpec(name="host preparation", ends=(MarkName.VMM_EXEC,)),
    PhaseSpec(name="VMM start", ends=(MarkName.VMM_RUNNING,)),
    PhaseSpec(name="firmware and kernel", ends=(MarkName.INITRAMFS_START,)),
    PhaseSpec(name="initramfs", ends=(MarkName.INITRAMFS_DONE,)),
    # The guest tells that its SSH server listens; where it cannot, we saw the server's banner.
    PhaseSpec(name="PID 1 to sshd", ends=(MarkName.SSHD_LISTENING, MarkName.SSHD_BANNER)),
    PhaseSpec(name="SSH log-in", ends=(MarkName.SSH_LOGIN,)),
)
"""From the command being entered until a command can run in the guest."""

TINY_START_UP = (*START_UP[:3], PhaseSpec(name="initramfs", ends=(MarkName.COMMAND_START,)))
"""The same for the tiny guest, in which the initramfs itself runs the command."""

BARE_START_UP = (*START_UP[:4], PhaseSpec(name="PID 1 to command", ends=(MarkName.COMMAND_START,)))
"""The same for an image whose init runs one command."""

_START_UP_OF = {"none": TINY_START_UP, "bare": BARE_START_UP}

AFTER = (
    PhaseSpec(name="command", ends=(MarkName.COMMAND_END,)),
    PhaseSpec(name="clean-up", ends=(MarkName.MACHINE_GONE,)),
)
"""What follows the start-up."""


def start_up_of(init: str) -> tuple[PhaseSpec, ...]:
    """Return the phases of a boot with *init*, until a command runs in it, or can."""
    return _START_UP_OF.get(init, START_UP)


def total_ns(cut: Iterable[Phase]) -> int:
    """Return how long *cut* is altogether, in nanoseconds."""
    return sum(phase.duration_ns for phase in cut)


def phases(marks: Iterable[Mark], specs: Iterable[PhaseSpec]) -> tuple[Phase, ...]:
    """Cut the time between *marks* into phases.

    Of several marks with one name the first counts.
    """
    times: dict[str, int] = {}
    for mark in marks:
        times.setdefault(mark.name, mark.time_ns)
    if START not in times:
        return ()
    origin = times[START]
    cut = []
    start_mark, start = START, origin
    for spec in specs:
        end_mark = next((name for name in spec.ends if name in times), None)
        if end_mark is None:
            break
        end = times[end_mark]
        cut.append(
            Phase(
                name=spec.name,
                start_mark=start_mark,
                end_mark=end_mark,
                start_ns=start - origin,
                duration_ns=end - start,
            )
        )
        start_mark, start = end_mark, end
    return tuple(cut)
