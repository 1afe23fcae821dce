"""Splitting: a largest set of items that can go, in few tests. Pure: knows no boots and no changes.

Textbook delta debugging (Zeller and Hildebrandt's ddmin, 2002) halves, then tries every part and
its complement again and again. But in a boot most items can go, few are needed, and what is
needed stands in clusters. So, as in group testing, groups go one by one: a group that cannot go is
bisected for the first item that must stay, and how large the next group is follows from how many
had to stay so far. About log2 of a group's size tests for each item that stays, against ddmin's
several rounds over all of them. Source for the sizes: Hwang, A Method for Detecting All Defective
Members in a Population by Group Testing (1972).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from bootwright.errors import InputError

Holds = Callable[[frozenset[str]], Coroutine[Any, Any, bool]]
"""Whether no problems once these items are gone."""
Needs = Mapping[str, Collection[str]]
"""What else has to be gone before an item can go."""
_T = TypeVar("_T")


def in_order(groups: Iterable[Iterable[str]], needs: Needs) -> list[list[str]]:
    """Return *groups* with each item behind those that it needs, drawn forward where they are not.

    Raises:
        InputError: items need each other, or need what is not there.
    """
    given = [list(group) for group in groups]
    names = {item for group in given for item in group}
    placed: set[str] = set()

    def visit(item: str, path: tuple[str, ...]) -> list[str]:
        if item in path:
            circle = " needs ".join((*path[path.index(item) :], item))
            raise InputError(f"circular needs: {circle}", hint="merge these changes into one")
        if item not in names:
            raise InputError(
                f"{path[-1]} needs {item}, which is not among the changes",
                hint=f"add {item}, or leave {path[-1]} out",
            )
        if item in placed:
            return []
        before = [one for need in sorted(needs.get(item, ())) for one in visit(need, (*path, item))]
        placed.add(item)
        return [*before, item]

    return [[one for item in group for one in visit(item, ())] for group in given]


class Splitting:
    """One search for a largest set of items that can go; `gone` grows as it proceeds.

    Args:
        groups: The items, as `in_order` returns them. A group is tried as a whole first.
        needs: What else has to be gone before an item can go: no other sets are tested.
        holds: The test; must be true of the empty set. It is asked again for sets that it knows.
        at_once: How many tests may run at the same time.
    """

    def __init__(
        self, groups: Sequence[Sequence[str]], needs: Needs, holds: Holds, *, at_once: int = 1
    ) -> None:
        self.gone: frozenset[str] = frozenset()
        self.staying: list[str] = []
        self.undecided = [item for group in groups for item in group]
        self._groups = [list(group) for group in groups]
        self._needs = needs
        self.holds = holds
        self._at_once = at_once
        self._run = 0
        """How many went with the last groups, since an item had to stay."""

    async def split(self) -> None:
        """Decide on each item once. Right where a test fails for every superset of a set that
        fails; `settle` looks after the rest."""
        if len(self._groups) > 1 and await self._try(self.undecided):
            return
        for group in self._groups:
            rest, size = group, len(group)
            while rest := self._leave_blocked(rest):
                rest = await self._go(rest[:size]) + rest[size:]
                size = self._size()

    async def settle(self) -> None:
        """Try each item that stays by itself, until none can go any more: 1-minimal, literally."""
        tried: dict[str, frozenset[str]] = {}
        while due := [
            item for item in self.staying if tried.get(item) != self.gone and self._is_free(item)
        ]:
            batch = due[: self._at_once]
            tried.update(dict.fromkeys(batch, self.gone))
            held = await together(self.holds(self.gone | {item}) for item in batch)
            for item, can_go in zip(batch, held, strict=True):
                if can_go:
                    self.gone |= {item}
                    self.staying.remove(item)
                    break  # the others were tried without this one gone

    def start_again(self, holds: Holds) -> None:
        """Take back what went, to decide on it by a stricter test; what stays, stays."""
        self.holds = holds
        self._groups = [[item for item in group if item in self.gone] for group in self._groups]
        self.undecided = [item for group in self._groups for item in group]
        self.gone = frozenset()
        self._run = 0

    def expected_tests(self) -> int:
        """Estimate how many tests are still to come."""
        decided = len(self.gone) + len(self.staying)
        waiting = len(self.undecided)
        share = (len(self.staying) + 1) / (decided + 10)  # a tenth stays, as long as nobody knows
        stay = min(waiting, round(share * waiting))
        each = 1 + max(1, round(1 / share)).bit_length()
        return min(2 * waiting, 1 + stay * each) + len(self.staying) + stay

    async def _go(self, chunk: list[str]) -> list[str]:
        """Let *chunk* go, or what comes before its first item that must stay; return what is left
        of it."""
        if await self._try(chunk):
            return []
        good, bad = 0, len(chunk)  # how many go together, and how many do not
        gone = self.gone
        while bad - good > 1:
            cuts = _cuts(good, bad, self._at_once)
            held = await together(self.holds(gone | frozenset(chunk[:cut])) for cut in cuts)
            bad = next((cut for cut, can_go in zip(cuts, held, strict=True) if not can_go), bad)
            good = max((cut for cut in cuts if cut < bad), default=good)
            self._let_go(chunk[:good])  # at once: a budget may end here
        self._stay(chunk[good])
        return chunk[bad:]

    async def _try(self, chunk: list[str]) -> bool:
        can_go = await self.holds(self.gone | frozenset(chunk))
        if can_go:
            self._let_go(chunk)
        return can_go

    def _let_go(self, items: Iterable[str]) -> None:
        fresh = frozenset(items) - self.gone
        self.gone |= fresh
        self._run += len(fresh)
        self.undecided = [item for item in self.undecided if item not in self.gone]

    def _stay(self, item: str) -> None:
        self.staying.append(item)
        self.undecided.remove(item)
        self._run = 0

    def _leave_blocked(self, rest: list[str]) -> list[str]:
        """Return *rest* without items that need what stays: those stay, too."""
        free = []
        for item in rest:
            if any(need in self.staying for need in self._needs.get(item, ())):
                self.staying.append(item)
                self.undecided.remove(item)
            else:
                free.append(item)
        return free

    def _is_free(self, item: str) -> bool:
        return all(need in self.gone for need in self._needs.get(item, ()))

    def _size(self) -> int:
        """Return how large a group is that can go about every other time."""
        decided = len(self.gone) + len(self.staying)
        even = round(0.69 * decided / len(self.staying)) if self.staying else decided
        return max(1, even, 2 * self._run)


async def together(tests: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Await all of *tests* at the same time; where one fails, the rest is cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(test) for test in tests]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _cuts(good: int, bad: int, at_once: int) -> list[int]:
    """Return up to *at_once* places that divide what lies between evenly."""
    parts = min(at_once + 1, bad - good)
    return [good + (bad - good) * part // parts for part in range(1, parts)]
