"""The search, on oracles that answer from a rule in place of a boot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.search import mean_tests
from bootwright.errors import HostError, InputError
from bootwright.events import Event
from bootwright.search.search import Search, SearchProgress, SearchResult
from bootwright.search.trials import SearchBudget, Stage, TrialOutcome

MS = 1_000_000
NAMES = [f"unit-{index}" for index in range(24)]
Rule = Callable[[frozenset[str]], bool]


class Oracle:
    """Answers by a rule, and remembers what it was asked."""

    def __init__(
        self,
        rule: Rule,
        *,
        strict: Rule = lambda applied: True,
        time_ns: Callable[[frozenset[str]], int] | None = None,
        stop_after: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        self.rule, self.strict, self.time_ns = rule, strict, time_ns
        self.stop_after, self.error = stop_after, error
        self.asked: list[tuple[frozenset[str], Stage]] = []
        self.running = self.most_running = 0

    async def __call__(self, applied: frozenset[str], stage: Stage) -> TrialOutcome:
        if self.error and len(self.asked) == self.stop_after:
            raise self.error
        self.asked.append((applied, stage))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await asyncio.sleep(0)
        self.running -= 1
        passed = self.rule(applied) and (stage == "cheap" or self.strict(applied))
        samples = (self.time_ns(applied),) if self.time_ns and passed else ()
        return TrialOutcome(passed=passed, samples_ns=samples, detail="" if passed else "no PTY")


def _without(needed: Iterable[str]) -> Rule:
    return lambda applied: not applied & frozenset(needed)


def _is_1_minimal(
    found: SearchResult, passes: Rule, needs: dict[str, list[str]] | None = None
) -> bool:
    applied = frozenset(found.applied)
    alone = [x for x in found.left if applied.issuperset((needs or {}).get(x, ()))]
    return passes(applied) and not any(passes(applied | {x}) for x in alone)


_SUBSETS = st.sets(st.sampled_from(NAMES))


@given(_SUBSETS, st.integers(min_value=1, max_value=3))
async def test_search_with_a_monotone_oracle_keeps_exactly_what_is_needed(
    needed: set[str], at_once: int
) -> None:
    oracle = Oracle(_without(needed))
    found = await Search([NAMES], oracle, at_once=at_once).run()
    assert found.ending == "1-minimal"
    assert set(found.left) == needed
    assert oracle.most_running <= at_once
    assert len(set(oracle.asked)) == len(oracle.asked), "no set is tested twice"
    assert found.tests == len(oracle.asked)


@given(st.integers(min_value=0), _SUBSETS, st.integers(min_value=1, max_value=2))
async def test_search_with_any_oracle_is_1_minimal(
    salt: int, needed: set[str], at_once: int
) -> None:
    def passes(applied: frozenset[str]) -> bool:
        """Be neither monotone nor anything else."""
        return not applied or (
            len(applied & needed) % 2 == 0 and crc32(f"{salt} {sorted(applied)}".encode()) % 3 > 0
        )

    found = await Search([NAMES], Oracle(passes), at_once=at_once).run()
    assert found.ending == "1-minimal"
    assert _is_1_minimal(found, passes)


@given(_SUBSETS, st.dictionaries(st.integers(1, 23), st.sets(st.integers(0, 22), max_size=2)))
async def test_search_never_breaks_dependencies(
    needed: set[str], edges: dict[int, set[int]]
) -> None:
    needs = {NAMES[b]: [NAMES[a] for a in under if a < b] for b, under in edges.items()}
    oracle = Oracle(_without(needed))
    found = await Search([NAMES[12:], NAMES[:12]], oracle, needs=needs).run()
    for applied, _ in oracle.asked:
        assert all(applied.issuperset(needs.get(name, ())) for name in applied)
    assert _is_1_minimal(found, _without(needed), needs)
    # What stays is needed, or needs something that stays.
    assert all(x in needed or set(needs.get(x, ())) & set(found.left) for x in found.left)


@given(_SUBSETS, _SUBSETS)
async def test_search_continues_when_a_finalist_fails_all_probes(
    needed: set[str], also: set[str]
) -> None:
    oracle = Oracle(_without(needed), strict=_without(also))
    found = await Search([NAMES[:9], NAMES[9:]], oracle).run()
    assert found.ending == "1-minimal"
    assert set(found.left) == needed | also
    assert (frozenset(found.applied), "full") in oracle.asked
    assert found.outcome is not None
    assert found.outcome.passed


async def test_search_runs_full_probes_for_finalists_only() -> None:
    oracle = Oracle(_without(["unit-3", "unit-17"]))
    await Search([NAMES], oracle).run()
    assert [stage for _, stage in oracle.asked].count("full") == 2, "the baseline and the finalist"


async def test_search_tries_whole_groups_first() -> None:
    oracle = Oracle(_without(["unit-3"]))
    await Search([NAMES[:8], NAMES[8:16], NAMES[16:]], oracle).run()
    sets = [applied for applied, _ in oracle.asked]
    assert sets[:3] == [frozenset(), frozenset(NAMES), frozenset(NAMES[:8])]
    found_by = frozenset(set(NAMES[:16]) - {"unit-3"})
    assert found_by in sets
    assert len(sets) <= 11


@pytest.mark.parametrize("order", [1, -1])
async def test_search_repeats_and_names_flaky_tests(order: int) -> None:
    """Every fourth answer is a failure, whatever was asked."""

    class Flaky(Oracle):
        async def __call__(self, applied: frozenset[str], stage: Stage) -> TrialOutcome:
            said = await super().__call__(applied, stage)
            if len(self.asked) % 4 == 3:
                return TrialOutcome(passed=False, detail="timed out")
            return said

    needed = {"unit-3", "unit-17"}
    oracle = Flaky(_without(needed))
    found = await Search([NAMES[::order]], oracle, votes=3).run()
    assert found.ending == "1-minimal"
    assert set(found.left) == needed
    assert found.flaky
    assert not any(set(names) & needed for names in found.flaky)


async def test_search_rejects_a_change_that_slows_the_boot() -> None:
    def time_ns(applied: frozenset[str]) -> int:
        return (2000 + 90_000 * ("unit-5" in applied) - 10 * len(applied)) * MS

    found = await Search([NAMES], Oracle(_without(["unit-9"]), time_ns=time_ns)).run()
    assert set(found.left) == {"unit-5", "unit-9"}


async def test_search_fastest_keeps_only_changes_that_gain() -> None:
    gains = {"unit-2": -300, "unit-7": -40, "unit-11": -5, "unit-13": +60}

    def time_ns(applied: frozenset[str]) -> int:
        return (2000 + sum(gains.get(name, 0) for name in applied)) * MS

    oracle = Oracle(_without(["unit-9"]), time_ns=time_ns)
    found = await Search([NAMES], oracle, goal="fastest").run()
    # 5 ms of 2 s are below the smallest effect of interest.
    assert found.applied == ("unit-2", "unit-7")
    assert found.ending == "1-minimal"
    with pytest.raises(ValueError, match="measures none"):
        await Search([NAMES], Oracle(_without([])), goal="fastest").run()


async def test_search_fastest_never_breaks_dependencies() -> None:
    def time_ns(applied: frozenset[str]) -> int:
        return (2000 - 300 * ("unit-12" in applied)) * MS

    oracle = Oracle(_without(["unit-9"]), time_ns=time_ns)
    found = await Search([NAMES], oracle, goal="fastest", needs={"unit-12": ["unit-20"]}).run()
    assert found.applied == ("unit-12", "unit-20")
    assert all("unit-20" in applied for applied, _ in oracle.asked if "unit-12" in applied)


async def test_search_stops_at_once_when_the_baseline_fails() -> None:
    oracle = Oracle(lambda applied: False)
    found = await Search([NAMES], oracle).run()
    assert (found.ending, found.applied, found.tests) == ("baseline-fails", (), 1)
    assert found.baseline is not None
    assert found.baseline.detail == "no PTY"


@pytest.mark.parametrize("boots", range(1, 20))
async def test_search_keeps_its_budget_of_tests(boots: int) -> None:
    oracle = Oracle(_without(["unit-3", "unit-17"]))
    found = await Search([NAMES], oracle, budget=SearchBudget(boots=boots)).run()
    assert len(oracle.asked) <= boots
    assert found.ending == "budget-spent" or boots > 12
    assert (frozenset(found.applied), "full") in oracle.asked
    assert not {"unit-3", "unit-17"} & set(found.applied)
    if boots >= 6:
        assert found.applied, "the finalist's test was held back"


async def test_search_keeps_its_budget_of_time() -> None:
    found = await Search(
        [NAMES], Oracle(_without(NAMES[::3])), budget=SearchBudget(seconds=0)
    ).run()
    assert (found.ending, found.tests) == ("budget-spent", 0)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), HostError("no space")])
@pytest.mark.parametrize("at", [0, 1, 7, 13])
async def test_search_resumes_without_repeating_a_test(
    tmp_path: Path, error: BaseException, at: int
) -> None:
    journal = tmp_path / "search.jsonl"
    rule = _without(["unit-3", "unit-17"])
    whole = await Search([NAMES], uninterrupted := Oracle(rule)).run()

    first = Search([NAMES], one := Oracle(rule, stop_after=at, error=error), journal=journal)
    with pytest.raises(type(error)):
        await first.run()
    assert first.found().ending == "interrupted"
    with journal.open("ab") as file:
        file.write(b'\n{"applied": ["unit-')  # a second crash, in the middle of a row
    second = await Search([NAMES], two := Oracle(rule), journal=journal).run()
    assert second == whole
    assert one.asked + two.asked == uninterrupted.asked

    again = await Search([NAMES], three := Oracle(rule), journal=journal).run()
    assert (again, three.asked) == (whole, [])


async def test_search_refuses_the_journal_of_another_search(tmp_path: Path) -> None:
    journal = tmp_path / "search.jsonl"
    await Search([NAMES], Oracle(_without([])), journal=journal, subject="recipe one").run()
    rows = [json.loads(line) for line in journal.read_text().splitlines() if line]
    assert rows[1]["outcome"]["passed"] is True
    with pytest.raises(InputError, match=r"search\.jsonl is the journal of another search"):
        Search([NAMES], Oracle(_without([])), journal=journal, subject="recipe two")
    with pytest.raises(InputError, match="another search"):
        Search([NAMES[1:]], Oracle(_without([])), journal=journal, subject="recipe one")


async def test_search_refuses_invalid_changes() -> None:
    oracle = Oracle(_without([]))
    with pytest.raises(InputError, match="unit-0 is given twice"):
        Search([["unit-0"], ["unit-0"]], oracle)
    with pytest.raises(InputError, match="circular needs: a needs b needs a"):
        Search([["a", "b"]], oracle, needs={"a": ["b"], "b": ["a"]})
    with pytest.raises(InputError, match="a needs c, which is not among"):
        Search([["a", "b"]], oracle, needs={"a": ["c"]})
    found = await Search([], oracle).run()
    assert (found.ending, found.applied) == ("1-minimal", ())


async def test_search_reports_progress_and_remaining_time() -> None:
    seen: list[Event] = []
    found = await Search([NAMES], Oracle(_without(["unit-3"])), observe=seen.append).run()
    steps = [event for event in seen if isinstance(event, SearchProgress)]
    assert [step.tests for step in steps] == list(range(1, found.tests + 1))
    assert steps[0].remaining_tests > 1
    for step in steps:
        assert step.decided + step.undecided == len(NAMES)
        assert abs(step.tests + step.remaining_tests - found.tests) < len(NAMES)
    assert (steps[-1].decided, steps[-1].undecided) == (24, 0)


@pytest.mark.parametrize("way", ["scattered", "clustered"])
@pytest.mark.parametrize(("items", "needed"), [(12, 3), (50, 1), (50, 5), (50, 25), (120, 4)])
def test_splitting_takes_no_more_tests_than_ddmin(items: int, needed: int, way: str) -> None:
    ours, textbook = mean_tests(items, needed, way, cases=30)
    assert ours <= textbook
