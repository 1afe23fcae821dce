"""A comparison as text: the verdict first, then a row for each phase, then how it was found."""

from __future__ import annotations

from collections.abc import Iterator

from bootwright.experiments.results import WHOLE, CompareResult, PhaseComparison
from bootwright.reports.measurement import host_line, ms, notes, what
from bootwright.reports.text import BOLD, duration, styled

_NAME_WIDTH = 22
WORDS = {"no-difference": "no difference", "cannot-tell": "cannot tell"}
_WIDTH, _WIDTH_WITHOUT_INTERVAL = 98, 67
"""Columns of the whole table, and of it without interval and p."""


def text(result: CompareResult, *, color: bool = False, columns: int | None = None) -> str:
    """Return a comparison's report.

    Args:
        color: Whether the verdict is bold.
        columns: How wide it may be; where that is narrow, the table leaves columns out.
    """
    lines = [styled(verdict(result), BOLD, color), *_sides(result)]
    if result.phases:
        lines += ["", *_table(result, color, columns or _WIDTH), ""]
    return "\n".join([*lines, *notes(result), *_how(result)])


def verdict(result: CompareResult) -> str:
    """Return the verdict as one sentence."""
    smallest = duration(result.smallest_ns)
    whole = result.whole
    if whole is None:
        return f"no verdict: {result.why_none}"
    low, high = whole.ci_ns
    interval = f"{whole.confidence * 100:.0f} % interval"
    between = f"B - A: {interval} {ms(low, '+')} to {ms(high, '+')} ms, {result.pairs} pairs"
    if whole.verdict == "no-difference":
        return f"no difference larger than {smallest} ({between})"
    if whole.verdict == "cannot-tell":
        more = result.may_tell
        how = "more boots may not help"
        if more:
            how = f"about {more} boots of each may tell (-n {more})"
        return f"cannot tell yet whether B differs by more than {smallest}; {how}"
    near, far = sorted((abs(low), abs(high)))
    share = abs(whole.effect_ns) / whole.a_median_ns if whole.a_median_ns else 0
    return (
        f"B is {whole.verdict} by {duration(abs(whole.effect_ns))} ({share:.0%}), "
        f"{interval} {duration(near)} to {duration(far)}, p {p_text(whole.p)}, "
        f"{result.pairs} pairs"
    )


def _sides(result: CompareResult) -> Iterator[str]:
    for name, side in result.sides.items():
        yield f"  {name}: {what(side.title, side.changes)}"


def _table(result: CompareResult, color: bool, columns: int) -> Iterator[str]:
    has_interval, has_a = columns >= _WIDTH, columns >= _WIDTH_WITHOUT_INTERVAL

    def cells(name: str, a: str, b: str, effect: str, interval: str, p: str, verdict: str) -> str:
        found = f"{name:<{_NAME_WIDTH}}" + (f"{a:>10}" if has_a else "") + f"{b:>10}{effect:>10}  "
        return found + (f"{interval:<22}{p:>7}  " if has_interval else "") + verdict

    yield cells("phase, ms", "A", "B", "B - A", "interval", "p", "verdict")
    for name, found in result.phases.items():
        low, high = found.ci_ns
        interval = f"{ms(low, '+')} to {ms(high, '+')}"
        row = cells(
            *(name, ms(found.a_median_ns), ms(found.b_median_ns), ms(found.effect_ns, "+")),
            *(interval, p_text(found.p), phase_verdict(found)),
        )
        yield styled(row, BOLD, color and name == WHOLE)
    for side_name, side in result.sides.items():
        phases = [phase for sample in side.samples[:1] for phase in sample.phases]
        alone = [phase for phase in phases if phase not in result.phases]
        if alone:
            yield f"only {side_name} has these phases: {', '.join(alone)}"


def phase_verdict(found: PhaseComparison) -> str:
    """Return a phase's verdict in words; where it cannot tell, how many pairs may."""
    word = WORDS.get(found.verdict, found.verdict)
    return f"{word}: {found.may_tell} pairs may" if found.may_tell else word


def p_text(p: float) -> str:
    """Return p as it is written."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _how(result: CompareResult) -> Iterator[str]:
    if result.verdict is None:
        yield host_line(result)
        return
    looks = " or ".join(map(str, result.looks))
    pairing = "of one seed" if result.clock == "virtual" else "interleaved A B B A"
    yield f"{result.pairs} pairs of boots, {pairing}; number fixed in advance: {looks}"
    yield "A and B: medians; B - A: paired; p: signed-rank test, adjusted over phases (Holm)"
    yield f"from when {result.begins} until {result.ends}"
    yield host_line(result)
