"""A boot as it happens: its phases grow on a terminal, and are lines of their own elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bootwright.cli import screen
from bootwright.events import Event, Notice, Observer, Progress
from bootwright.host.clock import now_ns
from bootwright.machines.events import MarkReached
from bootwright.reports import text
from bootwright.timelines.marks import MarkName
from bootwright.timelines.phases import Phase, PhaseSpec, phases
from bootwright.timelines.recorder import Mark

if TYPE_CHECKING:
    from rich.text import Text

WAITING_FOR: dict[str, str] = {
    MarkName.COMMAND_ENTERED: "preparing",
    MarkName.VMM_EXEC: "waiting for the VMM to load kernel and initrd",
    MarkName.VMM_RUNNING: "waiting for the kernel to start the initramfs",
    MarkName.INITRAMFS_START: "waiting for modules and the root's disk",
    MarkName.INITRAMFS_DONE: "waiting for PID 1 to start the SSH server",
    MarkName.SSHD_LISTENING: "waiting for the log-in",
}
"""What is waited for after each mark."""


class LivePhases:
    """The phases of a boot under way; the last one grows."""

    def __init__(self, specs: tuple[PhaseSpec, ...]) -> None:
        self._marks: tuple[Mark, ...] = ()
        self._specs = specs
        self._step = ""

    def take(self, mark: Mark) -> None:
        """Take in a mark of the boot."""
        self._marks = (*self._marks, mark)

    def say(self, step: str) -> None:
        """Show *step* below the phases from now on, instead of what is waited for."""
        self._step = step

    def done(self) -> tuple[Phase, ...]:
        """Return the phases that are over."""
        return phases(self._marks, self._specs)

    def text(self, at_ns: int) -> str:
        """Return the phases as they are at *at_ns*, and what is waited for."""
        marks = self._marks
        done = len(self.done())
        waiting = self._step or _waiting(marks)
        if done < len(self._specs):
            marks = (*marks, Mark(name=self._specs[done].ends[0], time_ns=at_ns))
        cut = phases(marks, self._specs)
        return (
            f"{text.phase_table(cut, 'so far', screen.width(sys.stderr))}\n{waiting}"
            if cut
            else waiting
        )

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text(self.text(now_ns()))


@contextmanager
def phases_shown(specs: tuple[PhaseSpec, ...], *, quiet: bool) -> Iterator[Observer]:
    """Give an observer that shows the phases of the boot that it observes.

    What is being done beside is shown below them. On a terminal all of it is gone after the block;
    elsewhere each phase is a line when it is over, and so is what is done. Notices are lines.
    """
    shown = LivePhases(specs)
    if quiet or not sys.stderr.isatty():
        yield _lines(shown, quiet=quiet)
        return
    from rich.console import Console
    from rich.live import Live

    def observe(event: Event) -> None:
        match event:
            case Notice():
                screen.say(event.text)
            case Progress():
                shown.say(event.step)
            case MarkReached():
                shown.take(Mark(name=event.name, time_ns=event.time_ns))

    with Live(shown, console=Console(stderr=True), transient=True, refresh_per_second=10):
        yield observe


def _lines(shown: LivePhases, *, quiet: bool) -> Observer:
    shown_lines: set[str] = set()

    def say_once(line: str) -> None:
        if line not in shown_lines and not quiet:
            shown_lines.add(line)
            screen.say(line)

    def observe(event: Event) -> None:
        match event:
            case Notice():
                screen.say(event.text)
            case Progress():
                say_once(event.step)
            case MarkReached():
                shown.take(Mark(name=event.name, time_ns=event.time_ns))
                for phase in shown.done():
                    say_once(f"{phase.name}: {text.duration(phase.duration_ns)}")

    return observe


def _waiting(marks: tuple[Mark, ...]) -> str:
    """Return what the last mark that says so is followed by."""
    known = (WAITING_FOR[mark.name] for mark in reversed(marks) if mark.name in WAITING_FOR)
    return next(known, "")
