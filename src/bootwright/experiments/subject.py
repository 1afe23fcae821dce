"""What one side of an experiment boots: a recipe, completed and changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bootwright.defaults.complete import complete
from bootwright.digest import short_digest
from bootwright.errors import InputError
from bootwright.events import Observer
from bootwright.experiments.events import ChangeDropped
from bootwright.home import Home
from bootwright.recipes.change import Change, changed
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A recipe that is measured."""

    title: str
    """What people call it, such as its image; empty for the tiny guest."""
    recipe: Recipe
    """With its changes."""
    changes: tuple[str, ...] = ()


async def completed(
    home: Home, what: Draft | Recipe, observe: Observer, *, title: str | None = None
) -> Subject:
    """Return what is booted as a subject without changes; a draft is completed.

    Args:
        title: None: the image's name.

    Raises:
        BootwrightError: a draft cannot be completed; see `defaults.complete`.
    """
    if isinstance(what, Recipe):
        named = "" if what.image is None else short_digest(what.image)
        return Subject(title=named if title is None else title, recipe=what)
    recipe, _ = await complete(home, what, observe)
    return Subject(title=(what.image or "") if title is None else title, recipe=recipe)


def with_changes(
    subject: Subject, changes: Sequence[Change], *, base: Recipe | None = None
) -> Subject:
    """Return *subject* with changes.

    Args:
        base: A recipe in which each change must make a difference.

    Raises:
        InputError: a change conflicts with another, or changes nothing.
    """
    recipe = changed(subject.recipe, changes)
    for change in changes:
        if base is not None and change(base) == base:
            raise InputError(
                f"{change} has no effect: the recipe already has it, or has nothing to remove",
                hint="bootwright recipe show prints the recipe",
            )
    return replace(subject, recipe=recipe, changes=tuple(map(str, changes)))


def without(subject: Subject, changes: Iterable[Change], observe: Observer) -> Subject:
    """Return *subject* without those of *changes* that it has already.

    They are defaults, for instance, and the question is what they do.
    """
    opposites = [c.opposite() for c in changes if c(subject.recipe) == subject.recipe]
    dropping = [change for change in opposites if change is not None]
    for change in dropping:
        observe(ChangeDropped(side="A", change=str(change)))
    recipe = changed(subject.recipe, dropping)
    return replace(subject, recipe=recipe, changes=tuple(map(str, dropping)))
