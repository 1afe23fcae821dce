"""Boots that never were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from bootwright.history.boot import Boot, BootSummary, LongPart
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.host.fingerprint import Fingerprint
from bootwright.recipes.recipe import Recipe
from bootwright.timelines.evidence import Evidence, MarkSeen, Pass
from bootwright.timelines.phases import AFTER, START, start_up_of
from tests.machines.samples import RECIPE

STEP_NS = 500_000_000
SUMMARY = BootSummary(
    began_s=1_700_000_000,
    command="run",
    image="web",
    kernel="debian",
    image_digest=RECIPE.image or "",
    kernel_digest=RECIPE.kernel,
    recipe_digest="sha256-" + "3" * 64,
    init="systemd",
    clock="wall",
    accelerator="tcg",
    seed=None,
    vmm_build="7.2.0",
    bootwright="0.1.0",
    total_ns=9_000_000_000,
    start_up_ns=8_000_000_000,
    unaccounted_ns=None,
    stretches=(LongPart(name="initramfs", start_ns=1, duration_ns=2),),
)
HOST = Fingerprint(cpu="A CPU", cpus=2, kernel="6.1.0", mitigations={"meltdown": "Not affected"})
TINY = replace(RECIPE, image=None, init="none", disk="none", network="none")
VIRTUAL = replace(TINY, clock="virtual", random_seed=7)


def evidence(recipe: Recipe = RECIPE, *, began_ns: int = 1_000, kernel_log: str = "") -> Evidence:
    """Return what `run` knows of a boot, in which each phase takes half a second."""
    names = [START, *(spec.ends[0] for spec in (*start_up_of(recipe.init), *AFTER))]
    marks = tuple(MarkSeen(name, began_ns + STEP_NS * n) for n, name in enumerate(names))
    return Evidence(
        bootwright="0.1.0",
        clock=recipe.clock,
        recipe=msgspec.json.decode(msgspec.json.encode(recipe)),
        clean=Pass(marks=marks, kernel_log=kernel_log),
    )


def boot(**changes: object) -> Boot:
    """Return a boot whose summary has *changes*."""
    summary = msgspec.structs.replace(SUMMARY, **changes)
    return Boot(summary=summary, evidence=evidence(), host=HOST)


def filled(home: Home | Path, *boots: Boot) -> History:
    """Return a history with *boots*."""
    history = History(home if isinstance(home, Path) else home.history)
    for one in boots:
        history.add(one)
    return history
