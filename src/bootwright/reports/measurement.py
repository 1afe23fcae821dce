"""A measurement as text: a row for each phase, and all that one must know to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bootwright.experiments.results import WHOLE, Experiment, MeasureResult
from bootwright.reports.text import BOLD, styled

_NAME_WIDTH = 22
_WIDTH = 90
"""Columns of the whole table."""


def text(result: MeasureResult, *, color: bool = False, columns: int | None = None) -> str:
    """Return a measurement's report.

    Args:
        color: Whether the whole is bold.
        columns: How wide it may be; where that is narrow, spread and extremes are left out.
    """
    is_narrow = columns is not None and columns < _WIDTH
    return "\n".join([*_table(result, color, is_narrow), *notes(result), *_how(result)])


def _table(result: MeasureResult, color: bool, is_narrow: bool) -> Iterator[str]:
    extremes = "" if is_narrow else f"{'spread':>8}{'min':>10}{'max':>10}"
    head = f"{'phase, ms':<{_NAME_WIDTH}}{'median':>10}{extremes}"
    confidences = {phase.confidence for phase in result.phases.values()}
    if not confidences:
        yield "no boot succeeded"
        return
    of_what = "" if is_narrow else " of the median"
    yield f"{head}  {min(confidences) * 100:.0f} % interval{of_what}"
    for name, phase in result.phases.items():
        low, high = phase.ci_ns
        extremes = f"{ms(phase.spread_ns):>8}{ms(phase.min_ns):>10}{ms(phase.max_ns):>10}"
        row = (
            f"{name:<{_NAME_WIDTH}}{ms(phase.median_ns):>10}{'' if is_narrow else extremes}"
            f"  {ms(low)} to {ms(high)}"
        )
        yield styled(row, BOLD, color and name == WHOLE)
    for name, phase in result.phases.items():
        if phase.outliers:
            numbers = ", ".join(map(str, phase.outliers))
            many = len(phase.outliers) > 1
            yield f"outliers in {name}, kept: boot{'s' * many} {numbers}"


def notes(result: Experiment) -> Iterator[str]:
    """Yield a line for each failed boot, up to three, and for each warning."""
    for failure in result.failed[:3]:
        yield f"failed: boot {failure.boot} of {failure.side}: {failure.reason}"
    if len(result.failed) > 3:
        yield f"failed: {len(result.failed) - 3} more"
    for warning in result.warnings:
        yield f"warning: {warning}"


def host_line(result: Experiment) -> str:
    """Return the host and the clock in one line."""
    host = result.host
    if result.clock == "virtual":
        return "virtual clock: 1 ns per instruction on any host; one seed per boot"
    virtual = ", itself a VM" if host.is_virtual else ""
    load = "" if host.load is None else f", load {host.load:.1f}"
    return f"wall clock on {host.cpus} x {host.cpu or 'unknown CPU'}{virtual}{load}"


def ms(time_ns: int, sign: str = "") -> str:
    """Return milliseconds with as many decimals as six digits leave room for."""
    value = time_ns / 1e6
    decimals = 3 if abs(value) < 100 else 2 if abs(value) < 10_000 else 1
    return f"{value:{sign}.{decimals}f}"


def what(title: str, changes: Sequence[str]) -> str:
    """Return what a side boots."""
    return " with ".join(filter(None, [title or "the tiny guest", " ".join(changes)]))


def _how(result: MeasureResult) -> Iterator[str]:
    seeds = [sample.seed for sample in result.samples if sample.seed is not None]
    of_seeds = (
        f", seeds {min(seeds)} to {max(seeds)}" if result.clock == "virtual" and seeds else ""
    )
    yield f"{what(result.title, result.changes)}: n = {result.boots}{of_seeds}"
    yield f"from when {result.begins} until {result.ends}"
    yield host_line(result)
