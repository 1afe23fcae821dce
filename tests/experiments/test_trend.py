"""Which of many measurements became slower, and what differs."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from bootwright.experiments import trend
from bootwright.experiments.results import TrendSeries
from bootwright.history.measurement import Measurement
from bootwright.recipes.recipe import Recipe
from tests.experiments import measured


def series(*lengths: float, recipes: dict[int, Recipe] | None = None, n: int = 8) -> TrendSeries:
    """Return a series whose i-th measurement has this length and recipe, and the id i."""
    found = [
        structs.replace(
            measured.measurement(
                [length + i / 100 for i in range(n)],
                recipe=(recipes or {}).get(index, measured.TINY),
            ),
            id=index,
        )
        for index, length in enumerate(lengths, 1)
    ]
    [only] = trend.of_image(found, "web")
    return only


def told(one: TrendSeries) -> list[tuple[int, str, int | None]]:
    return [(step.id, step.verdict, step.fixed_by) for step in one.steps]


def test_trend_regressions_find_the_first_slower_boot_and_what_differs() -> None:
    slow = replace(measured.TINY, cmdline=(), memory_mib=1024)
    found = series(1000, 1000, 1100, 1100, recipes={3: slow, 4: slow})
    [step] = found.steps
    assert (step.id, step.against, found.regressions) == (3, 1, (3,))
    assert step.effect_ns == 100 * measured.MS
    assert step.phases == {"kernel": 100 * measured.MS}
    assert step.differences == ("cmdline: -quiet", "memory_mib: 512 → 1024")


def test_trend_steps_that_are_small_add_up() -> None:
    assert told(series(1000, 1004, 1008, 1012, 1016)) == [(4, "slower", None)]


def test_trend_regressions_omit_what_was_fixed() -> None:
    found = series(1000, 1100, 1000, 1200)
    assert told(found) == [(2, "slower", 3), (3, "faster", None), (4, "slower", None)]
    assert found.regressions == (4,)


def test_trend_steps_of_a_half_fixed_regression() -> None:
    assert told(series(1000, 1200, 1100)) == [(2, "slower", None), (3, "faster", None)]


def test_trend_steps_of_too_few_boots() -> None:
    assert told(series(1000, 1100, n=2)) == []


def test_trend_of_image_groups_comparable_measurements() -> None:
    wall = replace(measured.TINY, clock="wall", random_seed=None)

    def on(cpu: str, **fields: object) -> Measurement:
        one = measured.measurement([100] * 6, recipe=wall)
        return structs.replace(one, host=structs.replace(one.host, cpu=cpu), **fields)

    pair = measured.measurement([100] * 6, [90] * 6)
    found = trend.of_image([on("X"), on("Y"), on("X"), pair, measured.measurement([None])], None)
    assert [(s.clock, s.host, s.changes, len(s.points)) for s in found] == [
        ("wall", "2 x X, tcg", (), 2),
        ("wall", "2 x Y, tcg", (), 1),
        ("virtual", "", (), 1),
        ("virtual", "", ("cmdline+=notests",), 1),
    ]


def test_trend_of_image_takes_a_title_or_digest_prefix() -> None:
    one = measured.measurement([100] * 6)
    side = one.sides["A"]
    digest = "sha256-" + "ab" * 32
    with_image = structs.replace(
        one, sides={"A": structs.replace(side, recipe={**side.recipe, "image": digest})}
    )
    for word, count in (("web", 1), (digest, 1), ("ab" * 6, 1), ("abab", 0), ("db", 0), ("", 0)):
        assert len(trend.of_image([with_image], word)) == count, word
    assert len(trend.of_image([one], "")) == 1, "the tiny guest has no image"
