"""The clocks of guests: each by its name, and what a recipe must be on them."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

from bootwright.recipes.clock import CLOCKS, VIRTUAL, WALL, ClockName
from bootwright.recipes.recipe import Recipe


def test_every_name_has_a_clock() -> None:
    assert tuple(CLOCKS) == get_args(ClockName)
    assert CLOCKS == {"wall": WALL, "virtual": VIRTUAL}


def test_needs_are_of_fields_of_a_recipe_and_say_why() -> None:
    names = {field.name for field in fields(Recipe)}
    for clock in CLOCKS.values():
        assert set(clock.needs) <= names
        assert all(need.accepted and need.hint for need in clock.needs.values())


def test_only_what_nothing_reaches_is_repeatable() -> None:
    assert all(clock.is_closed for clock in CLOCKS.values() if clock.is_repeatable)
