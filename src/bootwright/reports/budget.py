"""Budgets and what was measured, as a table for people, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from bootwright.experiments.results import BootCheck, CheckResult, LimitCheck
from bootwright.reports.measurement import host_line, ms, notes, what
from bootwright.reports.text import BOLD, styled

_NAME_WIDTH = 22
_ESCAPES = str.maketrans(
    {char: f"\\{char}" for char in "\\`*_[]|#"} | {char: f"&#{ord(char)};" for char in "<>@&"}
)


def text(result: CheckResult, *, color: bool = False) -> str:
    """Return the report of all boots of a budget file.

    Args:
        color: Whether what is over is bold.
    """
    lines: list[str] = []
    for boot in result.boots:
        lines += [*_text_of(boot, color), ""]
    return "\n".join([*lines, styled(summary(result), BOLD, color)])


def summary(result: CheckResult) -> str:
    """Return in one line how it went."""
    failed = [boot.name for boot in result.boots if not boot.passed]
    if not failed:
        count = len(result.boots)
        return f"within budget: {count} boot{'s' * (count != 1)}"
    return f"over budget or failed: {', '.join(failed)}"


def verdict(row: LimitCheck) -> str:
    """Return what became of one phase."""
    if row.median_ns is None:
        return "not measured"
    word = "over" if row.is_over else "within"
    return word if row.is_sure else f"{word}, but not certain"


def limit(row: LimitCheck) -> str:
    """Return where a limit comes from, and what of it is left or lacking."""
    if row.baseline_ns is None:
        return "budget"
    return f"baseline {ms(row.baseline_ns)}"


def difference_ns(row: LimitCheck) -> int | None:
    """Return the median less the limit; above zero it is over."""
    return None if row.median_ns is None else row.median_ns - row.limit_ns


def reasons(boot: BootCheck) -> Iterator[str]:
    """Yield what else there is to be known of a boot's figures."""
    yield from notes(boot)
    missing = boot.wanted - boot.boots - len(boot.failed)
    if missing > 0:
        yield f"{missing} more boots were skipped, as none had succeeded"
    for line in boot.changed:
        yield f"since the baseline: {line}"
    if not boot.rows:
        yield "nothing to check: no budget and no baseline; --update writes a baseline"


def _text_of(boot: BootCheck, color: bool) -> Iterator[str]:
    yield f"{boot.name}: {what(boot.title, boot.changes)}, n = {boot.boots}"
    if boot.rows:
        yield (
            f"  {'phase, ms':<{_NAME_WIDTH}}{'median':>10}{'limit':>10}{'over by':>11}"
            f"  {'limit from':<20}  verdict"
        )
    for row in boot.rows:
        median = "-" if row.median_ns is None else ms(row.median_ns)
        off_ns = difference_ns(row)
        off = "-" if off_ns is None else ms(off_ns, "+")
        line = (
            f"  {row.phase:<{_NAME_WIDTH}}{median:>10}{ms(row.limit_ns):>10}{off:>11}"
            f"  {limit(row):<20}  {verdict(row)}"
        )
        yield styled(line, BOLD, color and row.is_over)
    yield from (f"  {line}" for line in reasons(boot))
    yield f"  {host_line(boot)}"


def markdown(result: CheckResult) -> str:
    """Return the report as Markdown; see `text`."""
    lines = [f"### Boot time: {_escaped(summary(result))}", ""]
    for boot in result.boots:
        sign = "✅" if boot.passed else "❌"
        of = _escaped(what(boot.title, boot.changes))
        lines += [f"{sign} **{_escaped(boot.name)}** ({of}), n = {boot.boots}", ""]
        if boot.rows:
            lines += [
                "| phase | median, ms | limit, ms | over by, ms | limit from | verdict |",
                "|---|--:|--:|--:|---|---|",
                *(_markdown_row(row) for row in boot.rows),
                "",
            ]
        lines += [f"- {_escaped(line)}" for line in (*reasons(boot), host_line(boot))]
        lines.append("")
    return "\n".join(lines).rstrip()


def _markdown_row(row: LimitCheck) -> str:
    median = "-" if row.median_ns is None else ms(row.median_ns)
    off_ns = difference_ns(row)
    off = "-" if off_ns is None else ms(off_ns, "+")
    word = f"**{verdict(row)}**" if row.is_over else verdict(row)
    cells = (_escaped(row.phase), median, ms(row.limit_ns), off, limit(row), word)
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Return a text on one line, in which nothing is markup of GitHub's or GitLab's."""
    return " ".join(text.split()).translate(_ESCAPES)
