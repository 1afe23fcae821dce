"""Two kernels compared, as a page: which is faster and by how much, why, and both boots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootwright.experiments.results import KernelCompareResult
from bootwright.reports import charts, comparison_page, diff_page
from bootwright.reports.charts import plain
from bootwright.reports.document import document
from bootwright.reports.kernels import text as kernels_text
from bootwright.reports.text import size
from bootwright.timelines.diff import diff
from bootwright.timelines.kernels import Reasons
from bootwright.timelines.span import Timeline

_BARS = 12


def page(
    result: KernelCompareResult,
    timelines: tuple[Timeline, Timeline] | None,
    *,
    names: tuple[str, str],
    kernels: Mapping[str, str],
) -> str:
    """Return the page.

    Args:
        timelines: Of the watched boot of each; None: nobody looked.
        names: What the kernels are called.
        kernels: Releases of kernels, by their digest.
    """
    tiny = result.tiny
    pictures = [comparison_page.figures(tiny, of="The tiny guest" if result.image else "")]
    if result.reasons is not None:
        pictures.append(_why(result.reasons))
    if result.image is not None:
        pictures.append(comparison_page.figures(result.image, of="The image"))
    lead = "\n".join(pictures)
    report = kernels_text(result)
    headline = comparison_page.headline(tiny)
    facts = {**comparison_page.facts(tiny, kernels), **dict(_sizes(result))}
    if timelines is None:
        heading = " → ".join(map(plain, names))
        return document(
            f"<main>\n{lead}\n{diff_page.report_card(report)}\n</main>",
            heading=heading,
            headline=headline,
            facts=facts,
            warnings=tiny.warnings,
            title=f"{heading}: two kernels",
        )
    return diff_page.page(
        diff(*timelines),
        *timelines,
        names=names,
        report=report,
        facts=facts,
        headline=headline,
        lead=lead,
        warnings=tiny.warnings,
    )


def _sizes(result: KernelCompareResult) -> Iterator[tuple[str, str]]:
    for side, fact in (result.facts or {}).items():
        files = ", ".join(f"{name} {size(count)}" for name, count in fact.file_bytes.items())
        yield f"files of {side}", files


def _why(found: Reasons) -> str:
    """Return the picture of what makes the difference, the largest first."""
    groups = (
        ("only A has it", found.only_a),
        ("only B has it", found.only_b),
        ("initcall", found.differ),
        ("wait", found.waits),
        ("named step", found.steps),
        ("not explained", found.unnamed),
    )
    parts = [(p.name, p.change_ns, said) for said, group in groups for p in group if p.change_ns]
    parts.sort(key=lambda part: -abs(part[1]))
    shown = parts[:_BARS]
    if rest := found.gap_ns - sum(change_ns for _, change_ns, _ in shown):
        shown.append(("all others", rest, "in total"))
    rows = diff_page.change_bars(shown)
    note = (
        "Bars: what the kernels' own time differs by, each moment counted once, from one "
        "instrumented boot of each."
    )
    return charts.figure("Why", "\n".join(rows), note)
