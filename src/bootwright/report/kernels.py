"""Two kernels side by side, as text: why one takes longer, below how much longer it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootwright.report.text import duration, size

_NAME_WIDTH = 46
_ROWS = 8
_SMALLEST_NS = 100_000
"""Parts that differ by less are summed up, and sums of less left out."""
_TABLES = (
    ("only_a", "initcalls that only A has"),
    ("only_b", "initcalls that only B has"),
    ("differ", "initcalls that differ"),
    ("waits", "waits that differ"),
    ("steps", "other parts that the log names"),
    ("unnamed", "stretches in which nothing says what was done"),
)


def text(told: Mapping[str, Any]) -> str:
    """Return the report.

    Args:
        told: ``reasons`` and ``facts`` of what ``kernel compare --json`` prints.
    """
    lines = [*_facts(told["facts"]), ""]
    found = told["reasons"]
    lines.append(
        f"{'why, ms; each moment counted once':<{_NAME_WIDTH}}{'A':>10}{'B':>10}{'B - A':>10}"
    )
    for key, title in _TABLES:
        lines += _table(title, found[key])
    share = found["named_share"]
    lines += [
        "",
        f"{share:.0%} of the difference has a name, by one watched boot of each; how large it is, "
        "the boots above say",
    ]
    return "\n".join(lines)


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    for side, fact in facts.items():
        files = ", ".join(f"{name} {size(count)}" for name, count in fact["file_bytes"].items())
        yield f"{side}: {fact['release']}, boots its {fact['boots']} ({files})"
        if fact["memory_bytes"] is not None:
            yield f"   keeps {size(fact['memory_bytes'])} of the guest's memory for itself"
        if fact["unpacking_ns"] is not None:
            yield (
                f"   as a bzImage its clock would start {duration(fact['unpacking_ns'])} later: "
                "loading and decompression"
            )


def _table(title: str, parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    moved = [part for part in parts if part["a_ns"] != part["b_ns"]]
    total = sum(part["b_ns"] - part["a_ns"] for part in moved)
    shown = [p for p in moved[:_ROWS] if abs(p["b_ns"] - p["a_ns"]) >= _SMALLEST_NS]
    if not shown and abs(total) < _SMALLEST_NS:
        return
    yield _row(title, None, None, total)
    for part in shown:
        name = part["name"] + (" (only without KVM)" if part["only_without_kvm"] else "")
        yield _row(f"  {name}", part["a_ns"], part["b_ns"], part["b_ns"] - part["a_ns"])
    a_ns, b_ns = (sum(part[key] for part in moved[len(shown) :]) for key in ("a_ns", "b_ns"))
    if abs(b_ns - a_ns) >= _SMALLEST_NS:
        yield _row("  smaller ones, in sum", a_ns, b_ns, b_ns - a_ns)


def _row(name: str, a_ns: int | None, b_ns: int | None, change_ns: int) -> str:
    cells = "".join(
        f"{'' if ns is None else f'{ns / 1e6:.1f}' if ns else '-':>10}" for ns in (a_ns, b_ns)
    )
    if len(name) > _NAME_WIDTH - 1:
        name = name[: _NAME_WIDTH - 2] + "…"
    return f"{name:<{_NAME_WIDTH}}{cells}{change_ns / 1e6:>+10.1f}"
