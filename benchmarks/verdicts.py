"""How often verdicts are right, by simulation: python -m benchmarks.verdicts"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.distributions import TYPICAL_NS
from benchmarks.rates import SAMPLERS, SMALLEST_NS, rates
from bootwright.statistics.sequential import STAGED, LookPlan

EXPERIMENTS = 4000
EFFECTS = {"A is B": 0, "B is 1 % faster": -SMALLEST_NS, "B is 5 % faster": -TYPICAL_NS // 20}


def _table(plan: LookPlan, name: str) -> Table:
    table = Table(
        *("truth", "boots", "faster", "slower", "no difference", "cannot tell"),
        *("p at level", "interval holds", "pairs"),
        title=f"{name}: boots of 2 s, smallest effect 1 %, {EXPERIMENTS} experiments each",
    )
    for truth, effect_ns in EFFECTS.items():
        for sampler, sample in SAMPLERS.items():
            found = rates(sample, plan, effect_ns, EXPERIMENTS)
            shares = (
                *(found.of("faster"), found.of("slower")),
                *(found.of("no-difference"), found.of("cannot-tell")),
                *(found.significant, found.covered),
            )
            table.add_row(truth, sampler, *(f"{x:.2%}" for x in shares), f"{found.pairs:.1f}")
    return table


def main() -> None:
    console = Console(width=130)
    console.print(_table(LookPlan(looks=(12,)), "12 pairs"))
    console.print(_table(STAGED, "staged, 10, 20, 40 pairs"))


if __name__ == "__main__":
    main()
