"""Measuring: boots in their order, each stored when it is over."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

import msgspec
from msgspec import structs

from bootwright import __version__
from bootwright.booting.preparing import default_timeout_s
from bootwright.defaults import kvm_trial
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.experiments import boots, conditions, figures, subject
from bootwright.experiments.events import MeasurementBegun, MeasurementInterrupted, SampleTaken
from bootwright.experiments.executor import Executor, Job, Local
from bootwright.experiments.figures import failed, recipe_of
from bootwright.experiments.resolver import Stores
from bootwright.experiments.results import MeasureResult
from bootwright.experiments.subject import Subject
from bootwright.history import measurements
from bootwright.history.history import History
from bootwright.history.measurement import Measurement, MeasurementPlan, Side, SideName
from bootwright.home import Home
from bootwright.host import fingerprint
from bootwright.recipes.change_text import parse_all
from bootwright.recipes.clock import CLOCKS
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Recipe
from bootwright.statistics.effects import abba
from bootwright.vmms.table import VMMS

TOO_MANY_FAILURES = 3
"""So many boots of one side fail, and none succeeds, before the rest is spared."""
_LARGEST_SEED = (1 << 63) - 1


async def measure(
    home: Home,
    what: Draft | Recipe,
    n: int = 10,
    *,
    changes: Sequence[str] = (),
    title: str | None = None,
    timeout_s: float | None = None,
    parallel: int | None = None,
    observe: Observer = ignore,
) -> MeasureResult:
    """Boot *what* several times, and return how long each phase takes and how sure that is.

    Args:
        n: How many boots.
        changes: Texts of changes to the recipe, such as ``cmdline+=quiet``; see `change_text`.
        title: What results call it; None: the image's name.
        timeout_s: How long one boot may take.
        parallel: How many boots run at once; None: one on the wall clock, as boots disturb each
            other, and one for each CPU on the virtual clock.
        observe: Given the events of `experiments.events`, notices and progress.

    Raises:
        InputError: a change cannot be read, conflicts with another, or changes nothing.
        BootwrightError: no boot can work here. A boot that fails is part of the result.
    """
    plain = await subject.completed(home, what, observe, title=title)
    one = subject.with_changes(plain, parse_all(changes, Stores(home)), base=plain.recipe)
    plan = MeasurementPlan(looks=(n,), timeout_s=timeout_s or default_timeout_s(one.recipe))
    return await _finished(home, begin(home, {"A": one}, plan), parallel, observe)


async def resume(
    home: Home, measurement_id: int, *, parallel: int | None = None, observe: Observer = ignore
) -> MeasureResult:
    """Run the boots of a measurement that are left; see `measure`.

    Raises:
        NotFoundError, InputError: as `resumed`.
        BootwrightError: no boot can work here.
    """
    begun = resumed(home, measurement_id, "measure")
    return await _finished(home, begun, parallel, observe)


async def _finished(
    home: Home, begun: Measurement, parallel: int | None, observe: Observer
) -> MeasureResult:
    taken, warned = await finish(home, begun, parallel=parallel, observe=observe)
    return figures.result(taken, warned)


def begin(home: Home, sides: Mapping[SideName, Subject], plan: MeasurementPlan) -> Measurement:
    """Store what is to be measured, before anything is booted.

    Raises:
        InputError: the two have different clocks, or there are not enough seeds.
    """
    recipes = [one.recipe for one in sides.values()]
    clocks = {recipe.clock for recipe in recipes}
    if len(clocks) > 1:
        raise InputError(
            "one side is on the virtual clock and one on the wall clock: they do not compare",
            hint="give --clock, which applies to both",
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
            name: Side(title=one.title, recipe=_stored(one.recipe), changes=one.changes)
            for name, one in sides.items()
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
            f"measurement {measurement_id} is from {found.command}, not from {command}",
            hint=f"bootwright {found.command} --resume {measurement_id}",
        )
    for name in found.sides:
        recipe = recipe_of(found, name)
        build = kvm_trial.remembered_build(home, VMMS[recipe.vmm])
        if build != recipe.vmm_build:
            raise InputError(
                f"measurement {measurement_id} ran {recipe.vmm} {recipe.vmm_build}, this host has "
                f"{build}",
                hint="start a new measurement: results of two builds do not mix",
            )
    return found


def _stored(recipe: Recipe) -> dict[str, object]:
    """Return *recipe* as it is read again from where it is stored: lists, no tuples."""
    stored: dict[str, object] = msgspec.json.decode(msgspec.json.encode(recipe))
    return stored


async def finish(
    home: Home,
    begun: Measurement,
    *,
    parallel: int | None = None,
    is_over: Callable[[Measurement], bool] = lambda measurement: False,
    observe: Observer = ignore,
) -> tuple[Measurement, tuple[str, ...]]:
    """Run the boots that are left on this host; return all samples, and warnings about them.

    See `take` for the arguments and what is raised.
    """
    found = warnings(home, begun)
    on_wall_clock = begun.clock == "wall"
    if on_wall_clock and (parallel or 1) > 1:
        found.append(f"{parallel} boots ran in parallel and slowed each other down")
    swapped = conditions.swapped_pages()
    executor = Local(home, parallel=parallel)
    taken = await take(home, begun, executor, is_over=is_over, observe=observe)
    if on_wall_clock and conditions.swapped_pages() != swapped:
        found.append("the host swapped during the measurement; free some memory")
    return taken, tuple(found)


async def take(
    home: Home,
    begun: Measurement,
    executor: Executor,
    *,
    is_over: Callable[[Measurement], bool] = lambda measurement: False,
    observe: Observer = ignore,
) -> Measurement:
    """Run the boots that are left, and return the measurement with their samples.

    Args:
        begun: With the samples that are there already.
        is_over: Asked at each look of the plan but the last whether it has seen enough.

    Raises:
        BootwrightError: no boot can work here; what was taken is stored.
    """
    current = begun
    start_s = time.monotonic()

    def now() -> Measurement:
        return current

    observe(MeasurementBegun(measurement=begun))
    try:
        for target in begun.plan.looks:
            async with aclosing(executor.run(_jobs(now, target))) as samples:
                async for sample in samples:
                    measurements.add(History(home.history), begun.id, sample)
                    current = structs.replace(current, samples=(*current.samples, sample))
                    observe(_sample_taken(current, len(begun.samples), start_s))
            if has_too_many_failures(current) or is_over(current):
                break
    except BaseException:
        observe(MeasurementInterrupted(measurement=current))
        raise
    return current


def _sample_taken(current: Measurement, before: int, start_s: float) -> SampleTaken:
    """Return the event for the newest sample.

    Args:
        before: How many samples there were at *start_s*.
    """
    planned = current.plan.looks[-1] * len(current.sides)
    each_s = (time.monotonic() - start_s) / (len(current.samples) - before)
    return SampleTaken(
        measurement=current,
        sample=current.samples[-1],
        left_s=each_s * (planned - len(current.samples)),
    )


def _jobs(now: Callable[[], Measurement], target: int) -> Iterator[Job]:
    """Yield the boots that are left until each side has *target*, unless one turns out hopeless."""
    begun = now()
    there = {(sample.side, sample.number) for sample in begun.samples}
    recipes = {name: recipe_of(begun, name) for name in begun.sides}
    for side, number in order(tuple(begun.sides), begun.clock, target):
        if (side, number) in there:
            continue
        if has_too_many_failures(now()):
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


def has_too_many_failures(measurement: Measurement) -> bool:
    """Say whether one side has failed so often, and never booted, that it never will."""
    for side in measurement.sides:
        fails = failed(measurement, side)
        succeeded = any(s.side == side and s.phases for s in measurement.samples)
        if not succeeded and len(fails) >= min(TOO_MANY_FAILURES, measurement.plan.looks[-1]):
            return True
    return False


def warnings(home: Home, measurement: Measurement) -> list[str]:
    """Return what is doubtful about figures that are about to be taken."""
    here = fingerprint.read()
    is_repeatable = measurement.guest_clock.is_repeatable
    found = [] if is_repeatable else conditions.warnings(home, here)
    accelerators = {name: recipe_of(measurement, name).accelerator for name in measurement.sides}
    if len(set(accelerators.values())) > 1:
        found.append(
            f"A runs on {accelerators['A']} and B on {accelerators['B']}: the difference may come "
            "from that"
        )
    points = {name: boots.ends(recipe_of(measurement, name))[1] for name in measurement.sides}
    if len(set(points.values())) > 1:
        found.append(f"A ends when {points['A']}, B when {points['B']}: the work is not the same")
    if not is_repeatable and (here.cpu, here.kernel) != (
        measurement.host.cpu,
        measurement.host.kernel,
    ):
        found.append("it was started on another host, and times of two hosts do not compare")
    return found
