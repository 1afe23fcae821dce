"""Search: which of many changes a recipe can bear, or which of them make it fast.

The items are changes. A test applies some of them to the recipe, boots it and probes it; what is
not applied is *left*: a unit that goes on running, an initcall that is still called. So the goal
``fewest`` (things left) wants as many changes applied as the probes bear, and ``fastest`` wants
only those changes whose gain is measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootwright.errors import InputError
from bootwright.events import Event, Observer, ignore
from bootwright.search.splitting import Needs, Splitting, in_order
from bootwright.search.trials import Oracle, SearchBudget, SearchBudgetSpent, TrialOutcome, Trials
from bootwright.statistics.effects import least_pairs, paired
from bootwright.statistics.summary import smallest_effect_ns, summary
from bootwright.statistics.verdicts import Verdict, verdict

SearchGoal = Literal["fewest", "fastest"]
SearchEnding = Literal["1-minimal", "budget-spent", "interrupted", "baseline-fails"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress(Event):
    """How far a search is, after each test."""

    tests: int
    boots: int
    decided: int
    """Changes of which it is known whether they are applied; ``fastest`` decides twice."""
    undecided: int
    remaining_tests: int
    """An estimate."""
    remaining_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search has found, and how much of that is known."""

    ending: SearchEnding
    """``1-minimal``: with ``fewest``, none of `left` can be applied as well, alone, without the
    probes failing or the boot becoming slower. With ``fastest``, none of `applied` can be left out,
    alone, without the boot failing or becoming slower, and none of those in `left` that the probes
    bear makes it faster, alone. The other endings stopped on the way."""
    applied: tuple[str, ...]
    """They passed all probes; in the order that was given."""
    left: tuple[str, ...]
    flaky: tuple[tuple[str, ...], ...]
    """Sets of changes that passed once and failed once."""
    tests: int
    boots: int
    baseline: TrialOutcome | None
    """The recipe as it is; None: it was not tested yet."""
    outcome: TrialOutcome | None
    """The recipe with `applied`, in its last test."""


