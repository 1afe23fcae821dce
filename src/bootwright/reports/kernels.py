"""Two kernels side by side, as text: why one takes longer, below how much longer it takes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from bootwright.experiments.results import KernelCompareResult
from bootwright.reports import comparison
from bootwright.reports.text import duration, size
from bootwright.timelines.kernels import Part, Reasons

_WIDTH, _NARROWEST = 76, 60
_FIGURES_WIDTH = 30
_ROWS = 8
_SMALLEST_NS = 100_000
"""Parts that differ by less are summed up, and sums of less left out."""


def text(result: KernelCompareResult, *, color: bool = False, columns: int | None = None) -> str:
    """Return the whole report: how much longer one takes, then why.

    Args:
        color: Whether verdicts are bold.
        columns: How wide it may be.
    """
    width = max(_NARROWEST, min(columns or _WIDTH, _WIDTH))
    parts = [comparison.text(result.tiny, color=color, columns=columns)]
    if result.image is not None:
        parts.append(comparison.text(result.image, color=color, columns=columns))
    if result.reasons is not None:
        parts.append("\n".join((*_facts(result), "", *_reasons(result.reasons, width))))
    return "\n\n".join(parts)


def _facts(result: KernelCompareResult) -> Iterator[str]:
    for side, fact in (result.facts or {}).items():
        files = ", ".join(f"{name} {size(count)}" for name, count in fact.file_bytes.items())
        yield f"{side}: {fact.release}, boots its {fact.boots} ({files})"
        if fact.memory_bytes is not None:
            yield f"   reserves {size(fact.memory_bytes)} of the guest's memory"
        if fact.unpacking_ns is not None:
            yield (
                f"   as a bzImage its clock would start {duration(fact.unpacking_ns)} later: "
                "loading and decompression"
            )


def _reasons(found: Reasons, width: int) -> Iterator[str]:
    title = "why, ms; each moment counted once"[: width - _FIGURES_WIDTH]
    yield f"{title:<{width - _FIGURES_WIDTH}}{'A':>10}{'B':>10}{'B - A':>10}"
    for title, parts in (
        ("initcalls that only A has", found.only_a),
        ("initcalls that only B has", found.only_b),
        ("initcalls that differ", found.differ),
        ("waits that differ", found.waits),
        ("other parts that the log names", found.steps),
        ("time that the log does not explain", found.unnamed),
    ):
        yield from _table(title, parts, width)
    yield ""
    yield from textwrap.wrap(
        f"{found.explained_share:.0%} of the difference is explained, from one instrumented boot "
        "of each; its size is measured by the boots above",
        width,
    )


def _table(title: str, parts: Sequence[Part], width: int) -> Iterator[str]:
    moved = [part for part in parts if part.a_ns != part.b_ns]
    total = sum(part.change_ns for part in moved)
    shown = [p for p in moved[:_ROWS] if abs(p.change_ns) >= _SMALLEST_NS]
    if not shown and abs(total) < _SMALLEST_NS:
        return
    yield _row(title, width, None, None, total)
    for part in shown:
        name = part.name + (" (only without KVM)" if part.only_without_kvm else "")
        yield _row(f"  {name}", width, part.a_ns, part.b_ns, part.change_ns)
    rest = moved[len(shown) :]
    a_ns, b_ns = (sum(part.a_ns for part in rest), sum(part.b_ns for part in rest))
    if abs(b_ns - a_ns) >= _SMALLEST_NS:
        yield _row("  smaller ones, in total", width, a_ns, b_ns, b_ns - a_ns)


def _row(name: str, width: int, a_ns: int | None, b_ns: int | None, change_ns: int) -> str:
    cells = "".join(
        f"{'' if ns is None else f'{ns / 1e6:.1f}' if ns else '-':>10}" for ns in (a_ns, b_ns)
    )
    room = width - _FIGURES_WIDTH
    if len(name) > room - 1:
        name = name[: room - 2] + "…"
    return f"{name:<{room}}{cells}{change_ns / 1e6:>+10.1f}"
