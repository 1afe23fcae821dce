"""From what a user asks for to a machine that can be started, for boots that are looked at."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from bootwright.events import Event, Notice, Observer
from bootwright.home import Home
from bootwright.images import image as images
from bootwright.kernels import kernel as kernels
from bootwright.machine.complete import DEFAULT_KERNEL, complete
from bootwright.machine.draft import Draft
from bootwright.machine.spec import MachineSpec
from bootwright.machine.trial import Choice
from bootwright.recipe import Recipe
from bootwright.timeline.recorder import Mark

_TIMEOUT_S = {"kvm": 60.0, "tcg": 300.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Event):
    """A recipe is complete: this machine is about to be started."""

    spec: MachineSpec
    choice: Choice
    """Which accelerator and disk it has, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked(Event):
    """A boot that is under way has reached a mark."""

    mark: Mark


async def prepare(home: Home, draft: Draft, observe: Observer) -> MachineSpec:
    """Complete *draft*, and return a machine of it with a name that no other has.

    Raises:
        BootwrightError: there is no such image or kernel, or this host cannot boot it.
    """
    recipe, choice = await completed(home, draft, observe)
    spec = MachineSpec(name=fresh_name(draft.image), recipe=recipe)
    observe(Prepared(spec=spec, choice=choice))
    return spec


async def completed(home: Home, draft: Draft, observe: Observer) -> tuple[Recipe, Choice]:
    """Complete *draft*, fetching Debian's kernel where none was asked for and none is there.

    Raises:
        BootwrightError: there is no such image or kernel, or this host cannot boot it.
    """
    events = asyncio.get_running_loop()

    def report(event: Event) -> None:
        events.call_soon_threadsafe(observe, event)

    # In a thread: completing may try KVM, and runs an event loop of its own for that.
    return await asyncio.to_thread(_completed, home, draft, report)


def _completed(home: Home, draft: Draft, observe: Observer) -> tuple[Recipe, Choice]:
    if draft.image is not None:
        images.load(home, draft.image)  # an unknown one is said before anything is fetched
    if draft.kernel is None and DEFAULT_KERNEL not in kernels.shelf(home).names():
        from bootwright.kernels import debian  # what takes packages apart is long to import

        observe(Notice(text="no kernel yet: fetching Debian's (bootwright kernel add debian)"))
        debian.add(home, observe=observe)
    return complete(home, draft, lambda text: observe(Notice(text=text)))


def fresh_name(image: str | None) -> str:
    """Return a name that no machine has: 30 random bits behind what it boots."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return f"{_base_name(image)}-" + "".join(secrets.choice(letters) for _ in range(6))


def _base_name(image: str | None) -> str:
    if image is None:
        return "tiny"
    kept = "".join(c if c.isalnum() or c == "-" else "-" for c in image.lower())
    return kept.removeprefix("sha256-")[:20].strip("-") or "machine"


def default_timeout_s(recipe: Recipe) -> float:
    """Return how long a start-up may take where the user does not say."""
    return _TIMEOUT_S[recipe.accelerator]