class Search:
    """One search; `run` it, and where it is interrupted ask for `found`.

    Args:
        groups: The changes' names. A group is tried as a whole first; who knows of none gives one.
        oracle: The test.
        needs: ``{"b": ["a"]}``: b is only ever applied together with a.
        goal: What is searched.
        smallest_ns: The smallest effect of interest; None: 1 % of the baseline or 1 ms.
        votes: See `Trials`: 1 for a deterministic oracle, 3 for one that may be flaky.
        at_once: How many tests may run at the same time.
        journal: Where answers are kept; a search with the same changes goes on from there.
        subject: What else decides the answers, such as the recipe's digest and the probes' names.
        observe: Given a `SearchProgress` after each test.

    Raises:
        InputError: a change is named twice, needs form a circle, or the journal is of another
            search.
    """

    def __init__(
        self,
        groups: Iterable[Iterable[str]],
        oracle: Oracle,
        *,
        needs: Needs | None = None,
        goal: SearchGoal = "fewest",
        smallest_ns: int | None = None,
        votes: int = 1,
        at_once: int = 1,
        budget: SearchBudget | None = None,
        journal: Path | None = None,
        subject: str = "",
        observe: Observer = ignore,
    ) -> None:
        given = [list(group) for group in groups]
        self._names = [name for group in given for name in group]
        for name in self._names:
            if self._names.count(name) > 1:
                raise InputError(f"the change {name} is given twice", hint="give it once")
        self._needs: Needs = needs or {}
        self._groups = in_order(given, self._needs)
        self._goal = goal
        self._smallest_ns = smallest_ns
        self._at_once = at_once
        self._trials = Trials(
            oracle,
            journal=journal,
            subject=_subject(subject, self._names),
            votes=votes,
            budget=budget or SearchBudget(),
            after_test=lambda: observe(self.progress()),
        )
        self._baseline: TrialOutcome | None = None
        self._reference: TrialOutcome | None = None
        """What a trial must not be slower than."""
        self._splitting: Splitting | None = None
        self._best: frozenset[str] = frozenset()
        """What passed all probes."""

    async def run(self) -> SearchResult:
        """Search to the end, or until the budget is spent."""
        try:
            self._trials.reserved = False
            self._baseline = await self._trials.answer(frozenset(), "full")
            self._trials.reserved = True
            if not self._baseline.passed:
                return self.found("baseline-fails")
            if self._goal == "fewest":
                self._reference = self._baseline
            await self._largest(self._groups, self._needs, lambda gone: gone)
            if self._goal == "fastest":
                await self._only_gains()
        except SearchBudgetSpent:
            return self.found("budget-spent")
        return self.found("1-minimal")

    def found(self, ending: SearchEnding = "interrupted") -> SearchResult:
        """Return what is known now: what was applied last and passed all probes."""
        outcomes = self._trials.known.get((self._best, "full"), [])
        return SearchResult(
            ending=ending,
            applied=tuple(name for name in self._names if name in self._best),
            left=tuple(name for name in self._names if name not in self._best),
            flaky=tuple(tuple(sorted(applied)) for applied in self._trials.flaky()),
            tests=self._trials.counts.tests,
            boots=self._trials.counts.boots,
            baseline=self._baseline,
            outcome=next((outcome for outcome in outcomes if outcome.passed), None),
        )

    def progress(self) -> SearchProgress:
        """Return how far the search is."""
        counts = self._trials.counts
        splitting = self._splitting
        remaining = 1 + (splitting.expected_tests() if splitting else len(self._names))
        each_s = counts.seconds / max(1, counts.tests) / self._at_once
        return SearchProgress(
            tests=counts.tests,
            boots=counts.boots,
            decided=len(splitting.gone) + len(splitting.staying) if splitting else 0,
            undecided=len(splitting.undecided) if splitting else len(self._names),
            remaining_tests=remaining,
            remaining_s=remaining * each_s,
        )

    async def _only_gains(self) -> None:
        """Leave out what brings no gain, then apply again what does; until neither is left."""
        bearable = self._best
        self._reference = await self._trials.answer(bearable, "cheap")
        if not self._reference.samples_ns:
            raise ValueError("the goal is the fastest boot, but the oracle measures none")
        seen: set[frozenset[str]] = set()
        while self._best not in seen:  # noise might lead in circles
            seen.add(self._best)
            await self._leave_useless(self._best)
            if not await self._apply_faster(bearable):
                return

    async def _leave_useless(self, most: frozenset[str]) -> None:
        # What others need goes last now.
        needed_by = {
            name: {user for user in most if name in self._needs.get(user, ())} for name in most
        }
        groups = in_order(
            [[name for name in reversed(group) if name in most] for group in self._groups[::-1]],
            needed_by,
        )
        await self._largest(groups, needed_by, lambda dropped: most - dropped)

    async def _apply_faster(self, bearable: frozenset[str]) -> bool:
        """Apply what makes the boot faster still, and say whether there was any.

        A gain may have hidden behind a loss, when both were left out at once.
        """
        best = self._best
        self._reference = await self._trials.answer(best, "cheap")
        for name in [name for group in self._groups for name in group]:
            if name in bearable - self._best:
                more = self._best | self._with_needs(name)
                outcome = await self._trials.answer(more, "cheap")
                gains = outcome.passed and self._compared(outcome) == "faster"
                if gains and (await self._trials.answer(more, "full")).passed:
                    self._best, self._reference = more, outcome
        return self._best != best

    def _with_needs(self, name: str) -> frozenset[str]:
        return frozenset([name]).union(*map(self._with_needs, self._needs.get(name, ())))

    async def _largest(
        self,
        groups: list[list[str]],
        needs: Needs,
        applied: Callable[[frozenset[str]], frozenset[str]],
    ) -> None:
        """Find a largest set of items that can go; *applied* says what that leaves applied."""
        furthest = -1

        async def cheap(gone: frozenset[str]) -> bool:
            return self._does_no_harm(await self._trials.answer(applied(gone), "cheap"))

        async def full(gone: frozenset[str]) -> bool:
            nonlocal furthest
            if not await cheap(gone):
                return False
            if not self._does_no_harm(await self._trials.answer(applied(gone), "full")):
                return False
            if len(gone) > furthest:
                furthest, self._best = len(gone), applied(gone)
            return True

        self._splitting = splitting = Splitting(groups, needs, cheap, at_once=self._at_once)
        try:
            await splitting.split()
            if not await full(splitting.gone):
                # Cheap probes bear a change that others do not: all probes from here on.
                splitting.start_again(full)
                await splitting.split()
        except SearchBudgetSpent:
            self._trials.reserved = False  # it was held back for this
            await full(splitting.gone)
            raise
        splitting.holds = full
        await splitting.settle()

    def _does_no_harm(self, outcome: TrialOutcome) -> bool:
        return outcome.passed and self._compared(outcome) != "slower"

    def _compared(self, outcome: TrialOutcome) -> Verdict:
        """Compare a trial with what it must not be slower than.

        Fewer samples than tell a difference from chance are taken at their word: on the virtual
        clock one seed puts changes in their order, and 1 % is far above what a seed adds.
        """
        reference = self._reference
        if reference is None or not reference.samples_ns or not outcome.samples_ns:
            return "cannot-tell"
        pairs = min(len(reference.samples_ns), len(outcome.samples_ns))
        a, b = reference.samples_ns[:pairs], outcome.samples_ns[:pairs]
        smallest_ns = self._smallest_ns
        if smallest_ns is None:
            smallest_ns = smallest_effect_ns(summary(a).median_ns)
        effect = paired(a, b)
        if pairs >= least_pairs():
            return verdict(effect, smallest_ns)
        if abs(effect.effect_ns) <= smallest_ns:
            return "no-difference"
        return "faster" if effect.effect_ns < 0 else "slower"


def _subject(subject: str, names: list[str]) -> str:
    """Name a search by what decides its answers; the goal does not."""
    digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:12]
    return f"{subject or 'a recipe'}, {len(names)} changes {digest}"
