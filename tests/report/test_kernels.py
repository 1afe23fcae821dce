"""Two kernels side by side, as text."""

from __future__ import annotations

from typing import Any

from bootwright.report.kernels import text

MS = 1_000_000


def _part(name: str, a_ms: float, b_ms: float) -> dict[str, Any]:
    return {
        "name": name,
        "a_ns": round(a_ms * MS),
        "b_ns": round(b_ms * MS),
        "only_without_kvm": name == "timer check",
    }


TOLD: dict[str, Any] = {
    "facts": {
        "A": {
            "release": "6.1.0",
            "boots": "vmlinux",
            "file_bytes": {"vmlinux": 53 << 20, "bzImage": 8 << 20},
            "memory_bytes": 40 << 20,
            "unpacking_ns": 300 * MS,
        },
        "B": {
            "release": "6.1-micro",
            "boots": "vmlinux",
            "file_bytes": {"vmlinux": 20 << 20},
            "memory_bytes": None,
            "unpacking_ns": None,
        },
    },
    "reasons": {
        "gap_ns": -60 * MS,
        "named_share": 0.9,
        "only_a": [_part("a_very_slow_initcall", 40, 0)],
        "only_b": [],
        "differ": [_part("both_init", 15, 1), _part("tiny_init", 0.05, 0.04)],
        "waits": [],
        "steps": [_part("timer check", 5, 0), _part("same", 1, 1)],
        "unnamed": [_part("before initcalls", 8, 2)],
    },
}


def test_kernels_text_shows_only_differences() -> None:
    assert text(TOLD).splitlines() == [
        "A: 6.1.0, boots its vmlinux (vmlinux 53.0 MiB, bzImage 8.0 MiB)",
        "   keeps 40.0 MiB of the guest's memory for itself",
        "   as a bzImage its clock would start 300.0 ms later: loading and decompression",
        "B: 6.1-micro, boots its vmlinux (vmlinux 20.0 MiB)",
        "",
        "why, ms; each moment counted once                      A         B     B - A",
        "initcalls that only A has                                              -40.0",
        "  a_very_slow_initcall                              40.0         -     -40.0",
        "initcalls that differ                                                  -14.0",
        "  both_init                                         15.0       1.0     -14.0",
        "  1 smaller, in sum                                  0.1       0.0      -0.0",
        "other parts that the log names                                          -5.0",
        "  timer check (only without KVM)                     5.0         -      -5.0",
        "stretches in which nothing says what was done                           -6.0",
        "  before initcalls                                   8.0       2.0      -6.0",
        "",
        "90% of the gap of 60.0 ms between one watched boot of each has a name",
    ]
