"""Two kernels side by side, as text."""

from __future__ import annotations

from bootwright.experiments import compare
from bootwright.experiments.results import KernelCompareResult, KernelFacts
from bootwright.reports import comparison
from bootwright.reports.kernels import text
from bootwright.timelines.kernels import Part, Reasons
from tests.experiments import measured
from tests.experiments.measured import MS


def _part(name: str, a_ms: float, b_ms: float) -> Part:
    return Part(
        name=name,
        a_ns=round(a_ms * MS),
        b_ns=round(b_ms * MS),
        only_without_kvm=name == "timer check",
    )


FACTS_A = KernelFacts(
    release="6.1.0",
    boots="vmlinux",
    file_bytes={"vmlinux": 53 << 20, "bzImage": 8 << 20},
    memory_bytes=40 << 20,
    unpacking_ns=300 * MS,
)
FACTS_B = KernelFacts(
    release="6.1-micro",
    boots="vmlinux",
    file_bytes={"vmlinux": 20 << 20},
    memory_bytes=None,
    unpacking_ns=None,
)
REASONS = Reasons(
    gap_ns=-60 * MS,
    explained_share=0.9,
    only_a=(_part("a_very_slow_initcall", 40, 0),),
    only_b=(),
    differ=(_part("both_init", 15, 1), _part("tiny_init", 0.05, 0.04)),
    waits=(),
    steps=(_part("timer check", 5, 0), _part("same", 1, 1)),
    unnamed=(_part("before initcalls", 8, 2),),
)
TINY = compare.result(measured.measurement([1000] * 8, [900] * 8))
RESULT = KernelCompareResult(
    kernel=TINY.phases["kernel"],
    tiny=TINY,
    image=None,
    reasons=REASONS,
    facts={"A": FACTS_A, "B": FACTS_B},
)


def test_kernels_text_shows_only_differences() -> None:
    head, _, rest = text(RESULT).partition("\n\nA: ")
    assert head == comparison.text(TINY)
    assert f"A: {rest}".splitlines() == [
        "A: 6.1.0, boots its vmlinux (vmlinux 53.0 MiB, bzImage 8.0 MiB)",
        "   reserves 40.0 MiB of the guest's memory",
        "   as a bzImage its clock would start 300.0 ms later: loading and decompression",
        "B: 6.1-micro, boots its vmlinux (vmlinux 20.0 MiB)",
        "",
        "why, ms; each moment counted once                      A         B     B - A",
        "initcalls that only A has                                              -40.0",
        "  a_very_slow_initcall                              40.0         -     -40.0",
        "initcalls that differ                                                  -14.0",
        "  both_init                                         15.0       1.0     -14.0",
        "other parts that the log names                                          -5.0",
        "  timer check (only without KVM)                     5.0         -      -5.0",
        "time that the log does not explain                                      -6.0",
        "  before initcalls                                   8.0       2.0      -6.0",
        "",
        "90% of the difference is explained, from one instrumented boot of each; its",
        "size is measured by the boots above",
    ]
