"""Checking: whether boots keep the budgets and the baseline of a budget file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from bootwright import suggest
from bootwright.booting.preparing import default_timeout_s
from bootwright.errors import InputError
from bootwright.events import Observer, ignore
from bootwright.experiments import baseline, boots, budget, figures, measure, subject
from bootwright.experiments.baseline import Baseline
from bootwright.experiments.budget import BudgetedBoot
from bootwright.experiments.differences import differences
from bootwright.experiments.events import CheckBegun
from bootwright.experiments.resolver import Stores
from bootwright.experiments.results import (
    WHOLE,
    BaselineUpdate,
    BootCheck,
    CheckResult,
    LimitCheck,
    LimitKind,
    PhaseFigures,
)
from bootwright.experiments.subject import Subject
from bootwright.history.measurement import Measurement, MeasurementPlan
from bootwright.home import Home
from bootwright.host import fingerprint
from bootwright.recipes.change_text import parse_all
from bootwright.recipes.clock import CLOCKS
from bootwright.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """One boot of the file, of which everything is known but how long it takes."""

    wanted: BudgetedBoot
    subject: Subject


async def check(
    home: Home,
    path: Path,
    *,
    update: bool = False,
    parallel: int | None = None,
    observe: Observer = ignore,
) -> CheckResult:
    """Measure the boots of a budget file, and hold each phase to its budget and its baseline.

    Args:
        path: The budget file; see `budget`.
        update: Hold them to their budgets only, and write what is measured as the new baseline,
            unless a boot fails.
        parallel: As of `measure.measure`.
        observe: Given the events of `experiments.events`, notices and progress.

    Raises:
        InputError: the file cannot be used, or a baseline says nothing here: it is of another
            clock, or on the wall clock of another host.
        HostError: the baseline cannot be written.
        BootwrightError: no boot can work here. Boots that fail are part of the result.
    """
    wanted = budget.read(path)
    place = baseline.path_of(path)
    accepted = {} if update else baseline.read(place)
    if update:
        baseline.check_writable(place)
    # What is wrong with one is reported before any is booted.
    prepared = [await _prepared(home, one, path.parent, observe) for one in wanted.boot]
    _check_comparable(prepared, accepted)
    taken: dict[str, Measurement] = {}
    checks = []
    for one in prepared:
        name = one.wanted.name
        observe(CheckBegun(name=name))
        begun = measure.begin(home, {"A": one.subject}, _plan(one))
        taken[name], warned = await measure.finish(home, begun, parallel=parallel, observe=observe)
        checks.append(result(one.wanted, taken[name], accepted.get(name), warned))
    return CheckResult(
        passed=all(one.passed for one in checks),
        boots=tuple(checks),
        update=_updated(place, taken) if update else None,
    )


async def _prepared(home: Home, wanted: BudgetedBoot, folder: Path, observe: Observer) -> _Prepared:
    draft = budget.draft_of(wanted, folder)
    plain = await subject.completed(home, draft, observe, title=wanted.title)
    one = subject.with_changes(plain, parse_all(wanted.with_, Stores(home)))
    check_phases(wanted, one.recipe)
    return _Prepared(wanted=wanted, subject=one)


def _plan(one: _Prepared) -> MeasurementPlan:
    assert one.wanted.boots is not None  # the file's head has said it
    timeout_s = one.wanted.timeout_s or default_timeout_s(one.subject.recipe)
    return MeasurementPlan(looks=(one.wanted.boots,), timeout_s=timeout_s)


def _check_comparable(prepared: Iterable[_Prepared], accepted: Mapping[str, Baseline]) -> None:
    """Refuse baselines that say nothing here.

    Raises:
        InputError: a baseline is of another clock, or of another host's.
    """
    here = fingerprint.read()
    for one in prepared:
        old, recipe = accepted.get(one.wanted.name), one.subject.recipe
        why = old and baseline.why_apart(old, recipe.clock, recipe.accelerator, here)
        if why:
            raise InputError(
                f"boot {one.wanted.name!r} cannot be compared: {why}",
                hint="--update writes a new baseline; those of the virtual clock hold on any host",
            )


def _updated(place: Path, taken: Mapping[str, Measurement]) -> BaselineUpdate:
    """Write the new baselines; where a boot failed, there is nothing to accept."""
    failed = tuple(
        name for name, one in taken.items() if len(figures.succeeded(one)) < one.plan.looks[-1]
    )
    if not failed:
        baseline.write(place, {name: baseline.of(one) for name, one in taken.items()})
    return BaselineUpdate(path=str(place), failed=failed)


def check_phases(wanted: BudgetedBoot, recipe: Recipe) -> None:
    """Refuse budgets of phases that a boot of *recipe* does not have.

    Raises:
        InputError: the message names those it has.
    """
    known = [*boots.names(recipe), WHOLE]
    for phase in wanted.budget:
        if phase not in known:
            raise InputError(
                f"boot {wanted.name!r} has a budget for an unknown phase {phase!r}",
                hint=suggest.hint(
                    phase, known, f"its phases on the {recipe.clock} clock: {', '.join(known)}"
                ),
            )


def rows(
    wanted: BudgetedBoot, taken: Measurement, accepted: Baseline | None
) -> tuple[LimitCheck, ...]:
    """Return each phase that has a limit, first against its budget, then against its baseline."""
    found = figures.figures(taken)
    where = f"boot {wanted.name!r}"
    checks = [
        _row(found.get(phase), phase, "budget", budget.time_ns(text, where))
        for phase, text in wanted.budget.items()
    ]
    for phase, before_ns in accepted.median_ns.items() if accepted else ():
        limit_ns = before_ns + budget.tolerated_ns(wanted.tolerance or "", before_ns, where)
        checks.append(_row(found.get(phase), phase, "baseline", limit_ns, before_ns))
    return tuple(checks)


def _row(
    found: PhaseFigures | None,
    phase: str,
    kind: LimitKind,
    limit_ns: int,
    baseline_ns: int | None = None,
) -> LimitCheck:
    is_over = found is None or found.median_ns > limit_ns
    is_sure = True
    if found is not None:
        low, high = found.ci_ns
        is_sure = low > limit_ns if is_over else high <= limit_ns
    return LimitCheck(
        phase=phase,
        kind=kind,
        median_ns=None if found is None else found.median_ns,
        ci_ns=None if found is None else found.ci_ns,
        limit_ns=limit_ns,
        baseline_ns=baseline_ns,
        is_over=is_over,
        is_sure=is_sure,
    )


def result(
    wanted: BudgetedBoot,
    taken: Measurement,
    accepted: Baseline | None,
    warnings: tuple[str, ...] = (),
) -> BootCheck:
    """Return what one boot of the file comes to.

    Args:
        accepted: Its baseline; None where there is none, or where a new one is accepted.
    """
    measured = figures.result(taken, warnings)
    judged = rows(wanted, taken, accepted)
    return BootCheck(
        **{field.name: getattr(measured, field.name) for field in fields(measured)},
        name=wanted.name,
        # A boot that failed, or was not tried, is no fast one.
        passed=measured.boots == measured.wanted and not any(row.is_over for row in judged),
        rows=judged,
        changed=() if accepted is None else _changed(accepted, taken),
        has_baseline=accepted is not None,
    )


def _changed(accepted: Baseline, taken: Measurement) -> tuple[str, ...]:
    """Return what is not as it was when the baseline was taken."""
    recipe = taken.sides["A"].recipe
    now = {key: value for key, value in recipe.items() if value is not None}
    lines = differences(accepted.recipe, now)
    if not CLOCKS[accepted.clock].is_repeatable and accepted.host != baseline.host_of(taken.host):
        lines.append(f"host's kernel: {accepted.host.kernel} → {taken.host.kernel}")
    seeds = (accepted.boots, accepted.first_seed)
    if seeds != (len(figures.succeeded(taken)), taken.plan.first_seed):
        first = "" if accepted.first_seed is None else f" from seed {accepted.first_seed} on"
        lines.append(f"the baseline has {accepted.boots} boots{first}")
    return tuple(lines)
