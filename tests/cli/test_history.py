"""bootwright history: what it lists, shows and removes."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootwright.cli import times
from bootwright.history.history import History
from bootwright.home import Home
from bootwright.recipes import recipe_file
from bootwright.reports import text
from tests.history.samples import boot, filled
from tests.machines.samples import RECIPE

Cli = Callable[..., Any]
NOW_S = int(time.time())
DAY_S = 86400


@pytest.fixture
def three(home: Home) -> History:
    """A boot of web three days ago, a virtual tiny one yesterday, and one of db just now."""
    return filled(
        home,
        boot(began_s=NOW_S - 3 * DAY_S),
        boot(
            began_s=NOW_S - DAY_S,
            image="",
            image_digest="",
            init="none",
            clock="virtual",
            seed=7,
            total_ns=None,
            start_up_ns=None,
        ),
        boot(began_s=NOW_S, image="db", kernel=RECIPE.kernel, unaccounted_ns=1_500_000),
    )


def ids(done: Any) -> list[int]:
    assert done.status == 0, done.err
    return [row["id"] for row in json.loads(done.out)["boots"]]


def test_history_empty_says_what_fills_it(bootwright: Cli, home: Home) -> None:
    done = bootwright("history")
    assert (done.status, done.out) == (0, "")
    assert done.err == ("the history is empty; bootwright run and timeline add boots to it\n")
    assert json.loads(bootwright("history", "--json").out) == {"version": 1, "boots": []}
    assert not home.state.exists()


def test_history_lists_the_newest_boot_last(bootwright: Cli, three: History) -> None:
    done = bootwright("history")
    when = [text.age(NOW_S - days * DAY_S, time.time()) for days in (3, 1, 0)]
    assert (done.status, done.err) == (0, "")
    header, *rows = done.out.splitlines()
    assert header.split() == [
        *("ID", "WHEN", "IMAGE", "KERNEL", "INIT", "ON", "START-UP", "WHOLE", "UNACCOUNTED")
    ]
    columns = [[cell.strip() for cell in row.split("  ") if cell] for row in rows]
    assert columns == [
        ["1", when[0], "web", "debian", "systemd", "tcg", "8.000 s", "9.000 s", "-"],
        ["2", when[1], "(tiny)", "debian", "none", "virtual, seed 7", "-", "-", "-"],
        ["3", when[2], "db", "1" * 12, "systemd", "tcg", "8.000 s", "9.000 s", "1.5 ms"],
    ]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [1, 2, 3]),
        (("--image", "web"), [1]),
        (("--image", "2" * 12), [1, 3]),
        (("--kernel", "debian"), [1, 2]),
        (("--init", "none"), [2]),
        (("--clock", "wall"), [1, 3]),
        (("--since", "2d"), [2, 3]),
        (("--since", "1970-01-02"), [1, 2, 3]),
        (("--limit", "2"), [2, 3]),
        (("--image", "web", "--clock", "virtual"), []),
    ],
)
def test_history_filters_by_each_option(
    options: tuple[str, ...], found: list[int], bootwright: Cli, three: History
) -> None:
    assert ids(bootwright("history", *options, "--json")) == found


def test_history_lists_a_limited_number_by_default(bootwright: Cli, home: Home) -> None:
    filled(home, *(boot() for _ in range(22)))
    done = bootwright("history")
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == [str(n) for n in range(3, 23)]
    assert done.err == "older boots are not shown: use --all or --limit N\n"
    assert len(bootwright("history", "--all").out.splitlines()) == 23
    assert bootwright("history", "--limit", "22").err == ""
    assert len(ids(bootwright("history", "--json"))) == 22


def test_history_without_a_match_says_what_there_is(bootwright: Cli, three: History) -> None:
    done = bootwright("history", "--image", "wep")
    assert (done.status, done.out) == (0, "")
    assert done.err == (
        f"no match among 3 boots in the history (images: db, web; kernels: {'1' * 12}, debian)\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--since", "yesterday"), "--since 'yesterday' is neither a duration nor a date"),
        (("--all", "--limit", "3"), "--all and --limit contradict each other"),
        (
            ("--image", "web", "rm", "1"),
            "options before 'rm' are those of the list, which is not printed then",
        ),
        (("show", "1", "--recipe", "--json"), "--recipe prints TOML, --json JSON"),
        (("show", "9"), "the history has no boot 9"),
        (("rm", "1", "9"), "the history has no boot 9; nothing was done"),
        (("prune",), "no boots selected"),
        (("prune", "--keep", "1", "--older-than", "1d"), "--keep and --older-than were both given"),
        (("prune", "--older-than", "3"), "--older-than '3' is not a duration"),
        (("prune", "--keep", "1"), "confirmation needed: use --yes without a terminal"),
    ],
)
def test_history_refuses_wrong_usage_with_a_hint(
    words: tuple[str, ...], message: str, bootwright: Cli, three: History
) -> None:
    done = bootwright("history", *words)
    assert (done.status, done.out) == (2, "")
    assert f"bootwright: error: {message}\n  hint: " in done.err
    assert three.count() == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("3",), "to show that boot: bootwright history show 3"),
        (("show", "web"), "ID is 'web', but must be a whole number"),
        (("show", "0"), "ID is 0, which is out of range\n  hint: use a whole number, 1 or more"),
        (("rm", "9" * 30), "ID... is 999999999999999999999999999999, which is out of range"),
        (("--init", "upstart"), "--init is 'upstart', but must be one of systemd, "),
        (
            ("--limit", "0"),
            "--limit is 0, which is out of range\n  hint: use a whole number, 1 or more",
        ),
    ],
)
def test_history_refuses_unknown_words(
    words: tuple[str, ...], message: str, bootwright: Cli, three: History
) -> None:
    done = bootwright("history", *words)
    assert done.status == 2
    assert message in done.err


def test_history_show_prints_recipe_host_and_phases(bootwright: Cli, three: History) -> None:
    done = bootwright("history", "show", "3")
    assert (done.status, done.err) == (0, "")
    for line in (
        f"boot 3: run db, {times.shown(NOW_S)}",
        "  start-up 8.000 s, whole 9.000 s, unaccounted 1.5 ms",
        "  show it again: bootwright timeline --boot 3",
        "  initramfs               0.0        0.0",
        "  CPU          A CPU, 2 usable",
        "  accelerator  tcg",
        "  VMM          qemu 7.2.0",
        "  mitigations  meltdown: Not affected",
        '  init = "systemd"',
    ):
        assert line in done.out.splitlines(), line
    shown = json.loads(bootwright("history", "show", "3", "--json").out)
    assert shown["version"] == 1
    assert (shown["boot"]["id"], shown["boot"]["image"]) == (3, "db")
    assert shown["host"]["cpu"] == "A CPU"
    assert shown["recipe"]["memory_mib"] == 512
    assert "without the guest's own measurements" in bootwright("history", "show", "2").out


def test_history_show_recipe_can_be_run_again(
    bootwright: Cli, three: History, tmp_path: Path
) -> None:
    done = bootwright("history", "show", "1", "--recipe")
    assert tomllib.loads(done.out)["kernel"] == RECIPE.kernel
    file = tmp_path / "web.toml"
    file.write_text(done.out)
    assert recipe_file.read(file).memory_mib == RECIPE.memory_mib


def test_history_rm_removes_boots(bootwright: Cli, three: History) -> None:
    done = bootwright("history", "rm", "1", "3", "1")
    assert (done.status, done.out) == (0, "")
    assert done.err == "boot 1: removed\nboot 3: removed\n"
    assert ids(bootwright("history", "--json")) == [2]


@pytest.mark.parametrize(
    ("options", "going"),
    [
        (("--keep", "1"), [1, 2]),
        (("--keep", "0"), [1, 2, 3]),
        (("--keep", "3"), []),
        (("--older-than", "2d"), [1]),
        (("--older-than", "52w"), []),
    ],
)
def test_history_prune_lists_and_removes_boots(
    options: tuple[str, ...], going: list[int], bootwright: Cli, three: History
) -> None:
    left = sorted({1, 2, 3} - set(going))
    dry = bootwright("history", "prune", *options, "--dry-run")
    assert [line.split()[0] for line in dry.out.splitlines()[1:]] == [str(n) for n in going]
    looked = json.loads(bootwright("history", "prune", *options, "--dry-run", "--json").out)
    assert looked == {"boots": going, "removed": [], "freed_bytes": 0}
    assert three.count() == 3
    done = bootwright("history", "prune", *options, "--yes")
    assert (done.status, done.out) == (0, "")
    last = done.err.splitlines()[-1]
    count = "1 boot" if len(going) == 1 else f"{len(going)} boots"
    assert last.startswith(f"removed {count}, freed " if going else "nothing to remove")
    assert ids(bootwright("history", "--json")) == left


def test_history_prune_lists_ten_and_counts_the_rest(bootwright: Cli, home: Home) -> None:
    filled(home, *(boot(began_s=NOW_S) for _ in range(13)))
    done = bootwright("history", "prune", "--keep", "1", "--dry-run")
    lines = done.out.splitlines()
    assert (len(lines), lines[-1]) == (12, f"and 2 more, until {times.shown(NOW_S)}")
    done = bootwright("history", "prune", "--keep", "1", "--yes", "--json")
    assert json.loads(done.out)["removed"] == list(range(1, 13))
    assert done.err == ""


def test_history_damaged_is_one_error_with_a_hint(bootwright: Cli, home: Home) -> None:
    home.state.mkdir(parents=True)
    home.history.write_text("no database" * 100)
    for words in ((), ("show", "1"), ("rm", "1"), ("prune", "--keep", "1", "--yes")):
        done = bootwright("history", *words)
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith(f"bootwright: error: the history {home.history} is damaged: ")
        assert f"\n  hint: to start a new one: mv {home.history} " in done.err


def test_history_ids_are_completed(
    bootwright: Cli,
    three: History,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def complete(words: str) -> list[str]:
        monkeypatch.setenv("_BOOTWRIGHT_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        with pytest.raises(SystemExit):
            bootwright()
        return [line.partition(",")[2] for line in capsys.readouterr().out.split()]

    assert complete("bootwright history show ") == ["3", "2", "1"]
    assert complete("bootwright history rm 2") == ["2"]
    three.path.write_text("no database" * 100)
    assert complete("bootwright history show ") == []
