"""How long a start-up may take."""

from __future__ import annotations

from bootwright.recipe import Recipe

_TIMEOUT_S = {"kvm": 60.0, "tcg": 300.0}


def default_timeout_s(recipe: Recipe) -> float:
    """Return how long a start-up may take where the user does not say."""
    return _TIMEOUT_S[recipe.accelerator]
