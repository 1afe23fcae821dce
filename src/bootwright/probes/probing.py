"""Probing an image: is what boots from it a real computer?"""

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
    """What came of probing one image."""

    name: str
    """The machine's; nothing is left of it."""
    image: Digest | None
    init: InitName
    accelerator: Accelerator
    passed: bool
    """Whether nothing failed."""
    probes: tuple[Outcome, ...]
    """One outcome for each probe, in their order."""


async def probe(
    home: Home,
    draft: Draft,
    probes: tuple[Probe, ...] = PROBES,
    *,
    timeout_s: float | None = None,
    observe: Observer = ignore,
) -> Probed:
    """Boot what *draft* asks for, and try *probes* in it; afterwards nothing of it is left.

    Args:
        probes: What to try; see `own` for probes of the user's own.
        timeout_s: How long each start-up may take; left out, what its accelerator needs.
        observe: Given `Prepared` and each `ProbeTried`, too.

    Raises:
        InputError: it has no image.
        BootwrightError: the machine did not start, or went away while it was probed.
    """
    if draft.image is None:
        raise InputError("the recipe has no image", hint="name one: bootwright probe IMAGE")
    spec = await prepare(home, draft, observe)
    recipe = spec.recipe
    found = await session.take(
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
