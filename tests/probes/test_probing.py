"""Probing an image, as a value; what is probed in a guest is in tests/boots."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from bootwright.errors import InputError
from bootwright.home import Home
from bootwright.probes import probing, session
from bootwright.probes.probe import Outcome, ProbeTried, does_not_apply, failed, passed
from bootwright.probes.probing import Probed, probe
from bootwright.probes.table import PROBES
from bootwright.recipes.draft import Draft
from tests.machines.samples import RECIPE, SPEC
from tests.observed import Observed


async def test_probe_needs_an_image(home: Home) -> None:
    with pytest.raises(InputError, match="the recipe has no image"):
        await probe(home, Draft())


@pytest.mark.parametrize("fails", [False, True])
async def test_probe_returns_one_value_that_is_its_json(
    home: Home, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    login, pty, *_ = PROBES
    outcomes = (
        passed(login, "hello", duration_ns=5),
        failed(pty, "none", fix="mount it") if fails else does_not_apply(pty, "no server"),
    )

    async def prepare(*arguments: object) -> object:
        return SPEC

    async def take(*arguments: object, **options: object) -> tuple[Outcome, ...]:
        assert arguments == (home, SPEC, (login, pty))
        assert options["timeout_s"] == 300
        return outcomes

    monkeypatch.setattr(probing, "prepare", prepare)
    monkeypatch.setattr(session, "run_probes", take)
    found = await probe(home, Draft(image="web"), (login, pty))
    assert found == Probed(
        name="web",
        image=RECIPE.image,
        init="systemd",
        accelerator="tcg",
        passed=not fails,
        probes=outcomes,
    )
    told = json.loads(msgspec.json.encode(found))
    assert list(told) == ["name", "image", "init", "accelerator", "passed", "probes"]
    assert told["probes"][0] == {
        "name": "login",
        "summary": login.summary,
        "result": "pass",
        "text": "hello",
        "fix": "",
        "duration_ns": 5,
    }


async def test_take_reports_each_outcome(home: Home) -> None:
    """Nothing is booted where no probe applies."""
    observed = Observed()
    [second_boot] = [probe for probe in PROBES if probe.name == "second-boot"]
    bare = replace(SPEC, recipe=replace(RECIPE, init="bare", network="none"))
    [outcome] = await session.run_probes(home, bare, [second_boot], timeout_s=1, observe=observed)
    assert outcome.result == "does-not-apply"
    assert observed.events == [ProbeTried(outcome=outcome)]
