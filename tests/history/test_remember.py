"""Storing a boot: which figures are listed of it, and that a boot outlives a broken history."""

from __future__ import annotations

import time

import msgspec
import pytest

from bootwright.history.history import History
from bootwright.history.remember import remember
from bootwright.home import Home
from bootwright.host import clock
from bootwright.recipes.recipe import Recipe
from bootwright.timelines import host
from bootwright.timelines.evidence import MarkSeen, Pass
from bootwright.timelines.outline import outline
from bootwright.timelines.span import ROOT
from tests.history.samples import STEP_NS, TINY, VIRTUAL, evidence
from tests.machines.samples import RECIPE
from tests.observed import Observed


def test_remember_stores_a_run_with_its_phases(home: Home) -> None:
    began_s = time.time() - 20
    told = evidence(began_ns=time.monotonic_ns() - 20_000_000_000)
    boot_id = remember(home, told, command="run", image="web", kernel="debian")
    assert boot_id == 1
    stored = History(home.history).load(1)
    row = stored.row
    assert (row.command, row.image, row.kernel, row.init) == ("run", "web", "debian", "systemd")
    assert (row.image_digest, row.kernel_digest) == (RECIPE.image, RECIPE.kernel)
    assert (row.start_up_ns, row.total_ns) == (6 * STEP_NS, 8 * STEP_NS)
    assert row.unaccounted_ns == outline(told).unaccounted_ns()[ROOT] == row.start_up_ns
    assert [s.name for s in row.stretches][-3:] == ["SSH log-in", "command", "clean-up"]
    assert abs(row.began_s - began_s) <= 2
    assert (row.accelerator, row.clock, row.seed) == ("tcg", "wall", None)
    assert (row.vmm_build, row.bootwright) == ("7.2.0", "0.1.0")
    assert stored.evidence == told
    assert stored.host.boot_id == clock.boot_id()


@pytest.mark.parametrize(("recipe", "steps"), [(TINY, 4), (VIRTUAL, None)])
def test_remember_a_tiny_guest_has_no_image(recipe: Recipe, steps: int | None, home: Home) -> None:
    assert remember(home, evidence(recipe), command="run", image=None, kernel="mine") == 1
    [row] = History(home.history).find()
    assert (row.image, row.image_digest) == ("", "")
    # The host's times say nothing of a guest on the virtual clock.
    assert row.start_up_ns == (None if steps is None else steps * STEP_NS)
    assert row.seed == recipe.random_seed


def test_remember_takes_figures_from_the_timeline(home: Home) -> None:
    told = evidence()
    made = outline(told)
    remember(home, told, command="timeline", image="web", kernel="debian", timeline=made)
    [row] = History(home.history).find()
    assert row.total_ns == row.start_up_ns == row.unaccounted_ns == made.total_ns
    assert [stretch.name for stretch in row.stretches][:2] == ["host preparation", "VMM start"]


def test_what_is_unaccounted_of_a_run_is_what_its_outline_says(home: Home) -> None:
    names = [*host.MARKS, "initramfs.start", "command.start", "command.end", "machine.gone"]
    marks = tuple(MarkSeen(name, 100 + 10 * number) for number, name in enumerate(names))
    told = msgspec.structs.replace(evidence(TINY), clean=Pass(marks=marks))
    remember(home, told, command="run", image=None, kernel="mine")
    [row] = History(home.history).find()
    assert row.unaccounted_ns == outline(told).unaccounted_ns()[ROOT] == 20


def test_remember_gives_equal_recipes_one_digest(home: Home) -> None:
    for recipe in (RECIPE, RECIPE, TINY):
        remember(home, evidence(recipe), command="run", image=None, kernel="mine")
    digests = [row.recipe_digest for row in History(home.history).find()]
    assert len(set(digests)) == 2
    assert digests[1] == digests[2]


def test_remember_returns_a_notice_when_the_history_is_not_writable(home: Home) -> None:
    home.state.mkdir(parents=True)
    home.history.write_text("no database" * 100)
    observed = Observed()
    told = evidence()
    assert remember(home, told, command="run", image=None, kernel="k", observe=observed) is None
    assert observed.notices == [
        f"note: cannot store this boot in the history: the history {home.history} is damaged: "
        "file is not a database "
        f"(to start a new one: mv {home.history} {home.history}.aside)"
    ]


def test_remember_returns_a_notice_when_the_folder_cannot_be_made(home: Home) -> None:
    home.state.parent.mkdir()
    home.state.touch()
    observed = Observed()
    remember(home, evidence(), command="run", image=None, kernel="k", observe=observed)
    [line] = observed.notices
    assert line.startswith("note: cannot store this boot in the history: cannot use the history ")
