"""Probes that the user adds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bootwright.errors import InputError
from bootwright.probes import runner, user_probes
from bootwright.probes.probe import Outcome
from bootwright.probes.runner import Reader
from bootwright.probes.table import PROBES


def _tried(command: str) -> Outcome:
    probe = user_probes.probe_of_command(command)
    found: list[Outcome] = []
    reader = Reader("web", [probe], lambda probe: None, found.append)
    text = runner.text([probe], {"init": "tini"})
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        reader.take(line)
    return found[0]


def test_of_command_passes_by_its_exit_status() -> None:
    assert _tried("echo hello; test 1 = 1").result == "pass"
    outcome = _tried("echo 'it says \"so\"'; exit 77")
    # 77 means something in our scripts, and nothing in the user's.
    assert (outcome.result, outcome.text) == ("fail", 'it says "so"\nexit status 77')


def test_of_command_is_named_after_itself() -> None:
    assert user_probes.probe_of_command("curl -fs localhost:8080").name == "curl-fs-localhost-8080"
    assert user_probes.probe_of_command("!").name == "command"


def test_of_command_refuses_no_command() -> None:
    with pytest.raises(InputError, match="--probe has no command"):
        user_probes.probe_of_command("  ")


def test_own_read_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "checks.toml"
    path.write_text(
        user_probes.EXAMPLE + '\n[db]\ncommand = "pg_isready"\nsummary = "it answers"\n'
    )
    web, db = user_probes.read_probes(path)
    assert (web.name, web.summary, web.limit_s) == ("web", "curl -fs localhost:8080", 10)
    assert (db.name, db.summary, db.limit_s) == ("db", "it answers", 30)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no probe"),
        ("[", "is not valid TOML"),
        ("[web]\n", r"\[web\]: it lacks required field `command`"),
        ('[web]\ncomand = "x"\n', r"\[web\]: it contains unknown field `comand`"),
        ("[web]\ncommand = 5\n", r"\[web\]: Expected `str`, got `int` - at `command`"),
        (
            '[web]\ncommand = "x"\nlimit_s = 0\n',
            "invalid limit_s of probe 'web': 0: it must be 1 to",
        ),
        ('["a b"]\ncommand = "x"\n', "invalid probe name 'a b'"),
        ("web = 5\n", r"\[web\]: Expected `object`, got `int`"),
    ],
)
def test_own_read_refuses_an_invalid_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "checks.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        user_probes.read_probes(path)


def test_own_read_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the probes .*: No such file"):
        user_probes.read_probes(tmp_path / "checks.toml")


def test_chosen_puts_users_probes_before_the_shutdown() -> None:
    probe = user_probes.probe_of_command("true")
    chosen = user_probes.select_probes((probe,), ())
    assert [p.name for p in chosen[-3:]] == ["true", "shutdown", "second-boot"]
    assert len(chosen) == len(PROBES) + 1


def test_chosen_keeps_the_order_of_probes() -> None:
    assert [p.name for p in user_probes.select_probes((), ("sftp", "pty"))] == ["pty", "sftp"]


def test_chosen_refuses_an_unknown_name() -> None:
    with pytest.raises(InputError, match="no probe is called 'ptty'") as caught:
        user_probes.select_probes((), ("ptty",))
    assert caught.value.hint == "did you mean 'pty'?"
    with pytest.raises(InputError) as caught:
        user_probes.select_probes((), ("zzz",))
    assert caught.value.hint == "bootwright probe --list shows all of them"


def test_chosen_refuses_two_probes_of_one_name() -> None:
    with pytest.raises(InputError, match="two probes are named 'true'"):
        user_probes.select_probes(
            (user_probes.probe_of_command("true"), user_probes.probe_of_command("true")), ()
        )
