"""From what a user asks for to a machine that can be started, for boots that are looked at."""

from __future__ import annotations

from bootwright.defaults.complete import complete
from bootwright.defaults.kvm_trial import Choice
from bootwright.errors import InputError
from bootwright.events import Event, Observer
from bootwright.home import Home
from bootwright.machines.spec import MachineSpec, fresh_name
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Recipe
from bootwright.values import dataclass

_TIMEOUT_S = {"kvm": 60.0, "tcg": 300.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Event):
    """A recipe is complete: this machine is about to be started."""

    spec: MachineSpec
    choice: Choice
    """Which accelerator and disk it has, and why."""


async def prepare(home: Home, draft: Draft, observe: Observer) -> MachineSpec:
    """Complete *draft*, and return a machine of it with a name that no other has.

    Raises:
        BootwrightError: there is no such image or kernel, or this host cannot boot it.
    """
    recipe, choice = await complete(home, draft, observe)
    spec = MachineSpec(name=fresh_name(draft.image), recipe=recipe)
    observe(Prepared(spec=spec, choice=choice))
    return spec


def default_timeout_s(recipe: Recipe) -> float:
    """Return how long a start-up may take where the user does not say."""
    return _TIMEOUT_S[recipe.accelerator]


def check_timeout(timeout_s: float | None) -> None:
    """Refuse a limit that no start-up could keep.

    Raises:
        InputError: it is not more than 0.
    """
    if timeout_s is not None and timeout_s <= 0:
        raise InputError(
            f"--timeout is {timeout_s:g}, but must be more than 0", hint="give seconds"
        )
