"""How often verdicts are right, over many experiments with samples of known distributions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.distributions import TYPICAL_NS, WALL, Pairs, virtual_pairs, wall_pairs
from bootwright.statistics.sequential import LookPlan, look
from bootwright.statistics.summary import smallest_effect_ns, summary
from bootwright.statistics.verdicts import Verdict

Sampler = Callable[[Random, int, float], Pairs]
SMALLEST_NS = smallest_effect_ns(TYPICAL_NS)


def _wall(name: str) -> Sampler:
    return lambda random, pairs, effect_ns: wall_pairs(random, WALL[name], pairs, effect_ns)


SAMPLERS: dict[str, Sampler] = {name: _wall(name) for name in WALL} | {"virtual": virtual_pairs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares of all experiments."""

    verdicts: dict[Verdict, float]
    covered: float
    """That ended with an interval which holds the true effect."""
    significant: float
    """That ended with p at or below the level of a look."""
    pairs: float
    """Pairs of boots that an experiment took, on average."""

    def of(self, *verdicts: Verdict) -> float:
        return sum(self.verdicts.get(verdict, 0.0) for verdict in verdicts)


def rates(
    sampler: Sampler, plan: LookPlan, effect_ns: int, experiments: int, seed: int = 1
) -> Rates:
    """Run *experiments* of one plan, each to its verdict."""
    random = Random(seed)
    verdicts: Counter[Verdict] = Counter()
    covered = significant = pairs = 0
    for _ in range(experiments):
        a, b = sampler(random, plan.looks[-1], effect_ns)
        for n in plan.looks:
            effect, said = look(plan, a[:n], b[:n], SMALLEST_NS)
            if said != "cannot-tell":
                break
        verdicts[said] += 1
        covered += effect.ci_ns[0] <= effect_ns <= effect.ci_ns[1]
        significant += effect.p <= plan.level
        pairs += effect.n
    return Rates(
        verdicts={verdict: count / experiments for verdict, count in verdicts.items()},
        covered=covered / experiments,
        significant=significant / experiments,
        pairs=pairs / experiments,
    )


def median_coverage(name: str, n: int, experiments: int, seed: int = 1) -> float:
    """Return how often a summary's interval holds the distribution's median."""
    random = Random(seed)

    def sample() -> int:
        return round(TYPICAL_NS * (1 + WALL[name](random, 0)))

    median = sorted(sample() for _ in range(40_001))[20_000]
    held = 0
    for _ in range(experiments):
        low, high = summary([sample() for _ in range(n)]).ci_ns
        held += low <= median <= high
    return held / experiments
