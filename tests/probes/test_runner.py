"""The text that tries probes, run by this host's own shell, and the reading of what it tells."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootwright.probes import runner
from bootwright.probes.probe import Outcome, Probe
from bootwright.probes.runner import Reader
from bootwright.probes.table import PROBES


def _probe(script: str, *, name: str = "own", limit_s: int = 20) -> Probe:
    return Probe(name=name, summary="sample", side="guest", script=script, limit_s=limit_s)


def _tried(probes: Sequence[Probe], **variables: str) -> list[Outcome]:
    found: list[Outcome] = []
    reader = Reader("web", probes, lambda probe: None, found.append)
    done = subprocess.run(
        ["sh"], input=runner.text(probes, variables), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    for line in done.stdout.splitlines():
        reader.take(line)
    assert reader.running is None
    return found


def _only(script: str, **variables: str) -> Outcome:
    [outcome] = _tried([_probe(script)], **variables)
    return outcome


def test_runner_returns_what_a_probe_printed() -> None:
    outcome = _only("echo 'as it is'; echo \"it's  two   lines\"")
    assert (outcome.result, outcome.text) == ("pass", "as it is\nit's  two   lines")
    assert outcome.duration_ns > 0


def test_runner_failure_has_a_reason_and_a_hint() -> None:
    outcome = _only("fix 'do this' then; echo so far; fail it is broken; echo never")
    assert (outcome.result, outcome.text, outcome.fix) == (
        "fail",
        "so far\nit is broken",
        "do this then",
    )


def test_runner_failure_without_output_gives_the_exit_status() -> None:
    assert _only("exit 9").text == "script exited with status 9"


def test_runner_script_error_is_a_failure() -> None:
    outcome = _only("echo $never_set")
    assert outcome.result == "fail"
    assert "never_set" in outcome.text


def test_runner_probe_that_does_not_apply_says_why() -> None:
    outcome = _only("does_not_apply no such thing here")
    assert (outcome.result, outcome.text) == ("does-not-apply", "no such thing here")


def test_runner_time_limit_ends_a_probe_and_its_processes() -> None:
    probe = _probe("echo begun; sleep 333 & sleep 334", limit_s=1)
    [outcome] = _tried([probe])
    assert (outcome.result, outcome.text) == ("fail", "timed out after 1 s: begun")
    listed = subprocess.run(["ps", "ax"], capture_output=True, text=True, check=True).stdout
    assert "sleep 333" not in listed


def test_runner_isolates_probes() -> None:
    first, second = _tried(
        [_probe("cd /; x=1; exec 3>&-; exit 0", name="a"), _probe("echo ${x-unset}", name="b")]
    )
    assert (first.result, second.text) == ("pass", "unset")


def test_runner_passes_variables_to_scripts() -> None:
    outcome = _only('echo "$init, $resolves"', init="it's", resolves="a  b")
    assert outcome.text == "it's, a  b"


def test_runner_judge_sees_the_output() -> None:
    probe = replace(
        _probe("echo 5"), judge=lambda said, machine, now_s: f"{said} is not for {machine}"
    )
    [outcome] = _tried([probe])
    assert (outcome.result, outcome.text) == ("fail", "5 is not for web")


def test_runner_client_folder_is_removed(tmp_path: Path) -> None:
    probe = replace(_probe('cd "$scratch"; pwd; touch x'), side="client")
    [outcome] = _tried([probe], ssh_config="some", scratches=str(tmp_path))
    assert outcome.text == str(tmp_path / "own")
    assert list(tmp_path.iterdir()) == []


def test_runner_without_an_ssh_client_skips_login() -> None:
    probe = replace(_probe("echo never"), side="client")
    [outcome] = _tried([probe])
    assert (outcome.result, outcome.text) == (
        "does-not-apply",
        "the image has no SSH client, and the machine no network",
    )


@pytest.mark.parametrize("end", [True, False])
def test_text_for_port_parses_in_any_shell(end: bool) -> None:
    text = runner.text_for_port(PROBES[:3], PROBES[-1], {"init": "tini"}, end=end)
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
    assert ("poweroff" in text.splitlines()[-1]) == end


def test_reader_gives_up_probes_that_never_began() -> None:
    found: list[Outcome] = []
    probes = [_probe("", name=name) for name in ("a", "b", "c")]
    reader = Reader("web", probes, lambda probe: None, found.append)
    for line in ("probe.begin a", "probe.end a 0", "probe.begin b"):
        reader.take(line)
    reader.give_up(probes, "ssh: lost")
    assert [(o.name, o.result, o.text) for o in found] == [
        ("a", "pass", ""),
        ("b", "fail", "no answer: ssh: lost"),
        ("c", "fail", "did not run: ssh: lost"),
    ]


@given(st.lists(st.text()))
def test_reader_ignores_other_output(lines: list[str]) -> None:
    found: list[Outcome] = []
    reader = Reader("web", [_probe("", name="own")], lambda probe: None, found.append)
    for line in lines:
        reader.take(line)
        reader.take(f"probe.end own {line}") if not line.strip().isdecimal() else None
        reader.take(f"probe.end other {line}")
    assert found == []
