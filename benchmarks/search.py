"""How many tests a search takes, against textbook delta debugging: python -m benchmarks.search"""

from __future__ import annotations

import asyncio
from random import Random
from statistics import mean

from rich.console import Console
from rich.table import Table

from benchmarks.ddmin import ddmin
from bootwright.search.splitting import Splitting

CASES = 100


def needed_items(random: Random, items: list[str], count: int, way: str) -> frozenset[str]:
    """Choose what must stay: anywhere, or side by side in clusters of three."""
    if way == "scattered":
        return frozenset(random.sample(items, count))
    chosen: set[str] = set()
    while len(chosen) < count:
        start = random.randrange(len(items))
        chosen.update(items[start : start + min(3, count - len(chosen))])
    return frozenset(chosen)


def our_tests(items: list[str], needed: frozenset[str]) -> int:
    """Count the different sets that a splitting tests, its last check included."""
    tested: set[frozenset[str]] = set()

    async def holds(gone: frozenset[str]) -> bool:
        tested.add(gone)
        return not gone & needed

    async def search() -> Splitting:
        splitting = Splitting([items], {}, holds)
        await splitting.split()
        await splitting.recheck()
        return splitting

    found = asyncio.run(search())
    assert set(found.kept) == needed
    return len(tested)


def textbook_tests(items: list[str], needed: frozenset[str]) -> int:
    """Count the different sets that ddmin tests; it is allowed a cache, too."""
    tested: set[frozenset[str]] = set()

    def suffices(kept: frozenset[str]) -> bool:
        tested.add(kept)
        return needed <= kept

    assert set(ddmin(items, suffices)) == needed
    return len(tested)


def mean_tests(count: int, needed: int, way: str, cases: int = CASES) -> tuple[float, float]:
    """Return the tests that we and the textbook take, on average."""
    random = Random(f"{count} {needed} {way}")
    items = [f"unit-{index}" for index in range(count)]
    chosen = [needed_items(random, items, needed, way) for _ in range(cases)]
    return (
        mean(our_tests(items, each) for each in chosen),
        mean(textbook_tests(items, each) for each in chosen),
    )


def main() -> None:
    table = Table(
        "items",
        "needed",
        "where",
        "tests, bootwright",
        "tests, ddmin",
        "ratio",
        title=f"Different sets tested until 1-minimal, mean of {CASES} random cases",
    )
    for count, needed in ((12, 3), (50, 0), (50, 1), (50, 5), (50, 15), (50, 40), (300, 10)):
        for way in ("scattered", "clustered"):
            ours, textbook = mean_tests(count, needed, way)
            row = (f"{ours:.1f}", f"{textbook:.1f}", f"{ours / textbook:.2f}")
            table.add_row(str(count), str(needed), way, *row)
    Console().print(table)


if __name__ == "__main__":
    main()
