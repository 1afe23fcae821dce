"""A comparison as text: the verdict first, then a row for each phase, then how it was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bootwright.report.measurement import host_line, ms, notes, what
from bootwright.report.text import BOLD, duration, styled

_NAME_WIDTH = 22
_WORDS = {"no-difference": "no difference", "cannot-tell": "cannot tell"}


def text(told: Mapping[str, Any], *, color: bool = False) -> str:
    """Return a comparison's report.

    Args:
        told: What ``bootwright compare --json`` prints.
        color: Whether the verdict is bold.
    """
    lines = [styled(verdict(told), BOLD, color), *_sides(told)]
    if told["verdict"] is not None:
        lines += ["", *_table(told, color), ""]
    return "\n".join([*lines, *notes(told), *_how(told)])


def verdict(told: Mapping[str, Any]) -> str:
    """Return the verdict as one sentence."""
    smallest = duration(told["smallest_ns"])
    if told["verdict"] is None:
        return f"no verdict: {told['why_none']}"
    low, high = told["ci_ns"]
    interval = f"{told['confidence'] * 100:.0f} % interval"
    between = f"B - A: {interval} {ms(low, '+')} to {ms(high, '+')} ms, {told['pairs']} pairs"
    if told["verdict"] == "no-difference":
        return f"no difference larger than {smallest} ({between})"
    if told["verdict"] == "cannot-tell":
        more = told["may_tell"]
        how = f"some {more} boots of each may (-n {more})" if more else "more boots may not either"
        return f"cannot tell yet whether B differs by more than {smallest}; {how}"
    near, far = sorted((abs(low), abs(high)))
    share = abs(told["effect_ns"]) / told["a_median_ns"] if told["a_median_ns"] else 0
    return (
        f"B is {told['verdict']} by {duration(abs(told['effect_ns']))} ({share:.0%}), "
        f"{interval} {duration(near)} to {duration(far)}, p {_p(told['p'])}, "
        f"{told['pairs']} pairs"
    )


def _sides(told: Mapping[str, Any]) -> Iterator[str]:
    for name, side in told["sides"].items():
        yield f"  {name}: {what(side['title'], side['changes'])}"


def _table(told: Mapping[str, Any], color: bool) -> Iterator[str]:
    yield (
        f"{'phase, ms':<{_NAME_WIDTH}}{'A':>10}{'B':>10}{'B - A':>10}  "
        f"{'interval':<22}{'p':>7}  verdict"
    )
    for name, found in (*told["phases"].items(), ("whole", told)):
        low, high = found["ci_ns"]
        interval = f"{ms(low, '+')} to {ms(high, '+')}"
        row = (
            f"{name:<{_NAME_WIDTH}}{ms(found['a_median_ns']):>10}{ms(found['b_median_ns']):>10}"
            f"{ms(found['effect_ns'], '+'):>10}  {interval:<22}{_p(found['p']):>7}  "
            f"{_WORDS.get(found['verdict'], found['verdict'])}"
        )
        yield styled(row, BOLD, color and name == "whole")
    for name, side in told["sides"].items():
        phases = [phase for sample in side["samples"][:1] for phase in sample]
        alone = [p for p in phases if p not in (*told["phases"], "boot", "seed", "whole")]
        if alone:
            yield f"only {name} has these phases: {', '.join(alone)}"


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _how(told: Mapping[str, Any]) -> Iterator[str]:
    if told["verdict"] is None:
        yield host_line(told)
        return
    looks = " or ".join(map(str, told["looks"]))
    pairing = "of one seed" if told["clock"] == "virtual" else "interleaved A B B A"
    yield f"{told['pairs']} pairs of boots, {pairing}; decided before the first: {looks}"
    yield "A and B are medians, B - A is by pairs; p by signs, for phases adjusted (Holm)"
    yield f"from where {told['begins']} until {told['ends']}"
    yield host_line(told)
