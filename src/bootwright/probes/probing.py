"""Probe an image: boot it, and check that it works like a real computer."""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.booting.preparing import default_timeout_s, prepare
from bootwright.digest import Digest
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.home import Home
from bootwright.probes import session
from bootwright.probes.probe import Outcome, Probe
from bootwright.probes.table import PROBES
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Accelerator, InitName


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The outcomes of probing one image."""

    name: str
    """The name of the machine, which is removed afterwards."""
    image: Digest | None
    init: InitName
    accelerator: Accelerator
    passed: bool
    """Whether no probe failed."""
    probes: tuple[Outcome, ...]
    """One outcome per probe, in their order."""


async def probe(
    home: Home,
    draft: Draft,
    probes: tuple[Probe, ...] = PROBES,
    *,
    timeout_s: float | None = None,
    observe: Observer = ignore,
) -> Probed:
    """Boot the machine of *draft*, run *probes* in it, and remove it.

    Args:
        probes: The probes to run; see `user_probes` for adding probes.
        timeout_s: How long each start-up may take; default: depends on the accelerator.
        observe: Also receives `Prepared` and each `ProbeTried`.

    Raises:
        InputError: *draft* has no image.
        BootwrightError: the machine did not start, or ended while it was probed.
    """
    if draft.image is None:
        raise InputError("the recipe has no image", hint="name one: bootwright probe IMAGE")
    spec = await prepare(home, draft, observe)
    recipe = spec.recipe
    found = await session.run_probes(
        home, spec, probes, timeout_s=timeout_s or default_timeout_s(recipe), observe=observe
    )
    return Probed(
        name=spec.name,
        image=recipe.image,
        init=recipe.init,
        accelerator=recipe.accelerator,
        passed=all(outcome.result != "fail" for outcome in found),
        probes=found,
    )
