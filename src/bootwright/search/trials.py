"""Trials: sets of changes put to the test, each once, written down as soon as it is known.

The journal is a file of JSON lines. Whoever searches again with it asks the same questions in the
same order, and gets the answers that are there without a boot.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from bootwright.errors import InputError

Stage = Literal["cheap", "full"]
"""``cheap``: the few probes that most trials fail by; ``full``: all of them, for finalists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """What a recipe with some changes did."""

    passed: bool
    """All the probes of the stage. A boot that failed has not passed, however fast it failed."""
    samples_ns: tuple[int, ...] = ()
    """Lengths of its boots, in the order of their seeds (or of the boots); empty: not measured."""
    boots: int = 1
    """What it took."""
    detail: str = ""
    """What failed, for people."""


class Oracle(Protocol):
    """Boots a recipe with some changes and runs probes.

    What says nothing of the changes (a host without space, a missing program) it raises: that ends
    the search, which can be resumed.
    """

    async def __call__(self, applied: frozenset[str], stage: Stage) -> TrialOutcome:
        """Say how the recipe fares with the changes *applied*; ``full`` includes ``cheap``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBudget:
    """What one run of a search may take, what it knew from its journal not counted.

    Tests that run beside the last one are let finish, so there may be one or two boots more.
    """

    boots: int | None = None
    seconds: float | None = None


class SearchBudgetSpent(Exception):
    """Raised in place of a test; the search ends with what it has."""


class _Heading(msgspec.Struct, frozen=True, kw_only=True):
    search: str


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    applied: list[str]
    stage: Stage
    outcome: TrialOutcome
    seconds: float


@dataclass(slots=True, kw_only=True)
class Counts:
    """What a search has taken, its earlier runs included."""

    tests: int = 0
    boots: int = 0
    seconds: float = 0.0
    """Of the tests, added up."""


@dataclass(slots=True)
class Trials:
    """Answers whether a set of changes passes, from the journal or by its oracle.

    Args:
        votes: How many answers decide where answers differ: 1 trusts each. With 3, a set that fails
            is tried again until two answers agree, and a finalist has to pass twice.
        journal: None: nothing is written down.
        subject: What is searched, in words or as a digest; a journal of another one is refused.
        after_test: Called once a test is in the journal.

    Raises:
        InputError: the journal is one of another search.
    """

    oracle: Oracle
    journal: Path | None = None
    subject: str = ""
    votes: int = 1
    budget: SearchBudget = field(default_factory=SearchBudget)
    after_test: Callable[[], None] = lambda: None
    counts: Counts = field(default_factory=Counts)
    known: dict[tuple[frozenset[str], Stage], list[TrialOutcome]] = field(default_factory=dict)
    reserved: bool = True
    """Whether some of the budget is held back, for the finalist's test."""
    _used: Counts = field(default_factory=Counts)
    _finalist: Counts = field(default_factory=Counts)
    _since: float = field(default_factory=time.monotonic)
    _running: int = 0

    def __post_init__(self) -> None:
        if self.journal is not None:
            self._read(self.journal)

    async def answer(self, applied: frozenset[str], stage: Stage) -> TrialOutcome:
        """Return what the set's answers come to.

        Raises:
            BudgetSpent: it would take another test.
        """
        if stage == "cheap" and (applied, stage) not in self.known:
            for outcome in self.known.get((applied, "full"), ()):
                if outcome.passed:
                    return outcome
        most = self.votes // 2 + 1
        wanted = 1 if stage == "cheap" else most
        passes: list[TrialOutcome] = []
        fails: list[TrialOutcome] = []
        asked = 0
        while len(passes) < wanted and len(fails) < most:
            outcome = await self._ask(applied, stage, asked)
            (passes if outcome.passed else fails).append(outcome)
            asked += 1
        return (passes if len(passes) >= wanted else fails)[0]

    def flaky(self) -> list[frozenset[str]]:
        """Return the sets that passed and failed in the same stage."""
        return [
            applied
            for (applied, _), outcomes in self.known.items()
            if len({outcome.passed for outcome in outcomes}) > 1
        ]

    async def _ask(self, applied: frozenset[str], stage: Stage, index: int) -> TrialOutcome:
        outcomes = self.known.setdefault((applied, stage), [])
        if index < len(outcomes):
            return outcomes[index]
        if not self._running and self._is_spent():
            raise SearchBudgetSpent
        self._running += 1
        start = time.monotonic()
        try:
            outcome = await self.oracle(applied, stage)
        finally:
            self._running -= 1
        row = _Row(
            applied=sorted(applied),
            stage=stage,
            outcome=outcome,
            seconds=round(time.monotonic() - start, 3),
        )
        if self.journal is not None:
            _append(self.journal, msgspec.json.encode(row))
        self._count(row, self.counts, self._used)
        outcomes.append(outcome)
        self.after_test()
        return outcome

    def _count(self, row: _Row, *all_counts: Counts) -> None:
        if row.stage == "full":
            self._finalist = Counts(boots=row.outcome.boots, seconds=row.seconds)
        for counts in all_counts:
            counts.tests += 1
            counts.boots += row.outcome.boots
            counts.seconds += row.seconds

    def _is_spent(self) -> bool:
        back = self.votes // 2 + 1 if self.reserved else 0
        boots = self._used.boots + back * self._finalist.boots
        seconds = time.monotonic() - self._since + back * self._finalist.seconds
        return (self.budget.boots is not None and boots >= self.budget.boots) or (
            self.budget.seconds is not None and seconds >= self.budget.seconds
        )

    def _read(self, path: Path) -> None:
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        heading: _Heading | None = None
        for line in lines:
            try:
                if heading is None:
                    heading = msgspec.json.decode(line, type=_Heading)
                    continue
                row = msgspec.json.decode(line, type=_Row)
            except ValueError:
                continue  # a crash cut it short: its test is done again
            self.known.setdefault((frozenset(row.applied), row.stage), []).append(row.outcome)
            self._count(row, self.counts)
        if heading is None:
            _append(path, msgspec.json.encode(_Heading(search=self.subject)))
        elif heading.search != self.subject:
            raise InputError(
                f"{path} is the journal of another search ({heading.search})",
                hint="use another journal, or remove this one",
            )


def _append(path: Path, row: bytes) -> None:
    """Add a line, and wait until the disk has it: what it holds cost a boot."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(file, "wb", buffering=0) as lines:
        # The newline comes first as well: a row that a crash cut short must not swallow this one.
        lines.write(b"\n" + row + b"\n")
        os.fsync(file)
