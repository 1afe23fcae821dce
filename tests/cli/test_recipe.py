"""``bootwright recipe show``: a recipe that is taken back, and why it is as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.defaults.speed import FAST
from bootwright.kernels.kernel import Kernel
from tests.cli.conftest import Done

TINY = ("recipe", "show", "--tiny", "--accelerator", "tcg")


def test_recipe_show_why_prints_comments_that_read_back(
    bootwright: Callable[..., Done], debian: Kernel, tmp_path: Path
) -> None:
    plain = bootwright(*TINY)
    told = bootwright(*TINY, "--why", "--without", "quiet")
    assert (told.status, told.err) == (0, "")
    assert "# quiet (off here)" in told.out
    assert "# cryptomgr.notests (on)" in told.out
    assert all(len(line) <= 100 for line in told.out.splitlines() if line.startswith("#"))
    file = tmp_path / "tiny.toml"
    file.write_text(told.out)
    again = bootwright("recipe", "show", "--recipe", str(file))
    assert again.out == plain.out.replace('    "quiet",\n', "")


def test_recipe_show_why_json(bootwright: Callable[..., Done], debian: Kernel) -> None:
    told = json.loads(bootwright(*TINY, "--why", "--json").out)
    assert told["recipe"] == json.loads(bootwright(*TINY, "--json").out)
    assert [row["name"] for row in told["defaults"]] == [default.name for default in FAST]
    assert set(told["defaults"][0]) == {
        *("name", "is_on", "reason", "measured", "side_effect", "stock", "needs"),
    }


def test_recipe_show_stock_turns_all_defaults_off(
    bootwright: Callable[..., Done], debian: Kernel
) -> None:
    told = json.loads(bootwright(*TINY, "--stock", "--why", "--json").out)
    # This kernel has no bzImage that it could boot instead.
    assert [row["name"] for row in told["defaults"] if row["is_on"]] == ["vmlinux"]


@pytest.mark.parametrize("word", ["vm", "cpu"])
def test_recipe_without_option_completes_default_names(
    word: str, bootwright: Callable[..., Done]
) -> None:
    from bootwright.cli.names import fast_defaults

    assert fast_defaults(None, None, word) == [d.name for d in FAST if d.name.startswith(word)]  # type: ignore[arg-type]
