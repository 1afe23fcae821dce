"""What measure, compare, check and kernel compare share: options, and how events are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bootwright.cli import screen
from bootwright.cli.boot_options import draft_of
from bootwright.events import Event, Notice, Observer, Progress

if TYPE_CHECKING:
    from bootwright.experiments.events import SampleTaken
    from bootwright.recipes.draft import Draft

F = TypeVar("F", bound=Callable[..., Any])

PARALLEL = click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Run N boots at once. Default: one on the wall clock, as boots disturb each other; one "
    "for each CPU on the virtual.",
)
TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Maximum duration of one boot.",
)
HTML = click.option("--html", type=click.Path(path_type=Path), help="Write a page with pictures.")


def experiment_options(function: F) -> F:
    """Add the options that measure and compare share."""
    for option in reversed(
        (
            click.option(
                "--with",
                "texts",
                multiple=True,
                metavar="CHANGE",
                help="Change the recipe (may be repeated): cmdline+=ARG, cmdline-=ARG, mask=UNIT, "
                "kernel=NAME, memory=1G and others; --with help lists them.",
            ),
            PARALLEL,
            TIMEOUT,
            click.option(
                "--resume",
                type=click.IntRange(1),
                metavar="ID",
                help="Resume an interrupted measurement.",
            ),
            HTML,
            click.option("--json", "as_json", is_flag=True, help="Print all samples as JSON."),
        )
    ):
        function = option(function)
    return function


def check_html(path: Path | None) -> None:
    """Refuse a page's file that could not be written, before anything is booted for it.

    Raises:
        InputError: it is a folder, or its folder does not exist.
    """
    if path is not None:
        from bootwright.cli.pictures import check_target

        check_target(path)


def list_changes(texts: tuple[str, ...]) -> bool:
    """Print the forms of changes where that was asked for, and say whether it was."""
    if "help" not in texts:
        return False
    from bootwright.recipes.change_text import FORMS

    width = max(len(form) for form, _ in FORMS)
    click.echo("\n".join(f"{form:<{width}}  {what}".rstrip() for form, what in FORMS))
    return True


def side(reference: str | None, options: dict[str, Any]) -> tuple[Draft, str]:
    """Return the draft of a side, and what the side is called.

    Args:
        reference: An image, or a recipe file; None: the tiny guest, or --recipe.

    Raises:
        InputError: see `draft_of`.
    """
    own, image = options, reference
    if reference is not None and reference.endswith(".toml"):
        own, image = options | {"recipe_file": Path(reference)}, None
    return draft_of(image, own), reference or str(own["recipe_file"] or "")


@contextmanager
def observer(*, quiet: bool, progress: str = "kernel") -> Iterator[Observer]:
    """Give an observer that shows what experiments report: lines, and a bar for a measurement.

    Args:
        quiet: Show only what one must know to read the result, or to resume the measurement.
        progress: What a bar is called that is no measurement's.
    """
    display = _Display(quiet=quiet, progress=progress)
    try:
        yield display.observe
    finally:
        display.close()


class _Display:
    def __init__(self, *, quiet: bool, progress: str) -> None:
        self._quiet = quiet
        self._progress = progress
        self._bar = ExitStack()
        self._title = ""
        self._advance: Callable[[str, float], None] = lambda step, share: None

    def observe(self, event: Event) -> None:
        """Show an event."""
        from bootwright.experiments import events

        match event:
            case Notice() if not self._quiet:
                screen.say(event.text)
            case Progress(share=share) if share is not None:
                if self._title != self._progress:
                    self._open(self._progress)
                self._advance(event.step, share)
            case events.ChangeDropped(side=side):
                screen.say(f"{side} has that already, so {side} is booted with {event.change}")
            case events.CheckBegun() if not self._quiet:
                self.close()
                screen.say(f"{event.name}:")
            case events.MeasurementBegun():
                self._open(event.measurement.command)
            case events.SampleTaken():
                self._advance(_sample(event), event.taken / event.planned)
            case events.MeasurementInterrupted(measurement=begun):
                self.close()
                screen.say(
                    f"{event.taken} of {event.planned} boots are kept: bootwright "
                    f"{begun.command} --resume {begun.id} goes on"
                )

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()
        self._title = ""

    def _open(self, title: str) -> None:
        self.close()
        self._title = title
        self._advance = self._bar.enter_context(screen.progress(title, quiet=self._quiet))


def _sample(event: SampleTaken) -> str:
    last = "failed" if event.sample.failure else "done"
    seconds = event.left_s
    left = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    at_most = f", at most {left} left" if event.taken < event.planned else ""
    return f"boot {event.taken} of {event.planned} {last}{at_most}"
