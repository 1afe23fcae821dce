"""Comparing: whether B boots faster than A, by effect, interval, p and verdict, per phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from bootwright.booting.preparing import default_timeout_s
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.experiments import boots, figures, measure, subject
from bootwright.experiments.resolver import Stores
from bootwright.experiments.results import WHOLE, CompareResult, PhaseComparison, SideResult
from bootwright.experiments.subject import Subject
from bootwright.history.measurement import Measurement, MeasurementPlan, SideName
from bootwright.home import Home
from bootwright.recipes.change_text import parse_all
from bootwright.recipes.draft import Draft
from bootwright.recipes.recipe import Recipe
from bootwright.statistics.amount import Amount
from bootwright.statistics.effects import Effect, holm, least_pairs, paired
from bootwright.statistics.sequential import PAIRS
from bootwright.statistics.sequential import LookPlan as Looks
from bootwright.statistics.summary import summary
from bootwright.statistics.verdicts import verdict

_MOST_BOOTS = 1000
"""More are not advised: an effect that needs them is at the bound of what interests."""


async def compare(
    home: Home,
    a: Draft | Recipe,
    b: Draft | Recipe | None = None,
    *,
    changes: Sequence[str] = (),
    titles: tuple[str | None, str | None] = (None, None),
    looks: tuple[int, ...] | None = None,
    smallest: Amount | None = None,
    timeout_s: float | None = None,
    parallel: int | None = None,
    observe: Observer = ignore,
) -> CompareResult:
    """Compare how fast *a* and *b* boot.

    Args:
        b: None: *a* with the changes. One that *a* has already is taken from *a*, and reported as
            `experiments.events.ChangeDropped`.
        changes: Texts of changes to B's recipe, such as ``cmdline+=quiet``; see `change_text`.
        titles: What results call them; None: their images' names.
        looks: After how many boots of each to look and perhaps stop, rising; the last is how many
            at most. None: `sequential.PAIRS`. `sequential.STAGED` has good ones.
        smallest: The smallest effect of interest; None: 1 %, and at least 1 ms.
        timeout_s: As of `measure.measure`.
        parallel: Likewise.
        observe: Likewise.

    Raises:
        InputError: nothing to compare with; a change cannot be read, conflicts with
            another, or changes nothing; A and B are on different clocks.
        BootwrightError: no boot can work here. Boots that fail are part of the result.
    """
    first, second = await _sides(home, a, b, changes, titles, observe)
    plan = _plan(first, looks, smallest, timeout_s)
    return await measured(home, {"A": first, "B": second}, plan, parallel=parallel, observe=observe)


async def resume(
    home: Home, measurement_id: int, *, parallel: int | None = None, observe: Observer = ignore
) -> CompareResult:
    """Run the boots of a comparison that are left; see `compare`.

    Raises:
        NotFoundError, InputError: as `measure.resumed`.
        BootwrightError: no boot can work here.
    """
    begun = measure.resumed(home, measurement_id, "compare")
    return await _finished(home, begun, parallel, observe)


async def measured(
    home: Home,
    sides: dict[SideName, Subject],
    plan: MeasurementPlan,
    *,
    parallel: int | None,
    observe: Observer,
) -> CompareResult:
    """Boot two sides in turns, and compare them."""
    return await _finished(home, measure.begin(home, sides, plan), parallel, observe)


async def _finished(
    home: Home, begun: Measurement, parallel: int | None, observe: Observer
) -> CompareResult:
    taken, warned = await measure.finish(
        home, begun, parallel=parallel, is_over=is_over, observe=observe
    )
    return result(taken, warned)


async def _sides(
    home: Home,
    a: Draft | Recipe,
    b: Draft | Recipe | None,
    changes: Sequence[str],
    titles: tuple[str | None, str | None],
    observe: Observer,
) -> tuple[Subject, Subject]:
    if b is None and not changes:
        raise InputError(
            "nothing to compare with",
            hint="name B, or give a change for it, such as --with memory=1G",
        )
    first = await subject.completed(home, a, observe, title=titles[0])
    wanted = parse_all(changes, Stores(home))
    if b is None:
        stripped = subject.without(first, wanted, observe)
        return stripped, subject.with_changes(first, wanted, base=stripped.recipe)
    second = await subject.completed(home, b, observe, title=titles[1])
    return first, subject.with_changes(second, wanted, base=second.recipe)


def _plan(
    first: Subject,
    looks: tuple[int, ...] | None,
    smallest: Amount | None,
    timeout_s: float | None,
) -> MeasurementPlan:
    plan = MeasurementPlan(
        looks=looks or (PAIRS[first.recipe.clock],),
        timeout_s=timeout_s or default_timeout_s(first.recipe),
    )
    if smallest is None:
        return plan
    if not (smallest.share or smallest.ns):
        raise InputError("invalid smallest effect '0'", hint="use 1%, 500us or 2ms, for example")
    return structs.replace(plan, smallest_share=smallest.share or 0.0, smallest_ns=smallest.ns)


def result(measurement: Measurement, warnings: tuple[str, ...] = ()) -> CompareResult:
    """Return what the two sides of a measurement say of each other, by the pairs that both have.

    A side B that failed more often than A gets no verdict: a boot that does not come is not fast.
    """
    a, b = figures.lengths(measurement, "A"), figures.lengths(measurement, "B")
    numbers = sorted(a.get(WHOLE, {}).keys() & b.get(WHOLE, {}).keys())
    plan = measurement.plan
    whole_ns = summary(list(a[WHOLE].values())).median_ns if WHOLE in a else 0
    smallest_ns = max(round(whole_ns * plan.smallest_share), plan.smallest_ns)
    why_none = _why_none(measurement, pairs=len(numbers))
    looks = Looks(looks=plan.looks)
    pairs = {
        phase: ([a[phase][n] for n in numbers], [b[phase][n] for n in numbers])
        for phase in a
        if phase in b
    }
    phases = {} if why_none else _phases(pairs, looks.level, smallest_ns)
    whole = phases.get(WHOLE)
    begins, ends = boots.ends(figures.recipe_of(measurement))
    may_tell = None
    if whole is not None:
        may_tell = _may_tell(whole, len(numbers), smallest_ns, looks.least)
    return CompareResult(
        id=measurement.id,
        began_s=measurement.began_s,
        clock=measurement.clock,
        boots=len(measurement.samples),
        begins=begins,
        ends=ends,
        failed=figures.failures(measurement),
        host=measurement.host,
        warnings=warnings,
        bootwright=measurement.bootwright,
        verdict=None if whole is None else whole.verdict,
        why_none=why_none,
        pairs=len(numbers),
        looks=plan.looks,
        may_tell=may_tell,
        smallest_ns=smallest_ns,
        phases=phases,
        sides={
            name: SideResult(
                title=side.title,
                changes=side.changes,
                recipe=figures.recipe_of(measurement, name),
                samples=figures.samples(measurement, name),
            )
            for name, side in measurement.sides.items()
        },
    )


def _why_none(measurement: Measurement, *, pairs: int) -> str:
    """Return why there is no verdict; empty if there is one."""
    fails = {side: figures.failed(measurement, side) for side in measurement.sides}
    blamed: SideName = "B" if len(fails["B"]) >= len(fails["A"]) else "A"
    if fails[blamed] and (not pairs or len(fails["B"]) > len(fails["A"])):
        there = sum(s.side == blamed for s in measurement.samples)
        first = fails[blamed][0]
        return f"{len(fails[blamed])} of {there} boots of {blamed} failed: {first.failure}"
    return "" if pairs else "no pair of boots succeeded"


def _phases(
    pairs: dict[str, tuple[list[int], list[int]]], level: float, smallest_ns: int
) -> dict[str, PhaseComparison]:
    effects = {phase: paired(a_ns, b_ns, alpha=level) for phase, (a_ns, b_ns) in pairs.items()}
    adjusted = holm({phase: e.p for phase, e in effects.items() if phase != WHOLE})
    return {
        phase: PhaseComparison(
            verdict=verdict(effect, smallest_ns, p=adjusted.get(phase)),
            effect_ns=effect.effect_ns,
            ci_ns=effect.ci_ns,
            confidence=effect.confidence,
            p=adjusted.get(phase, effect.p),
            a_median_ns=summary(pairs[phase][0]).median_ns,
            b_median_ns=summary(pairs[phase][1]).median_ns,
            may_tell=_pairs_to_tell(
                effect, smallest_ns, p=adjusted.get(phase), questions=_questions(phase, effects)
            ),
        )
        for phase, effect in effects.items()
    }


def _questions(phase: str, effects: Mapping[str, Effect]) -> int:
    return 1 if phase == WHOLE else len(effects.keys() - {WHOLE})


def _pairs_to_tell(
    effect: Effect, smallest_ns: int, *, p: float | None, questions: int
) -> int | None:
    """Return how many pairs tell of an effect whose interval is clear and only they are too few."""
    low, high = effect.ci_ns
    is_beyond = low > smallest_ns or high < -smallest_ns
    if not is_beyond or verdict(effect, smallest_ns, p=p) != "cannot-tell":
        return None
    # As many as tell where all differences have one sign; more, if some have the other.
    least = least_pairs(effect.alpha / questions)
    return least if least > effect.n else 2 * effect.n


def is_over(measurement: Measurement) -> bool:
    """Return whether *measurement* gives a verdict, so that no more boots are needed."""
    return result(measurement).verdict not in (None, "cannot-tell")


def _may_tell(whole: PhaseComparison, pairs: int, smallest_ns: int, least: int) -> int | None:
    """Guess how many pairs give a verdict: an interval shrinks as the root of their number."""
    if whole.verdict != "cannot-tell":
        return None
    low, high = whole.ci_ns
    gap = abs(abs(whole.effect_ns) - smallest_ns)
    if not gap:
        return None
    wanted = max(least, round(pairs * ((high - low) / 2 / gap) ** 2 + 0.5))
    if wanted <= pairs:
        wanted = pairs * 2
    return wanted if wanted <= _MOST_BOOTS else None
