"""Taking a measurement: its boots in their order, each stored when it is over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

import msgspec
from msgspec import structs

from bootwright import __version__
from bootwright.clock import CLOCKS
from bootwright.errors import InputError
from bootwright.experiments import boots, conditions
from bootwright.experiments.effects import abba
from bootwright.experiments.executor import Executor, Job
from bootwright.experiments.statistics import Summary, summary
from bootwright.history import measurements
from bootwright.history.history import History
from bootwright.history.measurement import Measurement, Plan, Sample, Side, SideName
from bootwright.home import Home
from bootwright.host import fingerprint
from bootwright.machine import trial
from bootwright.recipe import Recipe
from bootwright.vmms.table import VMMS

WHOLE = "whole"
"""How the sum of all phases is called."""
HOPELESS = 3
"""So many boots of one side fail, and none succeeds, before the rest is spared."""
_LARGEST_SEED = (1 << 63) - 1


def begin(
    home: Home, sides: dict[SideName, tuple[str, Recipe, tuple[str, ...]]], plan: Plan
) -> Measurement:
    """Store what is to be measured, before anything is booted.

    Args:
        sides: Of each its title, its recipe with all changes, and the changes' texts.

    Raises:
        InputError: the two have different clocks, or there are not enough seeds.
    """
    recipes = [recipe for _, recipe, _ in sides.values()]
    clocks = {recipe.clock for recipe in recipes}
    if len(clocks) > 1:
        raise InputError(
            "one is on the virtual clock and one on the wall's, whose figures never compare",
            hint="give --clock, which goes for both",
        )
    [clock] = clocks
    if CLOCKS[clock].is_repeatable and plan.first_seed is None:
        plan = structs.replace(plan, first_seed=recipes[0].random_seed)
    if (plan.first_seed or 0) + plan.looks[-1] > _LARGEST_SEED:
        raise InputError(
            f"--seed {plan.first_seed} leaves too few seeds", hint="give a smaller one"
        )
    new = Measurement(
        began_s=int(time.time()),
        command="measure" if len(sides) == 1 else "compare",
        clock=clock,
        plan=plan,
        sides={
            name: Side(title=title, recipe=_stored(recipe), changes=changes)
            for name, (title, recipe, changes) in sides.items()
        },
        host=fingerprint.read(),
        bootwright=__version__,
    )
    return measurements.begin(History(home.history), new)


def resumed(home: Home, measurement_id: int, command: str) -> Measurement:
    """Return a measurement that was begun, to go on with it.

    Raises:
        NotFoundError: there is none with this id.
        InputError: it is no *command*'s, or the VMM is another one by now.
    """
    found = measurements.load(History(home.history), measurement_id)
    if found.command != command:
        raise InputError(
            f"{measurement_id} is a {found.command}, no {command}",
            hint=f"bootwright {found.command} --resume {measurement_id}",
        )
    for name in found.sides:
        recipe = recipe_of(found, name)
        build = trial.remembered_build(home, VMMS[recipe.vmm])
        if build != recipe.vmm_build:
            raise InputError(
                f"{measurement_id} was begun with {recipe.vmm} {recipe.vmm_build}, and here is "
                f"{build}",
                hint="another build is another experiment: begin a new one",
            )
    return found


def recipe_of(measurement: Measurement, side: SideName = "A") -> Recipe:
    """Return the recipe of one side."""
    return msgspec.convert(measurement.sides[side].recipe, Recipe)


def _stored(recipe: Recipe) -> dict[str, object]:
    """Return *recipe* as it is read again from where it is stored: lists, no tuples."""
    stored: dict[str, object] = msgspec.json.decode(msgspec.json.encode(recipe))
    return stored


async def take(
    home: Home,
    begun: Measurement,
    executor: Executor,
    *,
    is_over: Callable[[Measurement], bool] = lambda measurement: False,
    on_sample: Callable[[Measurement], None] = lambda measurement: None,
) -> Measurement:
    """Run the boots that are left, and return the measurement with their samples.

    Args:
        begun: With the samples that are there already.
        is_over: Asked at each look of the plan but the last whether it has seen enough.
        on_sample: Called after each boot, with all that there is by then.

    Raises:
        BootwrightError: no boot can work here; what was taken is stored.
    """
    current = begun

    def now() -> Measurement:
        return current

    for target in begun.plan.looks:
        async with aclosing(executor.run(_jobs(now, target))) as samples:
            async for sample in samples:
                measurements.add(History(home.history), begun.id, sample)
                current = structs.replace(current, samples=(*current.samples, sample))
                on_sample(current)
        if hopeless(current) or is_over(current):
            break
    return current


def _jobs(now: Callable[[], Measurement], target: int) -> Iterator[Job]:
    """Yield the boots that are left until each side has *target*, unless one turns out hopeless."""
    begun = now()
    there = {(sample.side, sample.number) for sample in begun.samples}
    recipes = {name: recipe_of(begun, name) for name in begun.sides}
    for side, number in order(tuple(begun.sides), begun.clock, target):
        if (side, number) in there:
            continue
        if hopeless(now()):
            return
        recipe = recipes[side]
        if begun.guest_clock.is_repeatable:
            recipe = replace(recipe, random_seed=(begun.plan.first_seed or 0) + number)
        yield Job(side=side, number=number, recipe=recipe, timeout_s=begun.plan.timeout_s)


def order(sides: tuple[SideName, ...], clock: str, target: int) -> Iterator[tuple[SideName, int]]:
    """Yield which side is booted when, and as which of its boots.

    Two sides take turns, A B B A, so that a host that drifts drifts for both.
    """
    if len(sides) == 1:
        yield from ((sides[0], number) for number in range(target))
        return
    counts: Counter[SideName] = Counter()
    for side in abba(target):
        yield side, counts[side]
        counts[side] += 1


def failed(measurement: Measurement, side: SideName = "A") -> list[Sample]:
    """Return the boots of one side that failed."""
    return [s for s in measurement.samples if s.side == side and s.failure]


def hopeless(measurement: Measurement) -> bool:
    """Say whether one side has failed so often, and never booted, that it never will."""
    for side in measurement.sides:
        fails = failed(measurement, side)
        succeeded = any(s.side == side and s.phases for s in measurement.samples)
        if not succeeded and len(fails) >= min(HOPELESS, measurement.plan.looks[-1]):
            return True
    return False


def lengths(measurement: Measurement, side: SideName = "A") -> dict[str, dict[int, int]]:
    """Return the phases of one side, and the whole: ``{phase: {number: ns}}``."""
    good = sorted(
        (s for s in measurement.samples if s.side == side and s.phases), key=lambda s: s.number
    )
    columns: dict[str, dict[int, int]] = {}
    for sample in good:
        for phase, length_ns in (*sample.phases.items(), (WHOLE, cast(int, sample.total_ns))):
            columns.setdefault(phase, {})[sample.number] = length_ns
    return columns


def summaries(measurement: Measurement, side: SideName = "A") -> dict[str, Summary]:
    """Return what the samples of one side say of each phase, and of the whole."""
    return {
        phase: summary(list(column.values()))
        for phase, column in lengths(measurement, side).items()
    }


def warnings(home: Home, measurement: Measurement) -> list[str]:
    """Return what is doubtful about figures that are about to be taken."""
    here = fingerprint.read()
    is_repeatable = measurement.guest_clock.is_repeatable
    found = [] if is_repeatable else conditions.warnings(home, here)
    accelerators = {name: recipe_of(measurement, name).accelerator for name in measurement.sides}
    if len(set(accelerators.values())) > 1:
        found.append(
            f"A runs on {accelerators['A']} and B on {accelerators['B']}: the difference is theirs"
        )
    points = {name: boots.ends(recipe_of(measurement, name))[1] for name in measurement.sides}
    if len(set(points.values())) > 1:
        found.append(f"A ends where {points['A']}, and B where {points['B']}: not the same work")
    if not is_repeatable and (here.cpu, here.kernel) != (
        measurement.host.cpu,
        measurement.host.kernel,
    ):
        found.append("it was begun on another host, and times of two hosts do not compare")
    return found


def values(measurement: Measurement, told: list[str]) -> dict[str, object]:
    """Return a measurement as --json prints it; documented in docs/json.md.

    Args:
        told: Warnings.
    """
    side = measurement.sides["A"]
    recipe = recipe_of(measurement)
    phases = summaries(measurement)
    numbers = list(lengths(measurement).get(WHOLE, ()))
    return {
        "id": measurement.id,
        "title": side.title,
        "changes": side.changes,
        "clock": measurement.clock,
        "begins": boots.ends(recipe)[0],
        "ends": boots.ends(recipe)[1],
        "recipe": side.recipe,
        "wanted": measurement.plan.looks[-1],
        "boots": len(numbers),
        "phases": {
            phase: {
                "median_ns": s.median_ns,
                "min_ns": s.min_ns,
                "max_ns": s.max_ns,
                "ci_ns": s.ci_ns,
                "confidence": s.confidence,
                "spread_ns": s.spread_ns,
                "outliers": [numbers[index] + 1 for index in s.outliers],
            }
            for phase, s in phases.items()
        },
        "samples": samples(measurement, "A"),
        "failed": failures(measurement),
        "host": measurement.host,
        "warnings": told,
        "bootwright": measurement.bootwright,
    }


def samples(measurement: Measurement, side: SideName) -> list[dict[str, int | None]]:
    """Return one side's samples as JSON has them, in the order of their numbers."""
    good = [s for s in measurement.samples if s.side == side and s.phases]
    return [
        {"boot": s.number + 1, "seed": s.seed, **s.phases, WHOLE: s.total_ns}
        for s in sorted(good, key=lambda s: s.number)
    ]


def failures(measurement: Measurement) -> list[dict[str, object]]:
    """Return the boots that failed as JSON has them."""
    return [
        {"side": s.side, "boot": s.number + 1, "seed": s.seed, "reason": s.failure}
        for s in measurement.samples
        if s.failure
    ]
