"""What two sides of a measurement say of each other: effect, interval, p and verdict, per phase."""

from __future__ import annotations

from dataclasses import dataclass

from bootwright.experiments import boots, measure
from bootwright.experiments.effects import Effect, holm, paired
from bootwright.experiments.measure import WHOLE
from bootwright.experiments.sequential import Plan as Looks
from bootwright.experiments.statistics import summary
from bootwright.experiments.verdicts import Verdict, verdict
from bootwright.history.measurement import Measurement, SideName

_MOST_BOOTS = 1000
"""More are not advised: an effect that needs them is at the bound of what interests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the pairs say of one phase, or of the whole."""

    effect: Effect
    verdict: Verdict
    p: float
    """The effect's own of the whole; of a phase, adjusted as several are asked about at once."""
    a_median_ns: int
    b_median_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """B against A."""

    whole: Found | None
    """None: there is no verdict; see `why_none`."""
    phases: dict[str, Found]
    pairs: int
    smallest_ns: int
    """The smallest effect of interest, for the whole and for each phase."""
    why_none: str = ""
    may_tell: int | None = None
    """Where one cannot tell yet: with how many pairs one might; None: nobody knows."""


def compare(measurement: Measurement) -> Comparison:
    """Compare the two sides of a measurement, by the pairs that both have.

    A side B that failed more often than A gets no verdict: a boot that does not come is not fast.
    """
    a, b = measure.lengths(measurement, "A"), measure.lengths(measurement, "B")
    numbers = sorted(a.get(WHOLE, {}).keys() & b.get(WHOLE, {}).keys())
    fails = {side: measure.failed(measurement, side) for side in measurement.sides}
    why = "" if numbers else "no pair of boots succeeded"
    blamed: SideName = "B" if len(fails["B"]) >= len(fails["A"]) else "A"
    if fails[blamed] and (not numbers or len(fails["B"]) > len(fails["A"])):
        there = sum(s.side == blamed for s in measurement.samples)
        first = fails[blamed][0]
        why = f"{len(fails[blamed])} of {there} boots of {blamed} failed: {first.failure}"
    plan = measurement.plan
    whole_ns = summary(list(a[WHOLE].values())).median_ns if WHOLE in a else 0
    smallest_ns = max(round(whole_ns * plan.smallest_share), plan.smallest_ns)
    if why:
        return Comparison(
            whole=None, phases={}, pairs=len(numbers), smallest_ns=smallest_ns, why_none=why
        )
    level = Looks(looks=plan.looks).level
    effects = {
        phase: paired([a[phase][n] for n in numbers], [b[phase][n] for n in numbers], alpha=level)
        for phase in a
        if phase in b
    }
    adjusted = holm({phase: e.p for phase, e in effects.items() if phase != WHOLE})
    found = {
        phase: Found(
            effect=effect,
            verdict=verdict(effect, smallest_ns, p=adjusted.get(phase)),
            p=adjusted.get(phase, effect.p),
            a_median_ns=summary([a[phase][n] for n in numbers]).median_ns,
            b_median_ns=summary([b[phase][n] for n in numbers]).median_ns,
        )
        for phase, effect in effects.items()
    }
    whole = found.pop(WHOLE)
    return Comparison(
        whole=whole,
        phases=found,
        pairs=len(numbers),
        smallest_ns=smallest_ns,
        may_tell=_may_tell(whole, len(numbers), smallest_ns, Looks(looks=plan.looks).least),
    )


def is_over(measurement: Measurement) -> bool:
    """Say whether a look at *measurement* gives a verdict, so that no more boots are needed."""
    whole = compare(measurement).whole
    return whole is not None and whole.verdict != "cannot-tell"


def _may_tell(whole: Found, pairs: int, smallest_ns: int, least: int) -> int | None:
    """Guess how many pairs give a verdict: an interval shrinks as the root of their number."""
    if whole.verdict != "cannot-tell":
        return None
    low, high = whole.effect.ci_ns
    gap = abs(abs(whole.effect.effect_ns) - smallest_ns)
    if not gap:
        return None
    wanted = max(least, round(pairs * ((high - low) / 2 / gap) ** 2 + 0.5))
    if wanted <= pairs:
        wanted = pairs * 2
    return wanted if wanted <= _MOST_BOOTS else None


def values(measurement: Measurement, told: list[str]) -> dict[str, object]:
    """Return a comparison as --json prints it; documented in docs/json.md.

    Args:
        told: Warnings.
    """
    compared = compare(measurement)
    begins, ends = boots.ends(measure.recipe_of(measurement))
    whole = None if compared.whole is None else _found(compared.whole)
    return {
        "id": measurement.id,
        "verdict": None,
        "effect_ns": None,
        "ci_ns": None,
        "p": None,
        **(whole or {}),
        "why_none": compared.why_none,
        "boots": len(measurement.samples),
        "pairs": compared.pairs,
        "looks": measurement.plan.looks,
        "may_tell": compared.may_tell,
        "smallest_ns": compared.smallest_ns,
        "phases": {phase: _found(found) for phase, found in compared.phases.items()},
        "clock": measurement.clock,
        "begins": begins,
        "ends": ends,
        "sides": {
            name: {
                "title": side.title,
                "changes": side.changes,
                "recipe": side.recipe,
                "samples": measure.samples(measurement, name),
            }
            for name, side in measurement.sides.items()
        },
        "failed": measure.failures(measurement),
        "host": measurement.host,
        "warnings": told,
        "bootwright": measurement.bootwright,
    }


def _found(found: Found) -> dict[str, object]:
    return {
        "verdict": found.verdict,
        "effect_ns": found.effect.effect_ns,
        "ci_ns": found.effect.ci_ns,
        "confidence": found.effect.confidence,
        "p": found.p,
        "a_median_ns": found.a_median_ns,
        "b_median_ns": found.b_median_ns,
    }
