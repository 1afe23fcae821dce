"""bootwright probe: what is said before anything boots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


def test_probe_list_prints_all_probes(bootwright: Cli) -> None:
    done = bootwright("probe", "--list", "--probe", "curl -fs localhost")
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["NAME", "LIMIT", "PASSES", "IF"]
    assert "curl-fs-localhost   30 s  curl -fs localhost" in lines
    listed = json.loads(bootwright("probe", "--list", "--only", "pty", "--json").out)
    assert listed == [{"name": "pty", "summary": "ssh -tt allocates a terminal", "limit_s": 20}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no image was given"),
        (["--tiny"], "a tiny guest cannot be probed: it runs one command and powers off"),
        (["web", "--only", "ptty"], "no probe is called 'ptty'"),
        (["web", "--probe", ""], "--probe has no command"),
        (["web", "--probes", "/nowhere"], "cannot read the probes /nowhere"),
        (["web"], "no image is called 'web'"),
        (["web", "--timeout", "0"], "--timeout is 0, but must be more than 0"),
    ],
)
def test_probe_refuses_wrong_usage(bootwright: Cli, arguments: list[str], said: str) -> None:
    done = bootwright("probe", *arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert "hint: " in done.err


def test_probe_refuses_the_recipe_of_a_tiny_guest(bootwright: Cli, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text('init = "none"\n')
    done = bootwright("probe", "--recipe", str(recipe))
    assert done.status == 2
    assert "the recipe has no image" in done.err
