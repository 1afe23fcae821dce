"""What came of probes, as text."""

from __future__ import annotations

from bootwright.probes.probe import Outcome, ProbeResult
from bootwright.reports import outcomes


def _outcome(result: ProbeResult, text: str = "", fix: str = "") -> Outcome:
    return Outcome(
        name="pty",
        summary="ssh -tt gives a terminal",
        result=result,
        text=text,
        fix=fix,
        duration_ns=12_000_000,
    )


def test_outcomes_line_of_a_passed_probe() -> None:
    assert outcomes.line(_outcome("pass", "/dev/pts/0\nmore")) == (
        "pty            pass   12.0 ms  /dev/pts/0"
    )
    assert outcomes.line(_outcome("pass")).endswith("  ssh -tt gives a terminal")


def test_outcomes_line_of_a_probe_that_does_not_apply() -> None:
    assert outcomes.line(_outcome("does-not-apply", "no server")) == (
        "pty            -               does not apply: no server"
    )


def test_outcomes_line_of_a_failed_probe_shows_everything() -> None:
    text = outcomes.line(_outcome("fail", "x" * 200 + "\nsecond", "mount it"))
    margin = " " * 31
    assert text.splitlines() == [
        "pty            FAIL   12.0 ms  " + "x" * 200,
        margin + "second",
        margin + "fix: mount it",
    ]


def test_outcomes_verdict() -> None:
    every = [_outcome("pass"), _outcome("pass"), _outcome("fail"), _outcome("does-not-apply")]
    assert outcomes.verdict(every) == "2 passed, 1 failed, 1 does not apply"
    assert outcomes.verdict(every[:2]) == "2 passed"
