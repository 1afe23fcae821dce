"""What measure and compare share: their options, the two sides, and the way through the boots."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bootwright.cli import loop, screen
from bootwright.cli.boot_options import completed, draft_of
from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.machine.timeouts import default_timeout_s

if TYPE_CHECKING:
    from bootwright.history.measurement import Measurement
    from bootwright.recipe import Recipe

F = TypeVar("F", bound=Callable[..., Any])


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
            click.option(
                "--parallel",
                type=click.IntRange(1, 64),
                metavar="N",
                help="Run N boots at once. Default: one on the wall clock, as boots disturb each "
                "other; one for each CPU on the virtual.",
            ),
            click.option(
                "--timeout",
                type=click.FloatRange(min=0, min_open=True),
                metavar="SECONDS",
                help="How long one boot may take.",
            ),
            click.option(
                "--resume", type=click.IntRange(1), metavar="ID", help="Go on with one that ended."
            ),
            click.option("--json", "as_json", is_flag=True, help="Print all samples as JSON."),
        )
    ):
        function = option(function)
    return function


Side = tuple[str, "Recipe", tuple[str, ...]]
"""What it is called, its recipe and its changes."""


def side(
    home: Home,
    reference: str | None,
    options: dict[str, Any],
    *,
    changes: bool,
    base: Recipe | None = None,
) -> Side:
    """Return what a side is called, its recipe and its changes.

    Args:
        reference: An image, or a recipe file; None: the tiny guest, or --recipe.
        changes: Whether --with is for this side.
        base: In what each change must make a difference; None: in this side's own recipe.

    Raises:
        InputError: a change cannot be read, conflicts with another, or changes nothing.
    """
    from bootwright.change import changed
    from bootwright.change_text import parse_all
    from bootwright.experiments.resolver import Stores

    own = dict(options)
    image = reference
    if reference is not None and reference.endswith(".toml"):
        own["recipe_file"], image = Path(reference), None
    draft = draft_of(image, own)
    recipe, _ = completed(home, draft, quiet=options["as_json"])
    title = reference or (str(own["recipe_file"]) if own["recipe_file"] else "")
    if not changes or not options["texts"]:
        return title, recipe, ()
    wanted = parse_all(options["texts"], Stores(home))
    after = changed(recipe, wanted)
    for change in wanted:
        if change(base or recipe) == (base or recipe):
            raise InputError(
                f"{change} changes nothing: the recipe has it already, or nothing to drop",
                hint="bootwright recipe show prints the recipe",
            )
    return title, after, tuple(map(str, wanted))


def smallest(text: str | None) -> dict[str, Any]:
    """Return the fields of a plan that --smallest means.

    Raises:
        InputError: it is neither a share nor a time.
    """
    if text is None:
        return {}
    from bootwright.experiments import amount

    found = amount.parse(text)
    if found is None or not (found.share or found.ns):
        raise InputError(
            f"--smallest {text!r} is neither a share nor a time", hint="such as 1%, 500us or 2ms"
        )
    return {"smallest_share": found.share or 0.0, "smallest_ns": found.ns}


def list_changes(texts: tuple[str, ...]) -> bool:
    """Print the forms of changes where that was asked for, and say whether it was."""
    if "help" not in texts:
        return False
    from bootwright.change_text import FORMS

    width = max(len(form) for form, _ in FORMS)
    click.echo("\n".join(f"{form:<{width}}  {what}".rstrip() for form, what in FORMS))
    return True


def timeout_s(options: dict[str, Any], recipe: Recipe) -> float:
    """Return how long one boot may take."""
    return options["timeout"] or default_timeout_s(recipe)


def take(
    home: Home,
    begun: Measurement,
    options: dict[str, Any],
    is_over: Callable[[Measurement], bool] = lambda measurement: False,
) -> tuple[Measurement, list[str]]:
    """Run the boots that are left, telling how it goes; return all samples, and warnings."""
    from bootwright.experiments import conditions, measure
    from bootwright.experiments.executor import Local

    most = begun.plan.looks[-1] * len(begun.sides)
    before, start_s = len(begun.samples), time.monotonic()
    there = before
    told = measure.warnings(home, begun)
    swapped = conditions.swapped_pages()
    executor = Local(home, parallel=options["parallel"])
    if begun.clock == "wall" and (options["parallel"] or 1) > 1:
        told.append(f"{options['parallel']} boots ran at once, and slowed each other down")
    with screen.progress(begun.command, quiet=options["as_json"]) as advance:

        def on_sample(now: Measurement) -> None:
            nonlocal there
            there = len(now.samples)
            each_s = (time.monotonic() - start_s) / (there - before)
            last = "failed" if now.samples[-1].failure else "done"
            left = f", at most {_left((most - there) * each_s)} left" if there < most else ""
            advance(f"boot {there} of {most} {last}{left}", there / most)

        try:
            taken = loop.run(
                measure.take(home, begun, executor, is_over=is_over, on_sample=on_sample)
            )
        except BaseException:
            screen.say(
                f"{there} of {most} boots are kept: bootwright {begun.command} --resume {begun.id} "
                "goes on"
            )
            raise
    if begun.clock == "wall" and conditions.swapped_pages() != swapped:
        told.append("the host swapped meanwhile; it has too little memory free")
    return taken, told


def _left(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
