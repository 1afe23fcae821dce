"""A boot as it happens: its phases grow on a terminal, and are lines of their own elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bootwright.cli import screen
from bootwright.host.clock import now_ns
from bootwright.report import text
from bootwright.timeline.phases import PhaseSpec, phases
from bootwright.timeline.recorder import Mark, Recorder

if TYPE_CHECKING:
    from rich.text import Text

WAITING_FOR = {
    "command.entered": "preparing",
    "vmm.exec": "waiting for the VMM to load kernel and initrd",
    "vmm.running": "waiting for the kernel to start the seed",
    "seed.start": "waiting for modules and the root's disk",
    "seed.done": "waiting for PID 1 to start the SSH server",
    "sshd.listening": "waiting for the log-in",
}
"""What is waited for after each mark."""


class LivePhases:
    """The phases of a boot under way; the last one grows."""

    def __init__(self, recorder: Recorder, specs: tuple[PhaseSpec, ...]) -> None:
        self._recorder = recorder
        self._specs = specs
        self._step = ""

    def say(self, step: str) -> None:
        """Show *step* below the phases from now on, instead of what is waited for."""
        self._step = step

    def text(self, at_ns: int) -> str:
        """Return the phases as they are at *at_ns*, and what is waited for."""
        marks = self._recorder.marks()
        done = len(phases(marks, self._specs))
        waiting = self._step or _waiting(marks)
        if done < len(self._specs):
            marks = (*marks, Mark(name=self._specs[done].ends[0], time_ns=at_ns))
        cut = phases(marks, self._specs)
        return f"{text.phase_table(cut, 'so far')}\n{waiting}" if cut else waiting

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text(self.text(now_ns()))


@contextmanager
def phases_shown(
    recorder: Recorder, specs: tuple[PhaseSpec, ...], *, quiet: bool
) -> Iterator[Callable[[str], None]]:
    """Show the phases of the boot that *recorder* has the marks of, for the length of the block.

    Gives a function that says what is being done beside. On a terminal all of it is gone after the
    block; elsewhere each phase is a line when it is over, and so is what is said.
    """
    if quiet:
        yield lambda step: None
        return
    if not sys.stderr.isatty():
        told = 0

        def follow(mark: Mark) -> None:
            nonlocal told
            cut = phases(recorder.marks(), specs)
            for phase in cut[told:]:
                screen.say(f"{phase.name}: {text.duration(phase.duration_ns)}")
            told = len(cut)

        recorder.listen(follow)
        yield screen.say
        return
    from rich.console import Console
    from rich.live import Live

    shown = LivePhases(recorder, specs)
    with Live(shown, console=Console(stderr=True), transient=True, refresh_per_second=10):
        yield shown.say


def _waiting(marks: tuple[Mark, ...]) -> str:
    """Return what the last mark that says so is followed by."""
    known = (WAITING_FOR[mark.name] for mark in reversed(marks) if mark.name in WAITING_FOR)
    return next(known, "")
