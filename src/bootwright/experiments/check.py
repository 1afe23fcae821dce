"""Whether a measured boot keeps its budget and its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bootwright.clock import CLOCKS
from bootwright.errors import InputError
from bootwright.experiments import baseline as baselines
from bootwright.experiments import boots, budget, measure
from bootwright.experiments.baseline import Baseline
from bootwright.experiments.budget import Wanted
from bootwright.experiments.differences import differences
from bootwright.experiments.measure import WHOLE
from bootwright.experiments.statistics import Summary
from bootwright.history.measurement import Measurement
from bootwright.recipe import Recipe

Kind = Literal["budget", "baseline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One phase against one limit."""

    phase: str
    kind: Kind
    median_ns: int | None
    """None: no boot succeeded, or it has no such phase any more."""
    ci_ns: tuple[int, int] | None
    limit_ns: int
    baseline_ns: int | None = None
    """Of a baseline its median; the limit is that and the tolerance."""

    @property
    def is_over(self) -> bool:
        """Whether the median exceeds the limit; nobody's median keeps none."""
        return self.median_ns is None or self.median_ns > self.limit_ns

    @property
    def is_sure(self) -> bool:
        """Whether all that the median may be is on one side of the limit."""
        if self.ci_ns is None:
            return True
        low, high = self.ci_ns
        return low > self.limit_ns if self.is_over else high <= self.limit_ns


def check_phases(wanted: Wanted, recipe: Recipe) -> None:
    """Refuse budgets of phases that a boot of *recipe* does not have.

    Raises:
        InputError: the message names those it has.
    """
    known = [*boots.names(recipe), WHOLE]
    for phase in wanted.budget:
        if phase not in known:
            raise InputError(
                f"boot {wanted.name!r} has a budget for {phase!r}, which is no phase of it",
                hint=f"its phases on the {recipe.clock} clock are {', '.join(known)}",
            )


def rows(wanted: Wanted, taken: Measurement, accepted: Baseline | None) -> list[Row]:
    """Return each phase that has a limit, first against its budget, then against its baseline."""
    found = measure.summaries(taken)
    where = f"boot {wanted.name!r}"
    judged = [
        _row(found.get(phase), phase=phase, kind="budget", limit_ns=budget.time_ns(text, where))
        for phase, text in wanted.budget.items()
    ]
    for phase, before_ns in accepted.median_ns.items() if accepted else ():
        limit_ns = before_ns + budget.tolerated_ns(wanted.tolerance or "", before_ns, where)
        judged.append(
            _row(
                found.get(phase),
                phase=phase,
                kind="baseline",
                limit_ns=limit_ns,
                baseline_ns=before_ns,
            )
        )
    return judged


def _row(
    found: Summary | None, *, phase: str, kind: Kind, limit_ns: int, baseline_ns: int | None = None
) -> Row:
    return Row(
        phase=phase,
        kind=kind,
        median_ns=None if found is None else found.median_ns,
        ci_ns=None if found is None else found.ci_ns,
        limit_ns=limit_ns,
        baseline_ns=baseline_ns,
    )


def passed(judged: list[Row], taken: Measurement) -> bool:
    """Say whether nothing is over, and each boot succeeded: one that failed is no fast one."""
    there = len(measure.lengths(taken).get(WHOLE, ()))
    return there == taken.plan.looks[-1] and not any(row.is_over for row in judged)


def values(
    wanted: Wanted, taken: Measurement, accepted: Baseline | None, told: list[str]
) -> dict[str, object]:
    """Return one boot of the file as --json prints it; documented in docs/json.md.

    Args:
        accepted: Its baseline; None where there is none, or where a new one is accepted.
        told: Warnings.
    """
    judged = rows(wanted, taken, accepted)
    now = {key: value for key, value in taken.sides["A"].recipe.items() if value is not None}
    return {
        **measure.values(taken, told),
        "name": wanted.name,
        "passed": passed(judged, taken),
        "rows": [
            {
                "phase": row.phase,
                "kind": row.kind,
                "median_ns": row.median_ns,
                "ci_ns": row.ci_ns,
                "limit_ns": row.limit_ns,
                "baseline_ns": row.baseline_ns,
                "is_over": row.is_over,
                "is_sure": row.is_sure,
            }
            for row in judged
        ],
        "changed": [] if accepted is None else _changed(accepted, taken, now),
        "has_baseline": accepted is not None,
    }


def _changed(accepted: Baseline, taken: Measurement, now: dict[str, object]) -> list[str]:
    """Return what is not as it was when the baseline was taken."""
    lines = differences(accepted.recipe, now)
    if not CLOCKS[accepted.clock].is_repeatable and accepted.host != baselines.host_of(taken.host):
        lines.append(f"host's kernel: {accepted.host.kernel} → {taken.host.kernel}")
    seeds = (accepted.boots, accepted.first_seed)
    if seeds != (len(measure.lengths(taken).get(WHOLE, ())), taken.plan.first_seed):
        first = "" if accepted.first_seed is None else f" from seed {accepted.first_seed} on"
        lines.append(f"the baseline is of {accepted.boots} boots{first}")
    return lines
